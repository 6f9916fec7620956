"""OpenEnv's HTTP and WebSocket contract: any number of clients, each session in a world of its own.

A WebSocket at ``/ws`` is a session, or takes over one that ``openenv/session/create`` of ``/mcp`` has
opened. As in OpenEnv's own server, ``/reset``, ``/step`` and ``/state`` have no session: each opens a fresh
world. The held-out tasks are listed without what solves them.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from anyio import move_on_after
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from selfchal.core.environment import Environment
from selfchal.core.errors import ManifestError, SelfchalError
from selfchal.core.world import Json
from selfchal.serving.asgi import serve_app
from selfchal.serving.mcp_session import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, Message, make_error
from selfchal.serving.openenv_messages import (
    CLOSE,
    CREATE,
    SCHEMAS,
    answer_own_rpc,
    answer_rpc,
    answer_text,
    find_rpc_fault,
    make_result,
    make_ws_error,
)
from selfchal.serving.openenv_session import OpenEnvSession
from selfchal.serving.openenv_tasks import ActionError, answer_task_request, list_splits
from selfchal.serving.origins import LOCAL_NAMES, find_foreign
from selfchal.serving.sessions import SessionError, Sessions
from selfchal.serving.strict_json import read_json

MOST_BYTES = 16 * 2**20  # of one request or message
_BODY_SECONDS = 60.0  # that a body may take
PATHS = {
    "/health": "get",
    "/metadata": "get",
    "/schema": "get",
    "/state": "get",
    "/reset": "post",
    "/step": "post",
    "/mcp": "post",
    "/list_environments": "get",
}


def make_openenv_app(
    environment: Environment, context: Mapping[str, Json], version: str, names: frozenset[str] = frozenset()
) -> ASGIApp:
    """The application. ``names`` are hosts whose pages may ask, beside this machine's own."""
    served = _Served(environment, partial(OpenEnvSession, environment, context), version)
    routes: list[BaseRoute] = [
        Route("/openapi.json", served.openapi),
        Route("/health", served.health),
        Route("/metadata", served.metadata),
        Route("/schema", served.schema),
        Route("/state", served.state),
        Route("/reset", served.reset, methods=["POST"]),
        Route("/step", served.step, methods=["POST"]),
        Route("/mcp", served.mcp, methods=["POST"]),
        WebSocketRoute("/ws", served.serve_socket),
        WebSocketRoute("/mcp", served.serve_rpc_socket),
        Route("/list_environments", served.list_environments),
        Route("/{name}/splits", served.list_splits),
        *(
            Route(f"/{{name}}/{what}", served.answer_tasks, methods=["POST"])
            for what in ("tasks", "num_tasks", "task", "task_range")
        ),
    ]
    return _OwnPages(Starlette(routes=routes), LOCAL_NAMES | names)


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address. Raises ManifestError where it cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ManifestError(f"cannot serve at {host}:{port}: {error}; choose another --port") from error


def serve_openenv(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until interrupted."""
    serve_app(app, listening, "websockets-sansio", MOST_BYTES)


class _OwnPages:
    """Refuses what a page of another site sends through somebody's browser, and foreign names."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        why = find_foreign(headers.get("origin"), headers.get("host"), self._names)
        if not why:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why[:100]})
        else:
            await PlainTextResponse(f"{why}\n", 403)(scope, receive, send)


class _Served:
    """The addresses of one environment."""

    def __init__(
        self, environment: Environment, open_session: Callable[[], OpenEnvSession], version: str
    ) -> None:
        self._environment, self._open_session, self._version = environment, open_session, version
        self._sessions = Sessions(open_session)

    async def openapi(self, request: Request) -> Response:
        """The paths alone: OpenEnv's validation reads them to tell what kind of server this is."""
        return _respond(
            {
                "openapi": "3.1.0",
                "info": {"title": self._environment.name, "version": self._version},
                "paths": {
                    path: {verb: {"responses": {"200": {"description": "see /schema"}}}}
                    for path, verb in PATHS.items()
                },
            }
        )

    async def health(self, request: Request) -> Response:
        return _respond({"status": "healthy"})

    async def metadata(self, request: Request) -> Response:
        name = self._environment.name
        about = {"name": name, "description": self._environment.policy or name, "version": self._version}
        return _respond({**about, "readme_content": None, "author": None, "documentation_url": None})

    async def schema(self, request: Request) -> Response:
        return _respond(SCHEMAS)

    async def state(self, request: Request) -> Response:
        return _respond((await run_sync(self._open_session)).state)

    async def reset(self, request: Request) -> Response:
        return await self._answer(request, lambda body: self._open_session().reset(body))

    async def step(self, request: Request) -> Response:
        def answer(body: Mapping[str, Json]) -> Json:
            if not isinstance(body.get("action"), dict):
                raise ActionError("action is an object")
            return self._open_session().step(body["action"])

        return await self._answer(request, answer)

    async def list_environments(self, request: Request) -> Response:
        return _respond([self._environment.name])

    async def list_splits(self, request: Request) -> Response:
        if request.path_params["name"].lower() != self._environment.name:
            return _respond({"detail": "unknown environment"}, 404)
        return _respond(list_splits(self._environment))

    async def answer_tasks(self, request: Request) -> Response:
        if request.path_params["name"].lower() != self._environment.name:
            return _respond({"detail": "unknown environment"}, 404)
        return await self._answer(
            request, partial(answer_task_request, self._environment, request.url.path.rpartition("/")[2])
        )

    async def _answer(self, request: Request, work: Callable[[Mapping[str, Json]], Json]) -> Response:
        """The JSON that the work makes of the body, an object; status 422 where it refuses."""
        try:
            body = read_json(await _read_body(request) or b"{}")
            if not isinstance(body, dict):
                raise ActionError("the body is an object")
            return _respond(await run_sync(work, body))
        except ValueError as error:
            return _respond({"detail": f"the body is no JSON: {error}"}, 422)
        except ActionError as error:
            return _respond({"detail": str(error)}, 422)
        except SelfchalError as error:
            return _respond({"detail": str(error)}, 500)

    async def mcp(self, request: Request) -> Response:
        """JSON-RPC; the status is 200 whatever the response says, as the clients expect."""
        try:
            message = read_json(await _read_body(request))
        except ValueError as error:
            return _respond(make_error(None, PARSE_ERROR, f"the body is no JSON: {error}"))
        except ActionError as error:
            return _respond(make_error(None, INVALID_REQUEST, str(error)))
        return _respond(await run_sync(self._answer_rpc, message))

    def _answer_rpc(self, message: Json) -> Message:
        fault = find_rpc_fault(message)
        if fault is not None:
            return fault
        number, method, name = (
            message.get("id"),
            message["method"],
            (message.get("params") or {}).get("session_id"),
        )
        try:
            if method == CREATE:
                return make_result(number, {"session_id": self._sessions.open()})
            if method == CLOSE:
                self._sessions.close(str(name))
                return make_result(number, {"session_id": name, "closed": True})
            if name is None:
                return answer_rpc(self._open_session(), message)
            return self._sessions.use(name, lambda session: answer_rpc(session, message))
        except (KeyError, TypeError):  # an id may be any JSON
            return make_error(number, INVALID_PARAMS, f"there is no session {name!r:.80}")
        except (ActionError, SessionError, SelfchalError) as error:
            return make_error(number, INVALID_REQUEST, str(error))

    async def serve_socket(self, socket: WebSocket) -> None:
        def answer(name: str, text: str) -> Message | None:
            return self._sessions.use(name, lambda one: answer_text(one, name, text))

        await self._serve(socket, answer, socket.query_params.get("session_id"))

    async def serve_rpc_socket(self, socket: WebSocket) -> None:
        def answer(name: str, text: str) -> Message | None:
            try:
                message = read_json(text)
            except ValueError as error:
                return make_error(None, PARSE_ERROR, f"this is no JSON: {error}")
            return self._sessions.use(name, lambda one: answer_own_rpc(one, name, message))

        await self._serve(socket, answer, None)

    async def _serve(
        self, socket: WebSocket, answer: Callable[[str, str], Message | None], wanted: str | None
    ) -> None:
        """Answer the messages of a WebSocket until it ends, in a session of its own or the wanted one."""
        await socket.accept()
        try:
            name = str(wanted or await run_sync(self._sessions.open, True))
            if wanted:
                self._sessions.attach(wanted)
        except (KeyError, SessionError, SelfchalError) as error:
            why = f"Unknown session_id: {wanted}" if isinstance(error, KeyError) else str(error)
            code = "CAPACITY_REACHED" if isinstance(error, SessionError) and not wanted else "SESSION_ERROR"
            await socket.send_text(json.dumps(make_ws_error(why, code)))
            await socket.close()
            return
        try:
            while (answered := await run_sync(answer, name, await socket.receive_text())) is not None:
                await socket.send_text(json.dumps(answered))
            await socket.close()
        except (WebSocketDisconnect, KeyError):  # a session that was closed elsewhere is over
            pass
        finally:
            if wanted:
                self._sessions.release(name)
            else:
                with suppress(KeyError):
                    self._sessions.close(name)


async def _read_body(request: Request) -> bytes:
    """Raises ActionError for a body that is too large, or does not come."""
    body = bytearray()  # grows in place, however small the pieces are
    with move_on_after(_BODY_SECONDS) as waiting:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ActionError(f"a request has at most {MOST_BYTES:,} bytes")
    if waiting.cancelled_caught:
        raise ActionError(f"the body did not come within {_BODY_SECONDS:g} s")
    return bytes(body)


def _respond(value: Json, status: int = 200) -> Response:
    """The value as JSON of ASCII alone, so that half of a surrogate pair can be sent too."""
    return Response(json.dumps(value), status, media_type="application/json")
