"""Proposals, kept and fallen, with code and revisions; and tasks with all their rollouts."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from selfchal.browsing.filters import EpisodeFilter
from selfchal.browsing.index import RunIndex
from selfchal.browsing.listing import list_episodes
from selfchal.browsing.proposals import (
    check_proposal_filter,
    count_funnel,
    find_conversation,
    list_checks,
    list_proposals,
    read_proposal,
)
from selfchal.browsing.runs import summarise_run
from selfchal.browsing.verifiers import find_verifier
from selfchal.core.errors import StoreError
from selfchal.core.judge import FUNNEL
from selfchal.view.asking import read_number, read_text
from selfchal.view.episode_pages import read_trace
from selfchal.view.library import Library
from selfchal.view.rendering import render

_DIGITS = 7  # fewer has every number of a round or a proposal
_BATCHES = """
SELECT b.purpose, b.key, s.stage, s.mode, min(e.position) position,
  count(*) episodes, total(e.outcome=1) solved
FROM episodes e JOIN batches b ON b.id=e.batch JOIN stages s ON s.id=e.stage
WHERE e.task=(SELECT id FROM tasks WHERE name=?) GROUP BY e.batch ORDER BY min(e.id) LIMIT 500"""


def show_proposals(library: Library, request: Request) -> Response:
    run = request.path_params["run"]
    stage, check = read_text(request, "stage"), read_text(request, "check")
    with library.open(run) as index:
        check_proposal_filter(index, stage, check)
        rows, following = list_proposals(index, stage, check, read_number(request, "from") or 0)
        return render(
            "proposals.html.j2",
            id=run,
            run=summarise_run(index.directory),
            rows=rows,
            following=following,
            stage=stage,
            check=check,
            stages=[str(each) for each in FUNNEL],
            checks=list_checks(index),
            funnel=count_funnel(index),
        )


def show_proposal(library: Library, request: Request) -> Response:
    run = request.path_params["run"]
    round_, position = _read_whole(request, "round"), _read_whole(request, "index")
    with library.open(run) as index:
        proposal = read_proposal(index, round_, position)
        address = find_conversation(index, round_, position)
        return render(
            "proposal.html.j2",
            id=run,
            run=summarise_run(index.directory),
            proposal=proposal,
            task=proposal.task,
            address=str(address) if address else "",
            trace=read_trace(index, address) if address else None,
            batches=_list_batches(index, proposal.task.id) if proposal.task else [],
        )


def show_task(library: Library, request: Request) -> Response:
    """A task by its id: what it asks for, and every batch in which it was played."""
    run, task = request.path_params["run"], read_text(request, "id")
    with library.open(run) as index:
        first = list_episodes(index, EpisodeFilter(task=task), count=1).rows
        verifier = find_verifier(index, task)
        if not task or not (first or verifier):
            raise StoreError(f"no task of this run is called {task[:80]!r}, or it is not indexed yet")
        return render(
            "task.html.j2",
            id=run,
            run=summarise_run(index.directory),
            task=task,
            opening=first[0].opening if first else "",
            family=first[0].family if first else "",
            verifier=verifier,
            batches=_list_batches(index, task),
        )


def _list_batches(index: RunIndex, task: str) -> list[dict[str, object]]:
    return [
        {**dict(row), "at": f"{row['purpose']}/{row['key']}/{row['position']}"}
        for row in index.ask(_BATCHES, task)
    ]


def _read_whole(request: Request, name: str) -> int:
    """A number of a proposal's name; the exam's round is below 0. Raises StoreError where it is none."""
    text = read_text(request, name)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < _DIGITS):
        raise StoreError(
            f"{name} {text[:80]!r} names no proposal; the list of proposals has those that there are"
        )
    return int(text)
