"""Mistakes in trainers, planted into a loop of few lines."""

from tests.plugins.mistakes.mistake import Mistake

LOSS = "loss = -(rewards * chosen).mean()"
CHOSEN = "chosen = logprobs.gather(-1, ids[:, 1:, None])[:, 0, 0]"
STEP = "                    optimizer.step()\n"
LOG = 'progress.log(step, {"reward": sum(one.reward for one in judged) / max(1, len(judged))})'
SAVE = "progress.save(step, optimizer.state_dict())"
NEEDS = "needs = frozenset({Capability.TOKEN_IDS, Capability.GRADIENTS})"

TRAINER = {
    "needs as a list": Mistake(NEEDS, "needs = [Capability.GRADIENTS]", "and not a frozenset of"),
    "needs as texts": Mistake(NEEDS, "needs = frozenset({'gpu'})", "and not a frozenset of"),
    "no needs": Mistake("    " + NEEDS + "\n", "", "Nudge lacks needs"),
    "an async train": Mistake("    def train(", "    async def train(", "Nudge.train is async"),
    "a group size that is a property": Mistake("    def group_size(self)", "    @property\n    def group_size(self)", "is a property, and it is called"),
    "a group size of none": Mistake("return 16", "return 0", "1 is the least"),
    "a group size that is a fraction": Mistake("return 16", "return 16.0", "group_size() gave 16.0"),
    "one pass that gives nothing": Mistake("return type(self)(Options(groups=groups))", "type(self)(Options(groups=groups))", "one_pass(8) gave None"),
    "the loss with the wrong sign": Mistake(LOSS, "loss = (rewards * chosen).mean()", "the log-probability of what earns a reward went"),
    "the reward turned round": Mistake(LOSS, "loss = -((1 - rewards) * chosen).mean()", "the log-probability of what earns a reward went"),
    "the gradient on observations": Mistake(LOSS, LOSS + "\n                    loss = loss + network(input_ids=ids).logits.log_softmax(-1).mean()", "did not write carry gradient"),
    "log-probabilities off by one": Mistake("logits[:, :-1]", "logits[:, 1:]", "carr"),
    "an optimiser over nothing": Mistake("torch.optim.AdamW(network.parameters(), lr=0.01)", "torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)", "training changed no weight"),
    "an optimiser that never steps": Mistake(STEP, "", "training changed no weight"),
    "gradients that are never zeroed away": Mistake("                    optimizer.zero_grad()\n", "", "a stop led to other weights"),
    "another network trained": Mistake("network, progress = training.model.network, training.progress", "import copy\n        network, progress = copy.deepcopy(training.model.network), training.progress", "training changed no weight"),
    "weights that are not announced": Mistake("                training.model.on_weights_updated()\n", "", "on_weights_updated() was never called"),
    "updates that are not said": Mistake("with updating(training.model):", "if True:", "never said when an update begins"),
    "rollouts within an update": Mistake("            (group,) = training.collect([task], self.group_size(), seed=step + 1_000 * training.seed)\n", "            with updating(training.model):\n                (group,) = training.collect([task], self.group_size(), seed=step + 1_000 * training.seed)\n", "collect was called within an update"),
    "no metrics": Mistake(LOG, "pass", "progress.log was never called"),
    "updates from 0": Mistake("progress.log(step,", "progress.log(step - 1,", "not as 1, 2"),
    "metrics that are no mapping": Mistake(LOG, "progress.log(step, loss)", "metrics are numbers by name"),
    "a metric that is a tensor of several": Mistake(LOG, 'progress.log(step, {"logprobs": torch.zeros(3)})', "and no number"),
    "a metric that is a text": Mistake(LOG, 'progress.log(step, {"note": "fine"})', "and no number"),
    "a metric that is None": Mistake(LOG, 'progress.log(step, {"loss": None})', "and no number"),
    "a metric that is NaN": Mistake(LOG, 'progress.log(step, {"loss": float("nan")})', "which is not finite"),
    "no checkpoint": Mistake(SAVE, "pass", "it saved no checkpoint"),
    "a checkpoint that cannot be read back": Mistake(SAVE, "progress.save(step, {'group': group})", "cannot be read back"),
    "an optimiser that forgets": Mistake("            optimizer.load_state_dict(latest[1])\n", "", "a stop led to other weights"),
    "a beginning at the first update each time": Mistake("first = latest[0] + 1", "first = 1", "it went on with update 1"),
    "one update made twice after a stop": Mistake("first = latest[0] + 1", "first = latest[0]", "it went on with update"),
    "noise without a seed": Mistake(LOSS, LOSS + " + 0.1 * (torch.randn_like(chosen) * chosen).mean()", "the same seed gave other weights"),
    "one seed for every update": Mistake("seed=step", "seed=1", "collect was called with the seed 1 before"),
    "unjudged episodes as failed ones": Mistake("judged = [one for one in group.episodes if one.reward is not None and one.reward == one.reward]", "judged = list(group.episodes)\n            for one in judged: one.reward = (one.reward or 0.0) - 0.1", "it changed an episode"),
    "unjudged episodes learnt from": Mistake("if one.reward is not None and one.reward == one.reward]", "]\n            judged = judged if any(one.reward is not None for one in judged) else [type(one)(**{**vars(one), 'reward': 1.0}) for one in judged]", "could not be judged"),
    "a reward that is not a number": Mistake(" and one.reward == one.reward", "", "weights are not finite"),
    "more rolled out than said": Mistake("return self.config.groups * self.group_size()", "return tasks", "and it rolled out"),
    "one pass of two": Mistake("Options(groups=groups)", "Options(groups=2 * groups)", "asked for 16"),
    "a network left in training mode": Mistake("optimizer = torch", "network.train()\n        optimizer = torch", "in training mode"),
    "weights left frozen": Mistake("        for step in range", "        list(network.parameters())[0].requires_grad_(False)\n        for step in range", "no later training can move"),
    "weights of another type": Mistake("        for step in range", "        network.double()\n        for step in range", "torch.float64"),
    "weights that are shaken": Mistake(STEP, STEP + "                    optimizer.param_groups[0]['params'][0].data += 1e-3 * torch.rand(1)\n", "the same seed gave other weights"),
}  # fmt: skip
