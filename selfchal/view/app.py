"""The application: which function makes which page."""

from __future__ import annotations

from functools import partial
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from selfchal.core.errors import StoreError
from selfchal.view.compare_page import show_comparison
from selfchal.view.downloads import send_episodes, send_proposals
from selfchal.view.episode_pages import show_episode, show_episodes, show_group
from selfchal.view.guard import Guard
from selfchal.view.library import Library
from selfchal.view.pair_pages import show_pair, show_pairs
from selfchal.view.proposal_pages import show_proposal, show_proposals, show_task
from selfchal.view.rendering import render
from selfchal.view.run_pages import MakePage, read_curves, show_run, show_runs

_ASSETS = {
    "view.css": "text/css",
    "view.js": "text/javascript",
    "uPlot.min.css": "text/css",
    "uPlot.iife.min.js": "text/javascript",
}
_PAGES: dict[str, MakePage] = {
    "/": show_runs,
    "/compare": show_comparison,
    "/r/{run}": show_run,
    "/r/{run}/curves.json": read_curves,
    "/r/{run}/proposals": show_proposals,
    "/r/{run}/proposal": show_proposal,
    "/r/{run}/task": show_task,
    "/r/{run}/episodes": show_episodes,
    "/r/{run}/episode": show_episode,
    "/r/{run}/group": show_group,
    "/r/{run}/pairs": show_pairs,
    "/r/{run}/pair": show_pair,
    "/r/{run}/episodes.jsonl": send_episodes,
    "/r/{run}/proposals.jsonl": send_proposals,
    "/r/{run}/version": lambda library, request: JSONResponse(
        library.read_version(request.path_params["run"])
    ),
    "/version": lambda library, request: JSONResponse(library.read_version_of_all()),
}


def make_app(library: Library, token: str) -> Guard:
    """The whole, which answers only whoever has the token."""
    routes = [Route(path, partial(_answer, make, library), methods=["GET"]) for path, make in _PAGES.items()]
    routes.append(Route("/link-token", lambda request: JSONResponse(token), methods=["GET"]))
    routes.append(Route("/static/{name}", _send_asset, methods=["GET"]))
    handlers = {StoreError: _show_error, HTTPException: _show_http_error}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token)


def _answer(make: MakePage, library: Library, request: Request) -> Response:
    return make(library, request)


def _send_asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _ASSETS:
        raise HTTPException(404)
    folder = files("selfchal.view") / "assets"
    return Response((folder / name).read_bytes(), media_type=_ASSETS[name])


def _show_error(request: Request, error: Exception) -> Response:
    return render("error.html.j2", 404, title="This cannot be shown", text=str(error))


def _show_http_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 400:
        return render("error.html.j2", 400, title="This cannot be asked for", text=error.detail)
    return render("error.html.j2", 404, title="There is no such page", text="Go back to the list of runs.")
