"""Serves an application on a socket: the pages of `selfchal view`, and OpenEnv's contract."""

from __future__ import annotations

import socket
from typing import Literal

import uvicorn
from starlette.types import ASGIApp


def serve_app(
    app: ASGIApp,
    listening: socket.socket,
    websockets: Literal["none", "websockets-sansio"] = "none",
    most_bytes: int = 2**20,
) -> None:
    """Serve until interrupted. ``most_bytes`` bounds a message of a WebSocket."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws=websockets,
        ws_max_size=most_bytes,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])
