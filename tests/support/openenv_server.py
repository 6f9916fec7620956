"""Ours and a stranger's OpenEnv servers, in threads of this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from selfchal.core.environment import Environment


@contextmanager
def serving(environment: Environment) -> Iterator[str]:
    """The address of our own server of this environment."""
    from selfchal.serving.openenv_http import make_openenv_app

    with serving_app(make_openenv_app(environment, {}, "1")) as url:
        yield url


@contextmanager
def serving_app(app: Any) -> Iterator[str]:
    import uvicorn

    from selfchal.serving.openenv_http import listen

    with listen("127.0.0.1", 0) as listening:
        config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="websockets-sansio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def make_counting_app(answers: Mapping[str, Any] | None = None) -> Any:
    """A server with an action of its own, ``{"add": 2}``, without tools or tasks: an episode ends at ten.

    ``answers`` are sent in place of its own, by the kind of message.
    """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route, WebSocketRoute

    schema = {"action": {"title": "Add", "type": "object", "properties": {"add": {"type": "integer"}}}}

    async def serve(socket: Any) -> None:
        await socket.accept()
        total = 0
        async for text in socket.iter_text():
            message = json.loads(text)
            kind = message["type"]
            total = 0 if kind == "reset" else total + message["data"].get("add", 0)
            observation = {"total": total, "metadata": {}}
            reward = 1.0 if total == 10 else None
            data = {"observation": observation, "reward": reward, "done": total >= 10}
            own = {"type": "observation", "data": data}
            await socket.send_text(json.dumps((answers or {}).get(kind, own)))

    async def show(request: Any) -> Any:
        return JSONResponse(schema)

    return Starlette(routes=[Route("/schema", show), WebSocketRoute("/ws", serve)])
