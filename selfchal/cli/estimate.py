"""What a run would do and at most cost, from the manifest alone: for ``--dry-run``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from selfchal.cli.manifest import describe
from selfchal.core.environment import Environment
from selfchal.pipeline.manifest import Manifest


@dataclass(frozen=True)
class Cost:
    """Upper bounds: episodes may end early, proposals stop when enough are kept."""

    held_out_tasks: int
    evaluation_episodes: int
    proposals: int
    wanted_tasks: int
    training: dict[str, object]
    sampled_tokens: int


def estimate_cost(manifest: Manifest) -> Cost:
    """Load the environment (not the model) and count. Raises EnvironmentDataError."""
    settings = manifest.settings
    environment: Environment = manifest.environment.make()
    split = settings.evaluation.split or environment.splits()[0]
    tasks = len(list(environment.test_tasks(split))[: settings.evaluation.tasks])
    # before and after: sampled and greedy; before also greedy with the first action forced
    evaluation = tasks * (2 * (settings.evaluation.samples + 1) + settings.evaluation.baselines)
    proposals = settings.challenge.most_proposals * settings.rounds
    rollout = settings.rollout
    tokens = rollout.max_steps * (evaluation * rollout.max_tokens + proposals * rollout.challenge_tokens)
    return Cost(
        held_out_tasks=tasks,
        evaluation_episodes=evaluation,
        proposals=proposals,
        wanted_tasks=settings.challenge.tasks * settings.rounds,
        training=manifest.trainer.config.model_dump(mode="json"),
        sampled_tokens=tokens,
    )


def print_cost(manifest: Manifest, directory: Path, cost: Cost, as_json: bool) -> None:
    """What would happen, stage by stage."""
    if as_json:
        click.echo(json.dumps({**asdict(cost), "out": str(directory), "manifest": manifest.resolved()}))
        return
    settings = manifest.settings
    options = ", ".join(f"{key} {value}" for key, value in cost.training.items())
    lines = [
        f"This would run {describe(manifest)}, into {directory}:",
        f"  evaluate   {cost.held_out_tasks} held-out tasks before and after, at most "
        f"{cost.evaluation_episodes} episodes",
        f"  challenge  until {cost.wanted_tasks} tasks are kept, at most {cost.proposals} proposals "
        f"in {settings.rounds} round(s)",
        f"  train      {manifest.trainer.name}: {options}",
        f"  at most    {cost.sampled_tokens:,} sampled tokens, training rollouts not counted",
        "Nothing was run. Leave --dry-run away to run it.",
    ]
    click.echo("\n".join(lines))
