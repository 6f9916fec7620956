"""What a run would do and at most cost, from the manifest alone: for ``--dry-run``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from selfchal.cli.manifest import describe
from selfchal.cli.terminal import say, say_json
from selfchal.core.environment import Environment
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.manifest.sections import PROPOSALS_A_TASK
from selfchal.pipeline.test_sets import list_test_tasks


@dataclass(frozen=True)
class Cost:
    """Upper bounds: episodes may end early, proposals stop when enough are kept."""

    held_out_tasks: int
    exam_tasks: int
    evaluation_episodes: int
    proposals: int
    wanted_tasks: int
    training: dict[str, object]
    sampled_tokens: int


def estimate_cost(manifest: Manifest) -> Cost:
    """Load the environment (not the model) and count. Raises EnvironmentDataError."""
    settings = manifest.settings
    environment: Environment = manifest.environment.make()
    section = settings.evaluation
    tasks = len(list_test_tasks(environment, section.split, section.tasks))
    exam = section.exam or 0
    # sampled and greedy at each moment; before, also greedy with the first action forced
    moments = 2 if manifest.trainer else 1
    evaluation = (tasks + exam) * (moments * (section.samples + 1) + section.baselines)
    rounds = settings.rounds if manifest.synthesizer else 0
    proposals = settings.challenge.most_proposals * rounds + PROPOSALS_A_TASK * exam
    rollout = settings.rollout
    tokens = rollout.max_steps * (evaluation * rollout.max_tokens + proposals * rollout.challenge_tokens)
    return Cost(
        held_out_tasks=tasks,
        exam_tasks=exam,
        evaluation_episodes=evaluation,
        proposals=proposals,
        wanted_tasks=settings.challenge.tasks * rounds,
        training=manifest.trainer.config.model_dump(mode="json") if manifest.trainer else {},
        sampled_tokens=tokens,
    )


def _describe_tests(cost: Cost, moments: str) -> str:
    if not cost.evaluation_episodes:
        return "nothing: the environment has no held-out tasks, and no exam is set apart (evaluation.exam)"
    sets = [f"{cost.held_out_tasks} held-out tasks"] if cost.held_out_tasks else []
    sets += [f"an exam of {cost.exam_tasks} self-made tasks"] if cost.exam_tasks else []
    return f"{' and '.join(sets)} {moments}, at most {cost.evaluation_episodes} episodes"


def _describe_challenge(cost: Cost, rounds: int) -> str:
    return (
        f"  challenge  until {cost.wanted_tasks} tasks are kept, at most {cost.proposals} proposals "
        f"in {rounds} round{'s' if rounds > 1 else ''}"
    )


def print_cost(manifest: Manifest, directory: Path, cost: Cost, as_json: bool) -> None:
    """What would happen, stage by stage."""
    if as_json:
        say_json({**asdict(cost), "out": str(directory), "manifest": manifest.resolved()})
        return
    settings = manifest.settings
    options = ", ".join(f"{key} {value}" for key, value in cost.training.items())
    trained = f"{manifest.trainer.name}: {options}" if manifest.trainer else "nothing, as no trainer is named"
    moments = "before and after" if manifest.trainer else "once"
    lines = [
        f"This would run {describe(manifest)}, into {directory}:",
        f"  evaluate   {_describe_tests(cost, moments)}",
        *([f"  judge      the tasks of {settings.tasks.source}"] if settings.tasks else []),
        *([_describe_challenge(cost, settings.rounds)] if manifest.synthesizer else []),
        f"  train      {trained}",
        f"  at most    {cost.sampled_tokens:,} sampled tokens, training rollouts not counted",
        "Nothing was run. Leave --dry-run away to run it.",
    ]
    say("\n".join(lines))
