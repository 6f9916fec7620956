"""What a running server is to the rest: its tools are listed, and called one at a time.

``pipes`` talks to a program on this machine, ``streamable_http`` to an address; ``connect`` chooses.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from selfchal.builtin_envs.mcp.snapshot import canonical
from selfchal.core.text import replace_surrogates_within
from selfchal.core.world import Json

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool

START_SECONDS = 60.0  # a start may take that long, however short the timeout of calls is
MOST_CHARACTERS = 600  # of what a server wrote, in a message
_MODERN = "resultType"  # only servers of 2026 write it


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
    """What a tool answered. ``ok`` is False for ``isError`` and for errors of the protocol.

    ``reward`` and ``done`` are there for contracts that have episodes; MCP has none.
    """

    value: Json
    ok: bool = True
    reward: float | None = None
    done: bool = False

    @cached_property
    def text(self) -> str:
        """The value as text, equal for equal values."""
        return canonical(self.value)


class Connection(Protocol):
    """One running server. Not thread-safe: whoever has it calls one tool at a time."""

    tools: list[ListedTool]

    @property
    def pid(self) -> int | None:
        """The server's process; None where it is reached by an address."""

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        """Raises ServerDiedError, ServerTimeoutError."""

    def kill(self) -> None:
        """End the server at once, whatever it does; ``close`` afterwards."""

    def close(self) -> None:
        """End the server, and everything that it started."""


async def list_tools(client: Client) -> list[ListedTool]:
    """All tools of the server, page by page."""
    tools: list[ListedTool] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += map(_describe, page.tools)
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


def parse_message(line: bytes) -> Json:
    """The JSON of a line, without what is none or no text: NaN is its name, and a lone surrogate is replaced.

    Raises ValueError, RecursionError.
    """
    said: Json = json.loads(line, parse_constant=str)
    if b"\\ud" in line.lower():
        said = replace_surrogates_within(said)
    return said


def read_answer(result: Mapping[str, Any]) -> Answer:
    """The answer in the result of ``tools/call``, as it stands in the JSON of the protocol.

    It is the structured content where there is some, else the text read as JSON, else the text.
    """
    if result.get(_MODERN, "complete") != "complete":
        return Answer("the tool asks for input of its user, and there is none here", ok=False)
    failed, value = bool(result.get("isError")), result.get("structuredContent")
    if value is not None and not failed:
        # the SDK's own servers wrap what is no object
        return Answer(value["result"] if isinstance(value, dict) and value.keys() == {"result"} else value)
    text = "\n".join(_list_texts(result.get("content")))
    if failed:
        return Answer(text or "the tool failed without a word", ok=False)
    try:
        return Answer(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        return Answer(text)


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _list_texts(content: Json) -> Iterator[str]:
    """A text for each block; a server may write anything where the protocol has a list of objects."""
    for block in content if isinstance(content, list) else ():
        yield _read_block(block) if isinstance(block, dict) else json.dumps(block)


def _read_block(block: Mapping[str, Json]) -> str:
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text", ""))
    if kind == "resource_link":
        return str(block.get("uri"))
    if kind == "resource":
        resource = block.get("resource")
        return _read_resource(resource if isinstance(resource, dict) else {})
    data = block.get("data")
    return f"[{kind} {block.get('mimeType')}, {len(data) if isinstance(data, str) else 0} characters]"


def _read_resource(resource: Mapping[str, Json]) -> str:
    return str(resource.get("text", f"[{resource.get('uri')}]"))


def suggest(name: str, known: Sequence[str]) -> str:
    """What somebody may have meant who wrote the name of no tool."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"


def find_cause(error: BaseException) -> BaseException:
    """The first error inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
