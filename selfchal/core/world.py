"""Worlds and their tools: what code and agents act upon.

A World is one private, resettable state. Tool calls go in by name, JSON values come out. It knows
its digest and its difference from the start, and both cost what was touched, not what the database
weighs (CONTRIBUTING.md#invariant-9). Worlds live on the trusted side only. Untrusted code calls them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Json = Any  # a JSON value: None, bool, int, finite float, str, list of Json, dict of str to Json


@dataclass(frozen=True)
class ToolSpec:
    """What a model and a schema validator need to know of one tool.

    ``parameters`` is a JSON schema object (``type``, ``properties``, ``required``); ``signature`` is
    the Python call form shown to models, e.g. ``click_url(url: str) -> str``.
    """

    name: str
    description: str
    signature: str
    parameters: Mapping[str, Json]
    writes: bool = False
    ends_episode: bool = False

    @property
    def only_reads(self) -> bool:
        return not self.writes and not self.ends_episode


@dataclass(frozen=True)
class ToolResult:
    """What one call gave.

    ``ok`` is False when the call was refused or went wrong. With ``raises`` the calling code sees a
    Python exception whose message is ``value``; without it the code simply gets ``value`` (retail and
    airline answer ``"Error: …"`` strings, as their originals do). ``error`` names the kind of exception that
    the tool's own code ended with; it is empty where the call did not get that far.
    """

    value: Json
    ok: bool = True
    raises: bool = False
    error: str = ""


@dataclass(frozen=True)
class Call:
    """One tool call as it was made and answered, recorded on the trusted side."""

    name: str
    args: tuple[Json, ...]
    kwargs: Mapping[str, Json]
    value: Json
    ok: bool
    changed: bool  # did the world's digest change
    error: str = ""  # as in ToolResult

    def name_arguments(self, parameters: Sequence[str]) -> dict[str, Json]:
        """All arguments by name, those that were given by place too; ``parameters`` in their order."""
        return {**dict(zip(parameters, self.args, strict=False)), **self.kwargs}


@dataclass(frozen=True)
class Change:
    """One leaf of the difference from the start: where, and the value before and after (None: absent)."""

    path: tuple[str | int, ...]
    before: Json
    after: Json


class ToolHost(Protocol):
    """Whatever answers tool calls by name: all that a sandbox ever sees of a World."""

    @property
    def tool_names(self) -> Sequence[str]: ...

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """Answer one call; never raises, whatever the arguments are."""


class World(ToolHost, Protocol):
    """One private state of an environment. Not thread-safe; different worlds are independent."""

    @property
    def ended(self) -> bool:
        """True once a tool that ends the episode was called."""

    def show(self, result: ToolResult) -> str:
        """The text that an agent sees as the observation of this result."""

    def digest(self) -> str:
        """A hash of the state, equal exactly for equal states; free when nothing changed."""

    def canonical_sha256(self) -> str:
        """sha256 of the whole state as sorted, compact JSON: slow, comparable across programs."""

    def difference(self) -> tuple[Change, ...]:
        """What differs from the start, ordered by path."""

    def fork(self) -> World:
        """A throw-away copy of the present state."""

    def reset(self) -> None:
        """Back to the start, in microseconds."""
