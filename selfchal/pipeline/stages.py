"""At most how many tokens each stage of a run takes, and how long that is at a stated speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from selfchal.core.trainer import Trainer
from selfchal.pipeline.manifest import Manifest

UPDATE = "update"
SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Speeds:
    """Tokens a second of all GPUs together: sampled, and passed through an update. None where not stated."""

    sampling: float | None = None
    training: float | None = None

    def find(self, stage: str) -> float | None:
        return self.training if stage == UPDATE else self.sampling


def count_stage_tokens(
    manifest: Manifest, *, proposals: int, evaluation_episodes: int, context: int | None
) -> dict[str, int]:
    """By stage: what is sampled to challenge, to train and to evaluate, and what goes through updates.

    Upper bounds: as if every turn took all its tokens, and no conversation ended before it has all its turns
    or the context is full. ``context`` is None where the model's is not known.
    """
    rollout = manifest.settings.rollout
    longest = rollout.max_steps * rollout.max_tokens
    episode = min(longest, context or longest)
    proposal = rollout.max_steps * rollout.challenge_tokens
    trained = _count_training_episodes(manifest)
    return {
        "challenge": proposals * min(proposal, context or proposal),
        "train": trained * episode,
        UPDATE: trained * (context or episode),
        "evaluate": evaluation_episodes * episode,
    }


def _count_training_episodes(manifest: Manifest) -> int:
    if manifest.trainer is None:
        return 0
    settings = manifest.settings
    trainer: Trainer = manifest.trainer.plugin(manifest.trainer.config)  # without what it trains with
    tasks = round(settings.challenge.tasks * (1 - settings.curriculum.validation))
    return settings.rounds * trainer.count_episodes(tasks)


def estimate_hours(tokens: Mapping[str, int], speeds: Speeds) -> dict[str, float]:
    """Of the stages whose speed is stated."""
    return {
        stage: count / speed / SECONDS_AN_HOUR
        for stage, count in tokens.items()
        if count and (speed := speeds.find(stage)) is not None
    }
