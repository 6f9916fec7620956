"""Runs side by side."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from selfchal.browsing.comparing import compare_runs
from selfchal.view.library import PATIENCE, Library
from selfchal.view.rendering import render

MOST_RUNS = 12  # in one comparison


def show_comparison(library: Library, request: Request) -> Response:
    names = list(dict.fromkeys(request.query_params.getlist("run")))[:MOST_RUNS]
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
        comparison=comparison,
        behind=behind,
        runs=library.list_runs(),
        most=MOST_RUNS,
    )
