"""A trainer with a loop of its own, out of the parts of selfchal.on_policy: imitate what passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field

import selfchal
from selfchal import Capability, Episode, Requirement, Training, hookimpl, updating
from selfchal.memory import TrainerPlan
from selfchal.on_policy import CheckpointOptions, OptimizerOptions, RolloutOptions

if TYPE_CHECKING:
    from selfchal.on_policy import Optimizer


class ImitationOptions(RolloutOptions, OptimizerOptions, CheckpointOptions):
    """Updates, the optimiser, checkpoints: options that the parts below read. Add your own."""

    patience: int = Field(5, ge=1)
    """Updates in a row in which nothing passed before training stops and says why."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Padded tokens of one forward pass; more is faster and takes more memory."""


class Imitation:
    """Imitates the episodes that passed, a batch of fresh ones at a time."""

    name: ClassVar[str] = "imitation"
    Config: ClassVar[type[BaseModel]] = ImitationOptions
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.TOKEN_IDS, Capability.GRADIENTS})
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("torch", "selfchal[train]"),)

    @classmethod
    def plan_memory(cls, config: ImitationOptions) -> TrainerPlan:
        """So that `selfchal run --dry-run` can say whether it fits a GPU."""
        return TrainerPlan(pass_tokens=config.micro_batch_tokens, shards=False)

    def __init__(self, config: ImitationOptions) -> None:
        self.config = config

    def group_size(self) -> int:
        return self.config.group_size

    def count_episodes(self, tasks: int) -> int:
        return self.config.count_episodes(tasks)

    def one_pass(self, groups: int) -> selfchal.Trainer:
        steps = max(1, groups // self.config.tasks_per_step)
        return Imitation(self.config.model_copy(update={"steps": steps}))

    def train(self, training: Training) -> None:
        from selfchal import on_policy as parts

        options, progress = self.config, training.progress
        state = parts.TrainState(parts.sampler_for(training))  # where the training stands
        latest = parts.read_latest(progress)  # before the optimiser is made: the weights are read here
        optimizer = parts.Optimizer(training.model.network, options, parts.Team())
        if latest is not None:
            parts.unpack(*latest, state, optimizer)  # the random generators too
        else:
            parts.validate_start(training, state, options.validation_samples)
        progress.total(options.steps)
        over = state.step >= options.steps or state.zero_signal >= options.patience
        while not over:
            state.step += 1
            tasks, seed = state.sampler.next_tasks(options.tasks_per_step), state.sampler.next_seed()
            groups = training.collect(tasks, options.group_size, seed=seed)
            metrics = parts.rollout_metrics(groups)
            found = [one for one in parts.judged(groups) if parts.agent_tokens(one)]
            if passed := [one for one in found if one.reward == 1]:
                state.zero_signal, state.learnt = 0, state.learnt + 1
                with updating(training.model):  # from the first pass to the step: sampling makes room
                    metrics |= self._imitate(optimizer, passed, state.step)
                training.model.on_weights_updated()
            else:
                state.zero_signal += 1
            over = parts.end_of_step(training, state, options, metrics, optimizer)
        parts.restore_best(training, state)

    def _imitate(self, optimizer: Optimizer, episodes: Sequence[Episode], step: int) -> dict[str, float]:
        """One step towards likelier episodes: the mean over the agent's tokens, in passes that fit."""
        from selfchal.on_policy import agent_tokens, micro_batches, rate_fraction, score

        network = optimizer.network.train()
        tokens, total = sum(map(agent_tokens, episodes)), 0.0
        for batch in micro_batches(episodes, self.config.micro_batch_tokens):
            device = next(network.parameters()).device
            loss = -score(network, batch.to(device)).logprobs.sum() / tokens
            loss.backward()
            total += loss.item()
        norm = optimizer.step(step)
        network.eval()
        rate = self.config.learning_rate * rate_fraction(self.config, step)
        return {"loss": total, "grad_norm": norm, "learning_rate": rate}


@hookimpl
def register_trainers() -> list[type[Any]]:
    return [Imitation]
