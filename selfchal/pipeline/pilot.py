"""A pilot: a few proposals and a few tasks, played before a run, and what they say about the whole of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfchal.core.model import Message, Sampling
from selfchal.core.sandbox import Program
from selfchal.core.task import Task
from selfchal.core.trainer import Trainer
from selfchal.pipeline.challenge import challenge
from selfchal.pipeline.collecting import Collector
from selfchal.pipeline.context import GREEDY, RunContext, open_context
from selfchal.pipeline.costs import Usage, compute_money, measure_usage
from selfchal.pipeline.environments import limits_of
from selfchal.pipeline.evaluation import order_measured
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.manifest.sections import PROPOSALS_A_TASK
from selfchal.pipeline.outcomes import count_outcomes
from selfchal.pipeline.sources import judge_source, source_tasks
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import held_out
from selfchal.pipeline.watch import Watchers
from selfchal.rollout.rollout import Rollout

TASKS = 4  # are played
MOST_SAMPLES = 8  # of each


@dataclass(frozen=True)
class Pilot:
    """What was tried. ``rates`` are the pass rates of the tasks that were played, ``samples`` times each."""

    proposed: int
    outcomes: Mapping[str, int]
    proposing: Usage
    proposing_seconds: float
    rates: tuple[float, ...]
    samples: int
    playing: Usage
    playing_seconds: float

    @property
    def kept(self) -> int:
        return self.outcomes.get("kept", 0)


@dataclass(frozen=True)
class Forecast:
    """What the whole run would take, in episodes and tokens by purpose, seconds by purpose, and money.

    Seconds leave out a trainer's updates, and are a least and a most: as if a whole batch of the run took no
    longer than the few episodes of the pilot did, and as if running more together gained nothing.
    """

    usage: Mapping[str, Usage]
    seconds: Mapping[str, tuple[float, float]]
    money: float | None


def run_pilot(manifest: Manifest, proposals: int, watchers: Watchers) -> Pilot:
    """Propose so many tasks and play some of those that were kept; nothing of it stays on the disk.

    Raises what a run raises.
    """
    settings = manifest.settings
    section = settings.challenge.model_copy(update={"tasks": proposals, "proposals": proposals})
    evaluation = settings.evaluation.model_copy(update={"exam": None})
    short = settings.model_copy(update={"challenge": section, "evaluation": evaluation})
    with tempfile.TemporaryDirectory(prefix="selfchal-pilot-") as directory:  # noqa: SIM117 — one resource a line
        with Store.create(Path(directory), manifest.resolved()) as store:
            with open_context(replace(manifest, settings=short, watchers=()), store, watchers) as context:
                return _try_out(context)


def _try_out(context: RunContext) -> Pilot:
    _warm_up(context)
    started = time.perf_counter()
    if context.manifest.settings.tasks is not None:
        judge_source(context)
    proposals = challenge(context, 1)
    proposed = time.perf_counter()
    kept = [p.task for p in proposals if p.task and p.verdict.passed] or source_tasks(context)
    trainer: Trainer | None = context.trainer.make() if context.manifest.trainer else None
    asked = trainer.group_size() if trainer else context.manifest.settings.evaluation.samples
    rates, playing = _play(context, kept[:TASKS], min(asked, MOST_SAMPLES))
    return Pilot(
        proposed=len(proposals),
        outcomes=count_outcomes(proposals),
        proposing=context.ledger.total("challenge"),
        proposing_seconds=proposed - started,
        rates=rates,
        samples=min(asked, MOST_SAMPLES),
        playing=playing,
        playing_seconds=time.perf_counter() - proposed,
    )


def _warm_up(context: RunContext) -> None:
    """A token and a call, so that what happens once in a run does not count for each proposal."""
    for model in {id(m): m for m in (context.model, context.challenger)}.values():
        model.generate([model.render_prompt([Message("user", "Hello")])], Sampling(GREEDY, max_tokens=1))
    context.sandbox.run(Program("pass"), None, limits_of(context.manifest.settings.limits))


def _play(context: RunContext, tasks: Sequence[Task], samples: int) -> tuple[tuple[float, ...], Usage]:
    """Pass rates of the tasks; held-out tasks say what an episode takes where there are none."""
    if tasks:
        groups = Collector(context, 1)(tasks, samples, seed=0)
        judged = [[reward for reward in group.rewards if reward is not None] for group in groups]
        rates = tuple(sum(rewards) / len(rewards) for rewards in judged if rewards)
        return rates, context.ledger.total("train")
    rollout = context.manifest.settings.rollout
    how = Rollout(context.model, context.sampling(rollout.temperature, context.seed("pilot")), rollout.batch)
    orders = [order_measured(task, 0) for task in held_out(context)[:TASKS]]
    return (), measure_usage([one.episode for one in context.play(orders, how)])


def forecast(manifest: Manifest, pilot: Pilot, held_out_tasks: int) -> Forecast:
    """From what the pilot's proposals and episodes took on average."""
    settings = manifest.settings
    section, rounds = settings.challenge, settings.rounds if manifest.synthesizer else 0
    proposals = rounds * _count_proposals(section.tasks, section.most_proposals, pilot)
    exam = settings.evaluation.exam or 0
    exam_proposals = _count_proposals(exam, PROPOSALS_A_TASK * exam, pilot)
    tasks = rounds * min(section.tasks, round(proposals / max(1, rounds) * _share_kept(pilot)))
    trainer: Trainer | None = manifest.trainer.make() if manifest.trainer else None
    trained = round(tasks / max(1, rounds) * (1 - settings.curriculum.validation))
    episodes = {
        "exam": exam_proposals,
        "challenge": proposals,
        "train": rounds * trainer.count_episodes(trained) if trainer and trained else 0,
        "evaluate": count_evaluation_episodes(manifest, held_out_tasks + exam),
    }
    usage, seconds = {}, {}
    for purpose, count in episodes.items():
        proposes = purpose in ("exam", "challenge")
        seen = pilot.proposing if proposes else pilot.playing
        took = pilot.proposing_seconds if proposes else pilot.playing_seconds
        usage[purpose] = seen.scale(count)
        most = took * count / max(1, seen.episodes)
        seconds[purpose] = (most * min(1.0, seen.episodes / settings.rollout.batch), most)
    return Forecast(usage, seconds, compute_money(manifest, usage))


def count_evaluation_episodes(manifest: Manifest, tasks: int) -> int:
    """Sampled and greedy at each moment; before training also greedy with the first action forced."""
    section = manifest.settings.evaluation
    moments = 2 if manifest.trainer else 1
    return tasks * (moments * (section.samples + 1) + section.baselines)


def _share_kept(pilot: Pilot) -> float:
    return pilot.kept / pilot.proposed if pilot.proposed else 0.0


def _count_proposals(tasks: int, most: int, pilot: Pilot) -> int:
    """Needed for so many kept tasks, at most ``most``."""
    return min(most, round(tasks / _share_kept(pilot))) if pilot.kept else most


def share_without_signal(rates: Sequence[float], group_size: int) -> float:
    """Expected share of groups whose rewards are all equal, so that nothing is learnt from them."""
    return sum(rate**group_size + (1 - rate) ** group_size for rate in rates) / len(rates)


def advise(pilot: Pilot, group_size: int | None) -> list[str]:
    """Whether it is worth running, in sentences; ``group_size`` is the trainer's, None without one."""
    said = []
    if pilot.proposed and not pilot.kept:
        commonest = max(pilot.outcomes, key=lambda outcome: pilot.outcomes[outcome])
        said.append(
            f"No proposal was kept; most were {commonest}. A stronger challenger, more exploration_steps or "
            "revisions may help; `selfchal tasks show` of a short run shows the tracebacks."
        )
    if not pilot.rates:
        return said
    always, never = pilot.rates.count(1.0), pilot.rates.count(0.0)
    tried = len(pilot.rates)
    if always > tried / 2:
        said.append(
            f"{always} of {tried} tasks are solved always: there is little to learn, make harder ones."
        )
    if never > tried / 2:
        said.append(
            f"{never} of {tried} tasks are never solved, so nothing is rewarded: train on a stronger model's "
            "episodes first (teacher, with rft), or make easier tasks."
        )
    if group_size and group_size > 1:
        share = share_without_signal(pilot.rates, group_size)
        said.append(f"About {share:.0%} of the groups of {group_size} episodes would have no signal.")
        if always + never < tried and share < 0.8:
            said.append("Training has something to learn from.")
    return said
