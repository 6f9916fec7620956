"""Runs side by side: their scores with intervals, paired where the held-out tasks are the same, and in what
their manifests differ."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfchal.browsing.index import RunIndex, open_index
from selfchal.browsing.runs import RunSummary, describe_run, summarise_run
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.pipeline.statistics import Estimate, Rows, difference_over_seeds, estimate, paired_difference

SAMPLED = "sampled"
_LONGEST_VALUE = 300  # characters of an option
_OUTSIDE = frozenset(["run.seed", "run.name"])  # options in which runs of one experiment differ


@dataclass(frozen=True)
class Rewards:
    """The rewards of a run's held-out tasks at each moment (``before``, ``after``), by mode."""

    by_moment: Mapping[tuple[str, str], Rows]

    def at(self, when: str, mode: str = SAMPLED) -> Rows:
        return self.by_moment.get((when, mode), {})


@dataclass(frozen=True)
class Compared:
    """A run beside the first one. ``against`` is its rate minus the first run's, on the tasks that both were
    measured on; None of the first run, and where no task is shared. ``shared`` is how many there are."""

    summary: RunSummary
    rates: Mapping[str, Estimate]  # before, after
    gain: Estimate | None
    against: Estimate | None
    shared: int


@dataclass(frozen=True)
class Difference:
    """An option that not all manifests agree on; a value for each run, as JSON, empty where it has none."""

    option: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """``over_seeds`` is the gain from before to after where all runs differ in their seeds alone."""

    runs: tuple[Compared, ...]
    options: tuple[Difference, ...]
    over_seeds: Estimate | None


def compare_runs(directories: Sequence[Path], seconds: float = float("inf")) -> Comparison:
    """``seconds`` is how long each index may catch up first. Raises StoreError where one is no run, or cannot
    be read, or where one is named twice."""
    whole = [directory.resolve() for directory in directories]
    if twice := [str(own) for own in directories if whole.count(own.resolve()) > 1]:
        raise StoreError(f"the same run is named twice: {' and '.join(twice)[:500]}; name two different ones")
    summaries, rewards = [], []
    for directory in directories:
        with open_index(directory) as index:
            index.catch_up(seconds)
            rewards.append(read_rewards(index))
        summaries.append(summarise_run(directory))
        if summaries[-1].fault:
            raise StoreError(summaries[-1].fault)
    options = tuple(list_differences([summary.manifest for summary in summaries]))
    pairs = list(zip(summaries, rewards, strict=True))
    return Comparison(
        runs=tuple(_compare(summary, own, rewards[0], i) for i, (summary, own) in enumerate(pairs)),
        options=options,
        over_seeds=_estimate_over_seeds(rewards) if _differ_in_seeds_alone(options, len(pairs)) else None,
    )


def read_rewards(index: RunIndex) -> Rewards:
    """From the index, which must be up to date."""
    query = (
        "SELECT s.stage, s.mode, t.name, e.reward FROM stages s JOIN episodes e ON e.stage=s.id "
        "JOIN tasks t ON t.id=e.task WHERE s.purpose='evaluate' AND s.stage IN (?, ?) "
        "ORDER BY t.name, e.sample"
    )
    found: dict[tuple[str, str], dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for row in index.ask(query, "evaluate before", "evaluate after"):
        when = row["stage"].removeprefix("evaluate ")
        found[when, row["mode"]][row["name"]].append(row["reward"])
    return Rewards(found)


def _compare(summary: RunSummary, own: Rewards, first: Rewards, position: int) -> Compared:
    rates = {when: estimate(own.at(when)) for when in ("before", "after") if own.at(when)}
    gain = paired_difference(own.at("before"), own.at("after")) if len(rates) == 2 else None
    when = "after" if own.at("after") and first.at("after") else "before"
    shared = own.at(when).keys() & first.at(when).keys()
    against = None
    if position and shared:
        against = paired_difference(_choose(first.at(when), shared), _choose(own.at(when), shared))
    return Compared(summary, rates, gain, against, len(shared))


def _choose(rows: Rows, tasks: set[str]) -> Rows:
    return {task: rewards for task, rewards in rows.items() if task in tasks}


def _estimate_over_seeds(rewards: Sequence[Rewards]) -> Estimate | None:
    before, after = ([each.at(when) for each in rewards] for when in ("before", "after"))
    if not all([*before, *after]):
        return None
    found = difference_over_seeds(before, after)
    return found if found.tasks else None


def _differ_in_seeds_alone(options: Sequence[Difference], runs: int) -> bool:
    seeds = [option for option in options if option.option == "run.seed"]
    others = [option for option in options if option.option not in _OUTSIDE]
    return runs > 1 and not others and bool(seeds) and len(set(seeds[0].values)) == runs


def list_differences(manifests: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Every option that is not the same in all of them, in the order of the names."""
    flat = [dict(_flatten("", manifest)) for manifest in manifests]
    for option in sorted({name for each in flat for name in each}):
        values = tuple(each.get(option, "") for each in flat)
        if len(set(values)) > 1:
            yield Difference(option, values)


def _flatten(path: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flatten(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, json.dumps(value, ensure_ascii=False, default=str)[:_LONGEST_VALUE]


def describe_comparison(comparison: Comparison) -> dict[str, Json]:
    """The comparison as JSON."""
    runs = [
        {
            **describe_run(each.summary),
            "rates": {when: rate.to_json() for when, rate in each.rates.items()},
            "gain": each.gain.to_json() if each.gain else None,
            "against_first": each.against.to_json() if each.against else None,
            "shared_tasks": each.shared,
        }
        for each in comparison.runs
    ]
    options = {difference.option: list(difference.values) for difference in comparison.options}
    seeds = comparison.over_seeds.to_json() if comparison.over_seeds else None
    return {"runs": runs, "manifests_differ": options, "gain_over_seeds": seeds}
