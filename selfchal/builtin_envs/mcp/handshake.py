"""The handshake with a server behind pipes, which the SDK does: it knows every version of the protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from selfchal.builtin_envs.mcp.connection import ListedTool, ServerDiedError, list_tools
from selfchal.builtin_envs.mcp.lines import Lines
from selfchal.core.world import Json

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

    Incoming = MemoryObjectSendStream[SessionMessage | Exception]
    Outgoing = MemoryObjectReceiveStream[SessionMessage]
    Streams = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
    ]

_WRITE_SECONDS = 2.0  # the few messages of a handshake fit into an empty pipe


async def shake_hands(lines: Lines, timeout: float) -> tuple[dict[str, Json], list[ListedTool]]:
    """What stands in the parameters of every later request, and the tools of the server."""
    from mcp import Client
    from mcp.types import Implementation

    us = Implementation(name="selfchal", version="1")
    async with asyncio.timeout(timeout), Client(_open_streams(lines), client_info=us) as client:
        tools = await list_tools(client)
        told = us.model_dump(mode="json", by_alias=True, exclude_none=True)
        return _make_meta(client.protocol_version, told), tools


def _make_meta(version: str, us: Json) -> dict[str, Json]:
    """Since 2026 there is no session: each request says who asks, and by which version."""
    from mcp.types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    if version not in MODERN_PROTOCOL_VERSIONS:
        return {}
    return {
        "_meta": {
            PROTOCOL_VERSION_META_KEY: version,
            CLIENT_INFO_META_KEY: us,
            CLIENT_CAPABILITIES_META_KEY: {},
        }
    }


@asynccontextmanager
async def _open_streams(lines: Lines) -> AsyncIterator[Streams]:
    """The pipes as the SDK wants a transport. They stay open when it is left."""
    import anyio
    from mcp.shared.message import SessionMessage

    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks, incoming, read, write, outgoing:
        tasks.start_soon(_receive, lines, incoming)
        tasks.start_soon(_send, lines, outgoing)
        yield read, write
        tasks.cancel_scope.cancel()


async def _receive(lines: Lines, incoming: Incoming) -> None:
    import anyio

    try:
        while True:
            await anyio.wait_readable(lines.reads)
            for line in lines.take():
                await incoming.send(_parse(line))
    except ServerDiedError:
        await incoming.aclose()  # which the SDK takes for the end of the connection


def _parse(line: bytes) -> SessionMessage | Exception:
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter

    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _send(lines: Lines, outgoing: Outgoing) -> None:
    async for message in outgoing:
        text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
        try:
            lines.send(text.encode() + b"\n", time.monotonic() + _WRITE_SECONDS)
        except ServerDiedError:
            return  # the reader sees the same, and says it
