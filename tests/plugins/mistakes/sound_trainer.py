"""A sound trainer of few lines, with its own loop: what mistakes are planted into."""

from pydantic import BaseModel

from selfchal import Capability, hookimpl, updating


class Options(BaseModel, extra="forbid"):
    groups: int = 4


class Nudge:
    """Makes each token that earned a reward likelier, one task an update."""

    name = "planted"
    Config = Options
    needs = frozenset({Capability.TOKEN_IDS, Capability.GRADIENTS})

    def __init__(self, config):
        self.config = config

    def group_size(self):
        return 16

    def count_episodes(self, tasks):
        return self.config.groups * self.group_size()

    def one_pass(self, groups):
        return type(self)(Options(groups=groups))

    def train(self, training):
        import torch

        network, progress = training.model.network, training.progress
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
        optimizer.param_groups[0]["weight_decay"] = 0.0  # where nothing earned a reward, nothing changes
        latest = progress.latest()
        first = 1
        if latest is not None:
            first = latest[0] + 1
            optimizer.load_state_dict(latest[1])
        for step in range(first, self.config.groups + 1):
            task = training.tasks[(step - 1) % len(training.tasks)]
            (group,) = training.collect([task], self.group_size(), seed=step + 1_000 * training.seed)
            judged = [one for one in group.episodes if one.reward is not None and one.reward == one.reward]
            if judged:
                with updating(training.model):
                    longest = max(len(one.ids) for one in judged)
                    ids = torch.tensor([one.ids + [0] * (longest - len(one.ids)) for one in judged])  # [B, t]
                    mask = torch.tensor(
                        [one.mask + [0] * (longest - len(one.mask)) for one in judged]
                    )  # [B, t]
                    rewards = torch.tensor([one.reward for one in judged])  # [B]
                    logprobs = network(input_ids=ids).logits[:, :-1].log_softmax(-1)  # [B, t - 1, V]
                    said = logprobs.gather(-1, ids[:, 1:, None])[:, :, 0] * mask[:, 1:]  # [B, t - 1]
                    chosen = said.sum(-1)  # [B]
                    loss = -(rewards * chosen).mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                training.model.on_weights_updated()
            progress.log(step, {"reward": sum(one.reward for one in judged) / max(1, len(judged))})
            progress.save(step, optimizer.state_dict())
            if progress.is_over():
                break


@hookimpl
def register_trainers():
    return [Nudge]
