"""What is on a page as JSONL, whole: one object a line, sent as it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from selfchal.browsing.episodes import describe_episode, read_episode, walk_bodies
from selfchal.browsing.listing import walk_episodes
from selfchal.browsing.proposals import check_proposal_filter, list_proposals, read_proposal
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.view.asking import read_address, read_filter, read_text
from selfchal.view.episode_pages import check_where_indexed
from selfchal.view.library import Library


def send_episodes(library: Library, request: Request) -> Response:
    """One episode (``at``), or all that a filter lets through."""
    run = request.path_params["run"]
    if read_text(request, "at"):
        address = read_address(request)
        with library.open(run) as index:
            row = describe_episode(address, read_episode(index, address))
        return _send([row], "episode.jsonl")
    wanted = read_filter(request)
    with library.open(run) as index:  # what is wrong is said before anything is sent
        check_where_indexed(index, wanted)

    def walk() -> Iterator[Mapping[str, Json]]:
        with library.open(run) as index:
            bodies = walk_bodies(index, walk_episodes(index, wanted))
            yield from (body for _, body in bodies if body is not None)

    return _send(walk(), "episodes.jsonl")


def send_proposals(library: Library, request: Request) -> Response:
    """All proposals that a filter lets through."""
    run, stage, check = request.path_params["run"], read_text(request, "stage"), read_text(request, "check")
    with library.open(run) as index:
        check_proposal_filter(index, stage, check)

    def walk() -> Iterator[Mapping[str, Json]]:
        following: int | None = 0
        with library.open(run) as index:
            while following is not None:
                rows, following = list_proposals(index, stage, check, following)
                for row in rows:
                    try:
                        yield read_proposal(index, row.round, row.index).to_json()
                    except StoreError:
                        continue  # one that cannot be read

    return _send(walk(), "proposals.jsonl")


def _send(rows: Iterator[Mapping[str, Json]] | list[dict[str, Json]], name: str) -> Response:
    lines = (json.dumps(row) + "\n" for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)
