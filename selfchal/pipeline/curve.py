"""The curve of a run: every held-out task once, with the weights of every so many updates (paper: figure 3).

The trainer is not disturbed. The weights of these updates are kept beside its checkpoints
(``training.Recorder``), measured when its round is over, and then removed. A curve shows how a training went.
Whoever chooses a checkpoint by it trains on the test tasks, so nothing here does.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping

from selfchal.core.episode import Episode
from selfchal.core.world import Json
from selfchal.pipeline.budget import find_exhausted
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.evaluation import Mode, Score, measure, score_of
from selfchal.pipeline.statistics import estimate, paired_difference
from selfchal.pipeline.test_sets import TestSet
from selfchal.pipeline.training import checkpoints_of, list_points

_MOMENT = re.compile(r"round (\d+) update (\d+)")
_MEASURED = ".measured"  # the ending of weights that are not needed any more


def measure_curve(context: RunContext, round_: int) -> None:
    """Measure what the round's training kept; the model then holds the trained weights again."""
    directory = checkpoints_of(context, f"round_{round_}")
    for left in directory.glob(f"*{_MEASURED}"):  # by a kill, half removed
        shutil.rmtree(left)
    points = list_points(directory)
    for step, weights in points:
        if exhausted := find_exhausted(context):
            context.watch.note(f"{exhausted}; the curve ends before update {step}")
            break
        context.trainable_model.load(weights)
        measure(context, f"round {round_} update {step:06d}", [Mode.SAMPLED], samples=1)
        shutil.rmtree(weights.replace(weights.with_suffix(_MEASURED)))
    if points:
        context.trainable_model.load(directory / "final")


def is_curve_point(moment: str) -> bool:
    """Is this what the store calls the episodes of a point?"""
    return _MOMENT.search(moment) is not None


def describe_curve(context: RunContext, on: TestSet, before: Score) -> list[dict[str, Json]]:
    """pass@1 at each point, its interval, its paired difference to ``before``; empty without a curve."""
    moments = dict.fromkeys(key.partition("/")[0] for key in context.store.keys("evaluate"))
    found = []
    for moment in moments:
        match = _MOMENT.search(moment)
        if match and moment == on.name_moment(match[0]):
            rows = score_of(_read_episodes(context, moment)).rows
            rate = estimate(rows)
            point = {"round": int(match[1]), "update": int(match[2]), "pass@1": rate.mean}
            change = paired_difference(before.rows, rows).to_json()
            found.append({**point, "low": rate.low, "high": rate.high, "difference": change})
    return found


def _read_episodes(context: RunContext, moment: str) -> list[Episode]:
    keys = [key for key in context.store.keys("evaluate") if key.startswith(f"{moment}/")]
    return [episode for key in keys for episode in context.store.episodes("evaluate", key)]


def list_curve_points(part: Mapping[str, Json]) -> list[tuple[str, float]]:
    """The rates of a test set's results from before to after, with a name for each moment."""
    named = [
        (f"round {point['round']}, update {point['update']}", point["pass@1"]) for point in part["curve"]
    ]
    return [("before", part["before"]["pass@1"]), *named, ("after", part["after"]["pass@1"])]
