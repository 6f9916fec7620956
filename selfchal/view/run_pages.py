"""The list of runs, and one run: its error, scores, funnel, curves, tokens and seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from selfchal.browsing.index import RunIndex
from selfchal.browsing.money import is_priced, measure_money
from selfchal.browsing.pairs import count_changes
from selfchal.browsing.proposals import count_fallen, count_funnel
from selfchal.browsing.runs import RunSummary, read_money, summarise_run
from selfchal.core.errors import StoreError
from selfchal.core.judge import FUNNEL
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import count_tasks, list_measured
from selfchal.report.charts import FIRST_CURVES
from selfchal.view.library import Library
from selfchal.view.rendering import render

MakePage = Callable[[Library, Request], Response]
MOST_POINTS = 1_000  # of a curve; of more updates, means of as many neighbours as it takes
_GAP = 1.5  # of the usual distance of two points: what is farther apart misses one between
_LEAST_CHANGE = 1e-6  # of a metric's size: below it there is nothing to see
_STAGES = "SELECT * FROM stages ORDER BY min(id) OVER (PARTITION BY purpose, stage), id"


def show_runs(library: Library, request: Request) -> Response:
    runs = [
        {
            "id": name,
            "run": summary,
            "before": summary.rate("before"),
            "after": summary.rate("after"),
            "money": _find_money(library, name, summary),
        }
        for name, summary in library.list_runs()
    ]
    return render("runs.html.j2", runs=runs)


def _find_money(library: Library, name: str, summary: RunSummary) -> float | None:
    """What a run cost, or has cost so far: its tokens are counted in its index."""
    if not is_priced(summary):
        return read_money(summary.results)
    try:
        with library.open(name) as index:
            return measure_money(summary, index)
    except StoreError:
        return None  # its own page says what is wrong


def show_run(library: Library, request: Request) -> Response:
    run = request.path_params["run"]
    with library.open(run) as index:
        summary = summarise_run(index.directory)
        if summary.fault:  # what the list says of it
            raise StoreError(summary.fault)
        indexed, stored = index.count_indexed()
        with Store.read(index.directory) as store:
            seconds, metrics = store.fact("seconds", {}), store.metrics()
        return render(
            "run.html.j2",
            id=run,
            run=summary,
            measured=_list_measured(summary.results),
            indexed=indexed,
            stored=stored,
            funnel=_choose_funnel(summary.results, index),
            fallen=count_fallen(index),
            stages=index.ask(_STAGES),
            changes=_list_changes(index),
            seconds=seconds if isinstance(seconds, Mapping) else {},
            money=read_money(summary.results) if summary.results else measure_money(summary, index),
            curves=[_summarise_curve(*curve) for curve in _list_curves(metrics)],
        )


def read_curves(library: Library, request: Request) -> Response:
    """Every metric that ever changes, by stage, as the chart library takes them."""
    with Store.read(library.find(request.path_params["run"])) as store:
        metrics = store.metrics()
    curves = [
        {"stage": stage, "metric": metric, **_thin_out(steps, values)}
        for stage, metric, steps, values in _list_curves(metrics)
    ]
    return JSONResponse(curves)


def _list_measured(results: Mapping[str, Any]) -> list[tuple[str, int, Mapping[str, Any]]]:
    try:
        return [(str(name), count_tasks(name, results), part) for name, part in list_measured(results)]
    except (KeyError, TypeError):
        return []  # results of another version, or a stranger's


def _choose_funnel(results: Mapping[str, Any], index: RunIndex) -> Mapping[str, int]:
    """That of the results where there are any: without the tasks that were found too easy or too hard."""
    final = results.get("funnel")
    is_whole = isinstance(final, Mapping) and all(type(final.get(stage)) is int for stage in FUNNEL)
    return {str(stage): final[stage] for stage in FUNNEL} if final and is_whole else count_funnel(index)


def _list_changes(index: RunIndex) -> list[tuple[str, str, str, int]]:
    return [(*change, count) for change, count in sorted(count_changes(index).items())]


Curve = tuple[str, str, Sequence[int], Sequence[float]]  # stage, metric, steps, values


def _list_curves(rows: Sequence[Mapping[str, Any]]) -> Iterator[Curve]:
    """Of each stage those that change, the reward first."""
    curves: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
    for row in rows:
        for metric, value in row.items():
            if metric in ("stage", "step") or not _is_point(row["step"], value):
                continue
            steps, values = curves.setdefault((str(row["stage"]), metric), ([], []))
            steps.append(row["step"])
            values.append(float(value))
    stages = list(dict.fromkeys(stage for stage, _ in curves))
    for stage, metric in sorted(curves, key=lambda key: (stages.index(key[0]), _rank(key[1]), key[1])):
        steps, values = curves[stage, metric]
        if max(values) - min(values) > _LEAST_CHANGE * max(map(abs, values)):
            yield stage, metric, steps, values


def _is_point(step: Any, value: Any) -> bool:
    """Types are SQLite's to choose in a stranger's file."""
    return isinstance(step, int) and isinstance(value, int | float) and math.isfinite(value)


def _rank(metric: str) -> int:
    return FIRST_CURVES.index(metric) if metric in FIRST_CURVES else len(FIRST_CURVES)


def _summarise_curve(
    stage: str, metric: str, steps: Sequence[int], values: Sequence[float]
) -> dict[str, Any]:
    return {
        "stage": stage,
        "metric": metric,
        "updates": len(steps),
        "first": values[0],
        "last": values[-1],
        "least": min(values),
        "greatest": max(values),
        "is_first": metric in FIRST_CURVES,
    }


def _thin_out(steps: Sequence[int], values: Sequence[float]) -> dict[str, Any]:
    width = math.ceil(len(steps) / MOST_POINTS)
    starts = range(0, len(steps), width)
    means = [sum(values[at : at + width]) / len(values[at : at + width]) for at in starts]
    return _open_gaps([steps[at] for at in starts], means)


def _open_gaps(steps: Sequence[int], values: Sequence[float]) -> dict[str, Any]:
    """A None where updates are missing, so that no line is drawn over them. How far points usually are apart
    is the curve's own affair: some metrics are measured at every tenth update."""
    usual = median(after - before for before, after in pairwise(steps)) if len(steps) > 1 else 1
    found: dict[str, Any] = {"steps": [], "values": []}
    for step, value in zip(steps, values, strict=True):
        if found["steps"] and step - found["steps"][-1] > _GAP * usual:
            found["steps"].append(found["steps"][-1] + max(1, int(usual)))
            found["values"].append(None)
        found["steps"].append(step)
        found["values"].append(value)
    return found
