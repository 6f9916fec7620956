"""Runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from selfchal.browsing.comparing import compare_runs
from selfchal.view.library import PATIENCE, Library
from selfchal.view.rendering import render

MOST_RUNS = 12  # in one comparison


def show_comparison(library: Library, request: Request) -> Response:
    asked = request.query_params.getlist("run")
    names = list(dict.fromkeys(asked))
    note = _describe_wrong(asked, names)
    names = names[:MOST_RUNS]
    comparison, behind = None, []
    if len(names) > 1:
        for name in names:
            with library.open(name) as index:  # a thread goes on where the index is behind
                indexed, stored = index.count_indexed()
                behind += [index.directory] if indexed < stored else []
        comparison = compare_runs([library.find(name) for name in names], PATIENCE)
    return render(
        "compare.html.j2",
        names=names,
        note=note,
        comparison=comparison,
        behind=behind,
        runs=library.list_runs(),
        most=MOST_RUNS,
    )


def _describe_wrong(asked: Sequence[str], names: Sequence[str]) -> str:
    """What is wrong with a choice of runs; empty where nothing is."""
    if not asked:
        return "No run is chosen: mark two or more."
    if len(names) == 1:
        said = "The same run is named twice" if len(asked) > 1 else "One run alone is chosen"
        return f"{said}: mark two different ones or more."
    if len(asked) > len(names):
        return "A run is named twice; it is shown once."
    return f"Only the first {MOST_RUNS} runs are compared." if len(names) > MOST_RUNS else ""
