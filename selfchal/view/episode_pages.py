"""Episodes: the list with its filters, one trace, and a task's rollouts side by side."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from selfchal.browsing.addresses import Address
from selfchal.browsing.episodes import list_group, read_episode, read_from
from selfchal.browsing.excerpts import find_excerpt
from selfchal.browsing.filters import EpisodeFilter, find_first_term
from selfchal.browsing.index import RunIndex
from selfchal.browsing.listing import EpisodeRow, check_filter, find_row, list_choices, list_episodes
from selfchal.browsing.outcomes import WORDS
from selfchal.browsing.pairs import find_pair
from selfchal.browsing.runs import summarise_run
from selfchal.browsing.source import Source, open_source
from selfchal.browsing.verifiers import find_verifier
from selfchal.core.episode import End
from selfchal.core.errors import StoreError
from selfchal.view.asking import describe_filter, read_address, read_filter, read_number, read_text
from selfchal.view.library import Library
from selfchal.view.rendering import render
from selfchal.view.token_texts import read_token_texts
from selfchal.view.traces import Trace, make_trace


def show_episodes(library: Library, request: Request) -> Response:
    run, wanted = request.path_params["run"], read_filter(request)
    newest = bool(read_text(request, "newest"))
    with library.open(run) as index:
        check_where_indexed(index, wanted)
        page = list_episodes(index, wanted, read_number(request, "from"), newest=newest)
        indexed, stored = index.count_indexed()
        term = find_first_term(wanted.text)
        with open_source(index.directory) as source:
            rows = [(row, _find_excerpt(source, row, term)) for row in page.rows]
        return render(
            "episodes.html.j2",
            id=run,
            run=summarise_run(index.directory),
            rows=rows,
            page=page,
            wanted=wanted,
            asked=describe_filter(wanted) | ({"newest": "1"} if newest else {}),
            newest=newest,
            indexed=indexed,
            stored=stored,
            outcomes=list(WORDS),
            ends=[str(end) for end in End],
            choices=list_choices(index),
        )


def check_where_indexed(index: RunIndex, wanted: EpisodeFilter) -> None:
    """Raises StoreError where nothing can fit; of a run that is not indexed whole nobody can say so."""
    indexed, stored = index.count_indexed()
    if indexed >= stored:
        check_filter(index, wanted)


def show_episode(library: Library, request: Request) -> Response:
    run, address = request.path_params["run"], read_address(request)
    with library.open(run) as index:
        row = find_row(index, address)
        trace = make_trace(read_episode(index, address), read_token_texts(index.directory))
        return render(
            "episode.html.j2",
            id=run,
            run=summarise_run(index.directory),
            address=str(address),
            row=row,
            trace=trace,
            verifier=find_verifier(index, trace.task),
            group=len(list_group(index, address)),
            pair=find_pair(index, address),
            neighbours=_list_neighbours(address),
        )


def show_group(library: Library, request: Request) -> Response:
    run, address = request.path_params["run"], read_address(request)
    with library.open(run) as index:
        rows = list_group(index, address)
        if not rows:
            raise StoreError(f"the rollouts beside {address} are not indexed yet; load this page again soon")
        traces = [(str(row.address), row, read_trace(index, row.address)) for row in rows]
        return render(
            "group.html.j2",
            id=run,
            run=summarise_run(index.directory),
            task=rows[0].task,
            moment=rows[0].moment,
            batch=rows[0].address.key,
            traces=traces,
            verifier=find_verifier(index, rows[0].task),
        )


def read_trace(index: RunIndex, address: Address) -> Trace | None:
    """None where the episode cannot be read."""
    try:
        return make_trace(read_episode(index, address), read_token_texts(index.directory))
    except StoreError:
        return None


def _find_excerpt(source: Source, row: EpisodeRow, term: str) -> tuple[str, str, str] | None:
    if not term:
        return None
    try:
        return find_excerpt(read_from(source, row.address), term)
    except StoreError:
        return None


def _list_neighbours(address: Address) -> list[tuple[str, str]]:
    """The episodes of the batch before and after this one."""
    before = [("previous", Address(address.purpose, address.key, address.position - 1))]
    after = [("next", Address(address.purpose, address.key, address.position + 1))]
    return [(word, str(each)) for word, each in before * (address.position > 0) + after]
