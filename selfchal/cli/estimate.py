"""What a run would do and at most cost, from the manifest alone: for ``--dry-run``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from selfchal.cli.footprint import (
    describe_memory,
    list_memory_lines,
    list_token_lines,
    refuse_what_does_not_fit,
)
from selfchal.cli.manifest import describe
from selfchal.cli.terminal import say_json, say_listing
from selfchal.core.trainer import Trainer
from selfchal.core.world import Json
from selfchal.pipeline.environments import open_environment
from selfchal.pipeline.footprint import Footprint
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.manifest.sections import PROPOSALS_A_TASK
from selfchal.pipeline.pilot import Pilot, advise, count_evaluation_episodes, forecast
from selfchal.pipeline.roles import describe_roles, list_role_lines
from selfchal.pipeline.stages import Speeds, count_stage_tokens, estimate_hours
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
    stage_tokens: dict[str, int] = field(default_factory=dict)


def estimate_cost(manifest: Manifest, context: int | None = None) -> Cost:
    """Load the environment (not the model) and count. ``context``: the model's, where it is known.

    Raises EnvironmentDataError.
    """
    settings = manifest.settings
    section = settings.evaluation
    tasks = 0
    for choice, split in zip(manifest.environments, manifest.splits, strict=True):
        with ExitStack() as closing:
            environment = open_environment(choice, closing)
            tasks += len(list_test_tasks(environment, split, section.tasks))
    exam = section.exam or 0
    evaluation = count_evaluation_episodes(manifest, tasks + exam)
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
        stage_tokens=count_stage_tokens(
            manifest, proposals=proposals, evaluation_episodes=evaluation, context=context
        ),
    )


def _describe_tests(cost: Cost, moments: str, every: int | None) -> str:
    if not cost.evaluation_episodes:
        return "nothing: the environment has no held-out tasks, and no exam is set apart (evaluation.exam)"
    sets = [f"{cost.held_out_tasks} held-out tasks"] if cost.held_out_tasks else []
    sets += [f"an exam of {cost.exam_tasks} self-made tasks"] if cost.exam_tasks else []
    said = f"{' and '.join(sets)} {moments}, at most {cost.evaluation_episodes} episodes"
    once = f"{cost.held_out_tasks + cost.exam_tasks} more after every {every} updates"
    return f"{said}; {once}" if every else said


def _describe_challenge(cost: Cost, rounds: int) -> str:
    return (
        f"  challenge  until {cost.wanted_tasks} tasks are kept, at most {cost.proposals} proposals "
        f"in {rounds} round{'s' if rounds > 1 else ''}"
    )


@dataclass(frozen=True)
class Forecasted:
    """What stands beside the count: the memory of a GPU, stated speeds, and a pilot if one was made."""

    footprint: Footprint | None
    speeds: Speeds
    pilot: Pilot | None


def print_cost(manifest: Manifest, directory: Path, cost: Cost, as_json: bool, known: Forecasted) -> None:
    """What would happen, stage by stage, and what a pilot makes of it.

    Raises ManifestError, behind all that, where the GPUs have not the memory for it.
    """
    if as_json:
        say_json(
            describe_cost(manifest, cost, known) | {"out": str(directory), "manifest": manifest.resolved()}
        )
    else:
        say_listing("\n".join(_list_cost_lines(manifest, directory, cost, known)))
    refuse_what_does_not_fit(known.footprint)


def describe_cost(manifest: Manifest, cost: Cost, known: Forecasted) -> dict[str, Json]:
    """The count, the memory, the hours and the pilot as JSON."""
    tried = {"pilot": describe_pilot(manifest, cost, known.pilot)} if known.pilot else {}
    hours: dict[str, Json] = {**estimate_hours(cost.stage_tokens, known.speeds)}
    return {**asdict(cost), **tried, "memory": describe_memory(known.footprint), "hours": hours}


def _list_cost_lines(manifest: Manifest, directory: Path, cost: Cost, known: Forecasted) -> list[str]:
    settings, pilot = manifest.settings, known.pilot
    options = ", ".join(f"{key} {value}" for key, value in cost.training.items())
    trained = f"{manifest.trainer.name}: {options}" if manifest.trainer else "nothing, as no trainer is named"
    moments = "before and after" if manifest.trainer else "once"
    return [
        f"This would run {describe(manifest)}, into {directory}:",
        f"  evaluate   {_describe_tests(cost, moments, settings.evaluation.every)}",
        *([f"  judge      the tasks of {settings.tasks.source}"] if settings.tasks else []),
        *([_describe_challenge(cost, settings.rounds)] if manifest.synthesizer else []),
        f"  train      {trained}",
        *(f"  models     {line}" for line in list_role_lines(describe_roles(manifest))),
        *list_token_lines(cost.stage_tokens, known.speeds),
        *list_memory_lines(known.footprint, manifest),
        *(list_pilot_lines(manifest, cost, pilot) if pilot else ["Nothing was run; --pilot 8 tries it out."]),
        "Leave --dry-run away to run it.",
    ]


def describe_pilot(manifest: Manifest, cost: Cost, pilot: Pilot) -> dict[str, Json]:
    """The pilot and the forecast as JSON."""
    expected = forecast(manifest, pilot, cost.held_out_tasks)
    return {
        **asdict(pilot),
        "forecast": asdict(expected),
        "advice": advise(pilot, _find_group_size(manifest)),
    }


def list_pilot_lines(manifest: Manifest, cost: Cost, pilot: Pilot) -> list[str]:
    """What was tried, what the whole would take, and whether it is worth it."""
    expected = forecast(manifest, pilot, cost.held_out_tasks)
    rates = ", ".join(f"{rate:.0%}" for rate in pilot.rates)
    lines = []
    if pilot.proposed:
        took = pilot.proposing_seconds / pilot.proposed
        lines += [f"Pilot: {pilot.kept} of {pilot.proposed} proposals kept, {took:.1f} s each"]
        lines += [f"  {count} {outcome}" for outcome, count in sorted(pilot.outcomes.items())]
    if pilot.rates:
        lines += [f"Pilot: tasks solved in {rates} of {pilot.samples} episodes each"]
    lines += ["Expected from that, a trainer's updates not counted:"]
    for purpose, usage in expected.usage.items():
        if usage.episodes:
            lines += [
                f"  {purpose:10} {usage.episodes:,} episodes, {usage.sampled:,} tokens sampled, "
                f"{usage.read:,} read, {_format_range(*expected.seconds[purpose])}"
            ]
    least, most = (sum(bounds) for bounds in zip(*expected.seconds.values(), strict=True))
    total = f"  in all     {_format_range(least, most)}"
    lines += [total if expected.money is None else f"{total}, {expected.money:.4g} in money"]
    return lines + advise(pilot, _find_group_size(manifest))


def _find_group_size(manifest: Manifest) -> int | None:
    if manifest.trainer is None:
        return None
    trainer: Trainer = manifest.trainer.make()
    return trainer.group_size()


def _format_range(least: float, most: float) -> str:
    return f"{_format_duration(least)} to {_format_duration(most)}"


def _format_duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
