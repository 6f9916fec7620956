"""Before and after: pairs of attempts at held-out tasks, as a list and side by side."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from selfchal.browsing.listing import check_choice, list_choices
from selfchal.browsing.outcomes import WORDS
from selfchal.browsing.pairs import PairFilter, count_changes, find_pair, list_pairs
from selfchal.browsing.runs import summarise_run
from selfchal.browsing.verifiers import find_verifier
from selfchal.core.errors import StoreError
from selfchal.view.asking import read_address, read_number, read_text
from selfchal.view.episode_pages import read_trace
from selfchal.view.library import Library
from selfchal.view.rendering import render

_PARTS = ("before", "after", "mode", "task")


def show_pairs(library: Library, request: Request) -> Response:
    run = request.path_params["run"]
    wanted = PairFilter(**{name: read_text(request, name) for name in _PARTS})
    with library.open(run) as index:
        check_choice("mode", wanted.mode, list_choices(index).modes)
        pairs, following = list_pairs(index, wanted, read_number(request, "from") or 0)
        changes = count_changes(index)
        return render(
            "pairs.html.j2",
            id=run,
            run=summarise_run(index.directory),
            pairs=pairs,
            following=following,
            wanted=wanted,
            asked=vars(wanted),
            outcomes=list(WORDS),
            modes=sorted({mode for mode, _, _ in changes}),
            changes=sorted(changes.items()),
        )


def show_pair(library: Library, request: Request) -> Response:
    run, address = request.path_params["run"], read_address(request)
    with library.open(run) as index:
        pair = find_pair(index, address)
        if pair is None:
            raise StoreError(f"the episode {address} belongs to no pair, or is not indexed yet")
        sides = [
            (word, str(attempt.address), attempt, read_trace(index, attempt.address))
            for word, attempt in (("before", pair.before), ("after", pair.after))
            if attempt is not None
        ]
        return render(
            "pair.html.j2",
            id=run,
            run=summarise_run(index.directory),
            pair=pair,
            sides=sides,
            verifier=find_verifier(index, pair.task),
        )
