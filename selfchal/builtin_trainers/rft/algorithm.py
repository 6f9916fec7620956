"""Rejection fine-tuning (paper, section 4.2): likelier tokens of the agent in episodes that passed.

With a teacher's episodes it is distillation, and ``keep: all`` learns from the failed ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from selfchal.builtin_trainers.offline_loop import Batch, Example, ExampleLoss
from selfchal.builtin_trainers.rft.config import RftConfig
from selfchal.builtin_trainers.rollouts import explain_zero_signal, judged, rollout_metrics
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


@dataclass(frozen=True)
class RftAlgorithm:
    """See ``selfchal.builtin_trainers.offline_loop.OfflineAlgorithm``."""

    options: RftConfig
    compares: bool = False

    def make_examples(self, groups: Sequence[Group], training: Training) -> list[Example]:
        episodes = [episode for group in groups for episode in kept(group, self.options)]
        if not episodes:
            raise TrainingError(
                f"there is no episode to learn from: {explain_zero_signal(rollout_metrics(groups))}"
            )
        training.progress.note(f"{len(episodes)} of {len(judged(groups))} episodes are kept to learn from")
        return [Example((episode,)) for episode in episodes]

    def loss(self, logprobs: Tensor, examples: Sequence[Example], batch: Batch) -> ExampleLoss:
        """The mean over all agent tokens of the update."""
        return ExampleLoss(-logprobs.sum() / batch.tokens, {})


def kept(group: Group, config: RftConfig) -> list[Episode]:
    """The episodes of one task to learn from."""
    passed = [e for e in group.episodes if e.reward is not None and any(e.mask)]
    if config.keep == "successes":
        passed = [e for e in passed if (e.reward or 0.0) >= 1]
    if config.per_task is None:
        return passed
    return list({tuple(e.ids): e for e in passed}.values())[: config.per_task]
