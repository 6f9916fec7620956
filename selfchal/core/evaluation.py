"""Evaluation on held-out tasks: sampled, greedy, and elicitation-only baselines beside the score.

Elicitation-only: the same weights with the first action forced (the agent's first turn begins with
``Action:`` or a native tool call), decoded greedily. A gain that such a baseline also gives is no new skill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from selfchal.core.environment import Environment
from selfchal.core.episode import Episode
from selfchal.core.lab import GREEDY, Lab
from selfchal.core.rollout import Engine
from selfchal.core.statistics import Rows, mean_reward
from selfchal.core.task import TestTask
from selfchal.core.tool_calls import ActionFormat

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


def held_out(lab: Lab) -> list[TestTask]:
    """The test tasks that the manifest asks for."""
    section = lab.manifest.settings.evaluation
    split = section.split or lab.environment.splits()[0]
    return list(lab.environment.test_tasks(split))[: section.tasks]


def examine(lab: Lab, when: str, modes: Sequence[Mode]) -> dict[Mode, Score]:
    """Measure the present weights in each mode; what was stored under ``when`` is not measured again."""
    tasks = held_out(lab)
    counts = {mode: _samples(lab, mode) for mode in modes}
    lab.watcher.stage(f"evaluate {when}", len(tasks) * sum(counts.values()), "episodes")
    done, scores = 0, {}
    for mode in modes:
        episodes: list[Episode] = []
        for start in range(0, len(tasks), SLICE):
            episodes += _slice(lab, when, mode, tasks[start : start + SLICE], start, done + len(episodes))
        done += len(episodes)
        scores[mode] = score_of(episodes)
        lab.watcher.advance(done, {f"{m}, per cent": round(100 * s.rate) for m, s in scores.items()})
    return scores


def _samples(lab: Lab, mode: Mode) -> int:
    return lab.manifest.settings.evaluation.samples if mode is Mode.SAMPLED else 1


def _slice(
    lab: Lab, when: str, mode: Mode, tasks: Sequence[TestTask], start: int, done: int
) -> list[Episode]:
    """One stored batch of an examination."""
    key = f"{when}/{mode}/{start:06d}"
    if not lab.store.has("evaluate", key):
        section, samples = lab.manifest.settings.evaluation, _samples(lab, mode)
        sampled = mode is Mode.SAMPLED
        # the seed leaves ``when`` out: before and after are paired draws
        sampling = lab.sampling(section.temperature if sampled else GREEDY, lab.seed("evaluate", mode, start))
        rollout = lab.manifest.settings.rollout
        opening = FORCED_OPENINGS[rollout.action_format] if mode is Mode.FORCED_GREEDY else ""
        engine = Engine(lab.model, sampling, rollout.batch, rollout.lockstep, opening)
        scenes = [lab.test_scene(task) for task in tasks for _ in range(samples)]
        numbers = [n for _ in tasks for n in range(samples)]
        episodes = engine.roll(scenes, numbers, lambda ended: lab.watcher.advance(done + ended, {}))
        lab.store.put_episodes("evaluate", key, episodes)
        lab.hooks.episodes_finished("evaluate", episodes)
    return list(lab.store.episodes("evaluate", key))


def score_of(episodes: Sequence[Episode]) -> Score:
    rows: dict[str, list[float]] = defaultdict(list)
    for episode in episodes:
        if episode.reward is not None:
            rows[episode.task].append(episode.reward)
    return Score(dict(rows), sum(episode.reward is None for episode in episodes))


def do_nothing(environment: Environment, tasks: Sequence[TestTask]) -> Rows:
    """What an agent earns that calls no tool and says only ``ok``."""
    answer = "ok" if environment.wants_answer else None
    return {
        task.id: [float(environment.grade(task, environment.open(task.context), answer, ["ok"]))]
        for task in tasks
    }
