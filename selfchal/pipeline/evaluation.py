"""Evaluation on held-out tasks: sampled, greedy, and elicitation-only baselines beside the score.

Elicitation-only means the same weights, decoded greedily, with the first action forced: the agent's first
turn begins with ``Action:`` or with a native tool call. A gain that such a baseline also gives is no new
skill.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from selfchal.core.engine import TaskOrder
from selfchal.core.environment import Environment
from selfchal.core.episode import Episode
from selfchal.core.task import Task, TestTask
from selfchal.pipeline.context import GREEDY, RunContext
from selfchal.pipeline.example import read_example
from selfchal.pipeline.openings import count_opening
from selfchal.pipeline.statistics import Rows, estimate
from selfchal.pipeline.test_sets import SetName, TestSet, choose_split, held_out, list_test_sets
from selfchal.rollout.rollout import Rollout
from selfchal.rollout.tool_calls import ActionFormat

SLICE = 256  # tasks stored at once: what a kill can cost
FORCED_OPENINGS: Mapping[ActionFormat, str] = {"code": "Action:\nprint(", "tools": "<tool_call>\n"}


class Mode(StrEnum):
    SAMPLED = "sampled"
    GREEDY = "greedy"
    FORCED_GREEDY = "forced_greedy"


@dataclass(frozen=True)
class Score:
    """Rewards of every held-out task in one mode, None for an episode that could not be judged.

    ``causes`` are the reasons of those, and how many episodes have each.
    """

    rows: Rows
    causes: Mapping[str, int] = field(default_factory=dict)

    @property
    def episodes(self) -> int:
        return sum(map(len, self.rows.values()))

    @property
    def unjudged(self) -> int:
        """How many episodes could not be judged."""
        return sum(reward is None for rewards in self.rows.values() for reward in rewards)

    @property
    def rate(self) -> float:
        return estimate(self.rows).mean


Measured = Mapping[SetName, Mapping[Mode, Score]]  # of one moment: each test set's score in each mode


def measure(context: RunContext, when: str, modes: Sequence[Mode], samples: int | None = None) -> Measured:
    """Measure the present weights on every test set that there is.

    ``samples``: attempts at each task where they are sampled; without it what the manifest says.
    """
    return {one.name: evaluate(context, when, modes, one, samples) for one in list_test_sets(context)}


def evaluate(
    context: RunContext, when: str, modes: Sequence[Mode], on: TestSet, samples: int | None = None
) -> dict[Mode, Score]:
    """Measure the present weights in each mode; what was stored under ``when`` is not measured again."""
    tasks, when = on.tasks, on.name_moment(when)
    sampled = samples or context.manifest.settings.evaluation.samples
    counts = {mode: sampled if mode is Mode.SAMPLED else 1 for mode in modes}
    if on.name is SetName.HELD_OUT:
        for name, of in context.environments.items():
            split = choose_split(of.environment, context.splits[name])
            if split is not None:
                count_opening(context.store, of.prefix + split, when)
    scores: dict[Mode, Score] = {}
    with context.watch.stage(f"evaluate {when}", len(tasks) * sum(counts.values()), "episodes"):
        done = 0
        for mode in modes:
            episodes: list[Episode] = []
            for start in range(0, len(tasks), SLICE):
                part = tasks[start : start + SLICE]
                wanted = [(task, sample) for task in part for sample in range(counts[mode])]
                episodes += _evaluate_slice(context, when, mode, wanted, start, done + len(episodes))
                context.watch.progress(done + len(episodes), _format_rates(scores))
            done += len(episodes)
            scores[mode] = score_of(episodes)
            context.watch.progress(done, _format_rates(scores))
    return scores


def _format_rates(scores: Mapping[Mode, Score]) -> dict[str, int]:
    """The rates of the modes in which at least one episode could be judged."""
    rates = {mode: score.rate for mode, score in scores.items()}
    return {f"{mode}, per cent": round(100 * rate) for mode, rate in rates.items() if not math.isnan(rate)}


def _evaluate_slice(
    context: RunContext,
    when: str,
    mode: Mode,
    wanted: Sequence[tuple[TestTask | Task, int]],
    start: int,
    done: int,
) -> list[Episode]:
    """One stored batch of a measurement: each task with the number of its attempt, from task ``start`` on;
    ``done`` episodes of its stage came before.

    Of a batch that an earlier process stored, the episodes that it could not judge are played again: what
    failed then, a full disk or a sandbox that was gone, may be mended now.
    """
    key = f"{when}/{mode}/{start:06d}"
    episodes = list(context.store.episodes("evaluate", key))
    missing = [i for i in range(len(wanted)) if not episodes or episodes[i].reward is None]
    if not missing:
        return episodes
    orders = [order_measured(*wanted[i]) for i in missing]
    before = done + len(wanted) - len(missing)
    rollout = _make_rollout(context, mode, start)
    finished = context.play(orders, rollout, lambda ended: context.watch.count(before + ended))
    played = [one.episode for one in finished]
    if episodes:
        for index, episode in zip(missing, played, strict=True):
            episodes[index] = episode
        context.store.replace_episodes("evaluate", key, episodes)
    else:
        episodes = played
        context.store.put_episodes("evaluate", key, episodes)
    context.watch.episodes_finished("evaluate", played)
    return episodes


def order_measured(task: TestTask | Task, sample: int) -> TaskOrder:
    """An agent that is measured: on a held-out task, graded by the environment, or on a synthetic one."""
    return TaskOrder(task.environment, task, sample, measured=True)


def _make_rollout(context: RunContext, mode: Mode, start: int) -> Rollout:
    """How the batch that begins at task ``start`` is rolled out."""
    settings = context.manifest.settings
    temperature = settings.evaluation.temperature if mode is Mode.SAMPLED else GREEDY
    # the seed leaves out when it is: before and after are paired draws
    sampling = context.sampling(temperature, context.seed("evaluate", mode, start))
    opening = FORCED_OPENINGS[settings.rollout.action_format] if mode is Mode.FORCED_GREEDY else ""
    file = settings.evaluation.example
    return Rollout(
        context.model,
        sampling,
        settings.rollout.batch,
        settings.rollout.lockstep,
        opening,
        read_example(file) if file else (),
    )


def score_of(episodes: Sequence[Episode]) -> Score:
    rows: dict[str, list[float | None]] = defaultdict(list)
    for episode in episodes:
        rows[episode.task].append(episode.reward)
    return Score(dict(rows), Counter(episode.reason for episode in episodes if episode.reward is None))


def do_nothing_in_run(context: RunContext) -> Rows:
    """``do_nothing`` on the held-out tasks of every environment."""
    tasks = held_out(context)
    rows: dict[str, list[float | None]] = {}
    for name, of in context.environments.items():
        own = [of.take_prefix(task) for task in tasks if task.environment == name]
        earned = do_nothing(of.environment, own)
        rows |= {of.prefix + task: list(rewards) for task, rewards in earned.items()}
    return rows


def do_nothing(environment: Environment, tasks: Sequence[TestTask]) -> Rows:
    """What an agent earns that calls no tool and says only ``ok``."""
    answer = "ok" if environment.answer_required else None
    return {
        task.id: [float(environment.grade(task, environment.open(task.context), answer, ["ok"]))]
        for task in tasks
    }
