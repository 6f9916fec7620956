"""Evaluation on held-out tasks: sampled, greedy, and elicitation-only baselines beside the score.

Elicitation-only means the same weights, decoded greedily, with the first action forced: the agent's first
turn begins with ``Action:`` or with a native tool call. A gain that such a baseline also gives is no new
skill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from selfchal.core.environment import Environment
from selfchal.core.episode import Episode
from selfchal.core.task import TestTask
from selfchal.pipeline.context import GREEDY, RunContext
from selfchal.pipeline.statistics import Rows, mean_reward
from selfchal.rollout.engine import Engine
from selfchal.rollout.tool_calls import ActionFormat

SLICE = 256  # tasks stored at once: what a kill can cost
FORCED_OPENINGS: Mapping[ActionFormat, str] = {"code": "Action:\nprint(", "tools": "<tool_call>\n"}


class Mode(StrEnum):
    SAMPLED = "sampled"
    GREEDY = "greedy"
    FORCED_GREEDY = "forced_greedy"


@dataclass(frozen=True)
class Score:
    """Rewards of every held-out task in one mode; ``unjudged`` episodes are left out of ``rows``."""

    rows: Rows
    unjudged: int

    @property
    def rate(self) -> float:
        return mean_reward([mean_reward(rewards) for rewards in self.rows.values()])


def held_out(context: RunContext) -> list[TestTask]:
    """The test tasks that the manifest asks for, of every environment."""
    return [
        task for of in context.environments.values() for task in _list_test_tasks(context, of.environment)
    ]


def _list_test_tasks(context: RunContext, environment: Environment) -> list[TestTask]:
    section = context.manifest.settings.evaluation
    tasks = environment.test_tasks(section.split or environment.splits()[0])
    return [replace(task, environment=environment.name) for task in list(tasks)[: section.tasks]]


def evaluate(context: RunContext, when: str, modes: Sequence[Mode]) -> dict[Mode, Score]:
    """Measure the present weights in each mode; what was stored under ``when`` is not measured again."""
    tasks = held_out(context)
    counts = {mode: _count_samples(context, mode) for mode in modes}
    scores: dict[Mode, Score] = {}
    with context.watch.stage(f"evaluate {when}", len(tasks) * sum(counts.values()), "episodes"):
        done = 0
        for mode in modes:
            episodes: list[Episode] = []
            for start in range(0, len(tasks), SLICE):
                part = tasks[start : start + SLICE]
                episodes += _evaluate_slice(context, when, mode, part, start, done + len(episodes))
                context.watch.progress(done + len(episodes), _format_rates(scores))
            done += len(episodes)
            scores[mode] = score_of(episodes)
            context.watch.progress(done, _format_rates(scores))
    return scores


def _format_rates(scores: Mapping[Mode, Score]) -> dict[str, int]:
    return {f"{mode}, per cent": round(100 * score.rate) for mode, score in scores.items()}


def _count_samples(context: RunContext, mode: Mode) -> int:
    return context.manifest.settings.evaluation.samples if mode is Mode.SAMPLED else 1


def _evaluate_slice(
    context: RunContext, when: str, mode: Mode, tasks: Sequence[TestTask], start: int, done: int
) -> list[Episode]:
    """One stored batch of a measurement; ``done`` episodes of its stage came before."""
    key = f"{when}/{mode}/{start:06d}"
    if not context.store.has("evaluate", key):
        section, samples = context.manifest.settings.evaluation, _count_samples(context, mode)
        sampled = mode is Mode.SAMPLED
        # the seed leaves ``when`` out: before and after are paired draws
        sampling = context.sampling(
            section.temperature if sampled else GREEDY, context.seed("evaluate", mode, start)
        )
        rollout = context.manifest.settings.rollout
        opening = FORCED_OPENINGS[rollout.action_format] if mode is Mode.FORCED_GREEDY else ""
        engine = Engine(context.model, sampling, rollout.batch, rollout.lockstep, opening)
        scenes = [context.test_scene(task) for task in tasks for _ in range(samples)]
        numbers = [n for _ in tasks for n in range(samples)]
        episodes = engine.roll(scenes, numbers, lambda ended: context.watch.count(done + ended))
        context.store.put_episodes("evaluate", key, episodes)
        context.watch.episodes_finished("evaluate", episodes)
    return list(context.store.episodes("evaluate", key))


def score_of(episodes: Sequence[Episode]) -> Score:
    rows: dict[str, list[float]] = defaultdict(list)
    for episode in episodes:
        if episode.reward is not None:
            rows[episode.task].append(episode.reward)
    return Score(dict(rows), sum(episode.reward is None for episode in episodes))


def do_nothing(environment: Environment, tasks: Sequence[TestTask]) -> Rows:
    """What an agent earns that calls no tool and says only ``ok``."""
    answer = "ok" if environment.answer_required else None
    return {
        task.id: [float(environment.grade(task, environment.open(task.context), answer, ["ok"]))]
        for task in tasks
    }
