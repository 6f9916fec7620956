"""A server that is reached by an address (streamable HTTP), to which the SDK speaks on a loop of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from selfchal.builtin_envs.mcp.background import background
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import (
    MOST_CHARACTERS,
    START_SECONDS,
    Answer,
    ListedTool,
    ServerDiedError,
    ServerTimeoutError,
    find_cause,
    list_tools,
    read_answer,
)
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

if TYPE_CHECKING:
    from mcp import Client

_END_SECONDS = 8.0
_MARGIN_SECONDS = 2.0  # that this side waits longer than the SDK does

_Ready = concurrent.futures.Future[tuple["Client", list[ListedTool]]]


class HttpConnection:
    """See ``Connection``. The server itself is nobody's to end; only the connection is."""

    def __init__(self, entry: ServerEntry, timeout: float) -> None:
        """Raises EnvironmentDataError where nobody answers. ``entry`` has its variables filled in."""
        self._entry, self._timeout = entry, timeout
        self._start_timeout = max(timeout, START_SECONDS)
        self._background = background()
        self._ending = asyncio.Event()
        ready: _Ready = concurrent.futures.Future()
        self._served = self._background.submit(self._serve(ready))
        self._closer = self._background.add_closer(self.close)
        try:
            self._client, self.tools = ready.result(self._start_timeout + _MARGIN_SECONDS)
        except Exception as error:
            self.close()
            raise EnvironmentDataError(self._explain(error)) from error

    @property
    def pid(self) -> int | None:
        return None

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        """Raises ServerDiedError, ServerTimeoutError."""
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        try:
            if self._served.done():
                raise ServerDiedError
            work = self._client.call_tool(tool, dict(arguments), read_timeout_seconds=self._timeout)
            result = self._background.submit(work).result(self._timeout + _MARGIN_SECONDS)
        except TimeoutError as error:
            raise ServerTimeoutError from error
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise ServerTimeoutError from error
            if error.code == CONNECTION_CLOSED and not self._is_alive():
                raise ServerDiedError from error
            return Answer(error.message, ok=False)
        except (OSError, concurrent.futures.CancelledError) as error:
            raise ServerDiedError from error
        except Exception as error:
            if self._served.done():
                raise ServerDiedError from error
            return Answer(f"{type(error).__name__}: {error}"[:MOST_CHARACTERS], ok=False)
        return read_answer(result.model_dump(mode="json", by_alias=True))

    def kill(self) -> None:
        """There is no process here."""

    def close(self) -> None:
        self._background.remove_closer(self._closer)
        self._background.loop.call_soon_threadsafe(self._ending.set)
        try:
            self._served.result(_END_SECONDS)
        except Exception:  # noqa: BLE001 — however it ended, it is over
            self._served.cancel()

    async def _serve(self, ready: _Ready) -> None:
        """The life of the connection, in one task: the SDK wants to be left where it was entered."""
        try:
            import httpx2  # what the SDK itself speaks HTTP with
            from mcp import Client
            from mcp.client.streamable_http import streamable_http_client

            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._start_timeout):
                    http = httpx2.AsyncClient(headers=dict(self._entry.headers), timeout=self._timeout)
                    await stack.enter_async_context(http)
                    target = streamable_http_client(self._entry.url, http_client=http)
                    client = await stack.enter_async_context(Client(target))
                    listed = await list_tools(client)
                ready.set_result((client, listed))
                await self._ending.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(find_cause(error))

    def _is_alive(self) -> bool:
        """Whether the connection still stands, after an error that may mean the contrary."""
        try:
            self._background.submit(self._client.list_tools()).result(_MARGIN_SECONDS)
        except Exception:  # noqa: BLE001 — whatever it is, it is no answer
            return False
        return True

    def _explain(self, error: Exception) -> str:
        why = (
            f"it did not answer within {self._start_timeout:g} s"
            if isinstance(error, TimeoutError)
            else str(error) or type(error).__name__
        )
        return f"server {self._entry.name!r} cannot be reached ({self._entry.reached}): {why}. Is it running?"
