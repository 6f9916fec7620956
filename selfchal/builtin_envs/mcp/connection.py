"""One running server: started (or reached), its tools listed, its tools called, ended.

The only module that imports the SDK ``mcp``, and only when a server is started.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfchal.builtin_envs.mcp.background import LAUNCHER, background
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, Tool

_STDERR_CHARACTERS = 600  # of what a server wrote last, for a message
_END_SECONDS = 8.0  # the SDK waits two seconds before it terminates a server, and two before it kills it
_MARGIN_SECONDS = 2.0  # that this side waits longer than the SDK does
_START_SECONDS = 60.0  # a start may take that long, however short the timeout of calls is


class ServerDiedError(Exception):
    """The process or the connection is gone; what it kept in memory is lost."""


class ServerTimeoutError(Exception):
    """The server did not answer in time. Nobody knows in which state it is."""


@dataclass(frozen=True)
class ListedTool:
    """A tool as the server lists it. ``only_reads`` is what its annotations say; None where they do not."""

    name: str
    description: str
    schema: Mapping[str, Json]
    output_schema: Mapping[str, Json] | None
    only_reads: bool | None


@dataclass(frozen=True)
class Answer:
    """What a tool answered. ``ok`` is False for ``isError`` and for errors of the protocol."""

    value: Json
    ok: bool = True


class Connection:
    """One running server. Not thread-safe: whoever has it calls one tool at a time."""

    def __init__(self, entry: ServerEntry, folder: Path, timeout: float) -> None:
        """Start the server and list its tools. Raises EnvironmentDataError where it does not come up.

        ``entry`` has its variables filled in; ``folder`` is the server's own and is removed at the end.
        """
        self._entry, self.folder, self._timeout = entry, folder, timeout
        self._start_timeout = max(timeout, _START_SECONDS)
        self._background = background()
        self._ending = asyncio.Event()
        ready: concurrent.futures.Future[tuple[Client, list[Tool]]] = concurrent.futures.Future()
        self._served = self._background.submit(self._serve(ready))
        self._closer = self._background.add_closer(self.close)
        try:
            self._client, listed = ready.result(self._start_timeout + _MARGIN_SECONDS)
        except Exception as error:
            said = self._read_errors()
            self.close()
            raise EnvironmentDataError(self._explain(error, said)) from error
        self.tools = [_describe(tool) for tool in listed]

    @property
    def pid(self) -> int | None:
        """The server's process; None where it is reached by an address."""
        path = self.folder / "pid"
        return int(path.read_text()) if path.exists() else None

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
            return Answer(f"{type(error).__name__}: {error}"[:_STDERR_CHARACTERS], ok=False)
        return _read_answer(result)

    def close(self) -> None:
        """End the server, and everything that it started."""
        self._background.remove_closer(self._closer)
        self._background.loop.call_soon_threadsafe(self._ending.set)
        pid = self.pid
        try:
            self._served.result(_END_SECONDS)
        except Exception:  # noqa: BLE001 — however it ended, it is over
            self._served.cancel()
        if pid is not None:
            _kill_group(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End the server at once, whatever it does; ``close`` afterwards."""
        pid = self.pid
        if pid is not None:
            _kill_group(pid)

    async def _serve(self, ready: concurrent.futures.Future[tuple[Client, list[Tool]]]) -> None:
        """The life of the connection, in one task: the SDK wants to be left where it was entered."""
        try:
            from mcp import Client

            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._start_timeout):
                    target = await self._open_target(stack)
                    client = await stack.enter_async_context(Client(target))
                    listed = await _list_tools(client)
                ready.set_result((client, listed))
                await self._ending.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(_find_cause(error))

    async def _open_target(self, stack: AsyncExitStack) -> Any:
        """What the SDK's client connects to."""
        if self._entry.url:
            import httpx2  # what the SDK itself speaks HTTP with
            from mcp.client.streamable_http import streamable_http_client

            client = httpx2.AsyncClient(headers=dict(self._entry.headers), timeout=self._timeout)
            http = await stack.enter_async_context(client)
            return streamable_http_client(self._entry.url, http_client=http)
        from mcp.client.stdio import StdioServerParameters, stdio_client

        parameters = StdioServerParameters(
            command=sys.executable,
            args=[
                "-I",
                "-S",
                str(LAUNCHER),
                str(self.folder / "pid"),
                self._entry.command,
                *self._entry.args,
            ],
            env=dict(self._entry.env),
            cwd=self._entry.cwd,
        )
        errors = stack.enter_context((self.folder / "stderr").open("w", encoding="utf-8"))
        return stdio_client(parameters, errlog=errors)

    def _is_alive(self) -> bool:
        """Whether the connection still stands, after an error that may mean the contrary."""
        try:
            self._background.submit(self._client.list_tools()).result(_MARGIN_SECONDS)
        except Exception:  # noqa: BLE001 — whatever it is, it is no answer
            return False
        return True

    def _read_errors(self) -> str:
        """The last that the server wrote for people to read."""
        path = self.folder / "stderr"
        return path.read_text("utf-8", "replace").strip()[-_STDERR_CHARACTERS:] if path.exists() else ""

    def _explain(self, error: Exception, said: str) -> str:
        what = self._entry.url or self._entry.command
        if not self._entry.url and not _is_program(self._entry):
            return (
                f"server {self._entry.name!r} does not start: there is no program {what!r}; install it, or "
                "write its whole path as command"
            )
        why = (
            f"it did not answer within {self._start_timeout:g} s"
            if isinstance(error, TimeoutError)
            else str(error)
        )
        return (
            f"server {self._entry.name!r} does not start ({what}): {why or type(error).__name__}"
            f"{f'; it wrote: {said}' if said else ''}. Start it by hand to see more"
        )


def _is_program(entry: ServerEntry) -> bool:
    """Whether there is a program of that name: on the path, or where the server is started."""
    where = Path(entry.cwd or ".") / entry.command
    return where.is_file() or shutil.which(entry.command, path=entry.env.get("PATH")) is not None


async def _list_tools(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools


def _describe(tool: Tool) -> ListedTool:
    hints = tool.annotations
    return ListedTool(
        tool.name,
        tool.description or tool.title or "",
        tool.input_schema,
        tool.output_schema,
        hints.read_only_hint if hints else None,
    )


def _read_answer(result: CallToolResult) -> Answer:
    """Structured content where there is some, else the text as JSON, else the text."""
    if result.structured_content is not None and not result.is_error:
        value: Json = result.structured_content
        # the SDK's own servers wrap what is no object
        return Answer(value["result"] if isinstance(value, dict) and value.keys() == {"result"} else value)
    text = "\n".join(_list_texts(result))
    if result.is_error:
        return Answer(text or "the tool failed without a word", ok=False)
    try:
        return Answer(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        return Answer(text)


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _list_texts(result: CallToolResult) -> Iterator[str]:
    for block in result.content:
        if block.type == "text":
            yield block.text
        elif block.type == "resource_link":
            yield str(block.uri)
        elif block.type == "resource":
            yield getattr(block.resource, "text", f"[{block.resource.uri}]")
        else:
            yield f"[{block.type} {block.mime_type}, {len(block.data)} characters]"


def _find_cause(error: BaseException) -> BaseException:
    """The first error inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # it is gone
