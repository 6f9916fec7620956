"""The World of retail and airline: tools called on an overlay over shared tables.

A refused call answers ``"Error: …"`` as a value, and so does everything that goes wrong inside a tool.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.builtin_envs.tables.database import Database
from selfchal.builtin_envs.tables.difference import differences
from selfchal.builtin_envs.tables.overlay import Overlay
from selfchal.builtin_envs.tables.values import NO_REFERENCES, copy_json, take_json
from selfchal.core.world import Change, Json, ToolResult
from selfchal.tools.tool import Tool

Arguments = dict[str, Json]
Check = Callable[[Tool, Sequence[Json], Arguments], None]  # raises what the caller is to be told
Function = Any  # a tool: a plain function whose first parameter is the world's Rows
Rows = Overlay  # what a tool gets as its first argument
_LONGEST_ARGUMENTS = 500  # bytes of the arguments of a reading call whose answer is remembered
_LONGEST_ANSWER = 2**13


@dataclass(frozen=True, eq=False)
class Toolset:
    """The tools of one profile.

    ``check`` looks at the arguments of a call before the tool sees them. ``wording`` turns the reason of
    a refusal into what is said. ``atomic`` undoes what a call wrote before it failed.
    """

    tools: Mapping[str, Tool]
    check: Check
    wording: Callable[[str], str] = str
    atomic: bool = False


class TableWorld:
    """One private state of a database. See selfchal.core.world.World."""

    def __init__(self, database: Database, toolset: Toolset, overlay: Overlay | None = None) -> None:
        self._database = database
        self._toolset = toolset
        self.overlay = overlay or Overlay(database)
        self._ended = False

    @property
    def tool_names(self) -> Sequence[str]:
        return tuple(self._toolset.tools)

    @property
    def ended(self) -> bool:
        return self._ended

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        tool = self._toolset.tools.get(name) if isinstance(name, str) else None
        if tool is None:
            return ToolResult(f"Unknown action {name}", ok=False)
        if tool.spec.only_reads and not self.overlay.changed:
            return self._read_stored(tool, args, kwargs)
        return self._act(tool, args, kwargs)

    def _read_stored(self, tool: Tool, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """As ``_act``, for a call that only reads the tables as they were loaded. Many worlds make it."""
        try:
            given = marshal.dumps((tuple(args), dict(kwargs)), NO_REFERENCES)
        except ValueError:  # of another type than JSON's own
            return self._act(tool, args, kwargs)
        key = self._toolset, tool.spec.name, given
        if known := self._database.answers.get(key):
            ok, data = known
            return ToolResult(marshal.loads(data), ok)
        result = self._act(tool, args, kwargs)
        data = marshal.dumps(result.value, NO_REFERENCES)
        if len(given) <= _LONGEST_ARGUMENTS and len(data) <= _LONGEST_ANSWER:
            self._database.answers.put(key, (result.ok, data))
        return result

    def _act(self, tool: Tool, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        # An episode ends with the attempt, whatever its arguments were.
        self._ended = self._ended or tool.spec.ends_episode
        undo = self.overlay.save() if self._toolset.atomic and tool.spec.writes else None
        try:
            return ToolResult(self._run(tool, args, kwargs))
        except Exception as error:  # noqa: BLE001 — whatever a tool raises is an observation (CONTRIBUTING.md#invariant-3)
            if undo is not None:
                self.overlay.restore(undo)
            return ToolResult(f"Error: {self._toolset.wording(str(error))}", ok=False)

    def _run(self, tool: Tool, args: Sequence[Json], kwargs: Mapping[str, Json]) -> Json:
        own_args: list[Json] = [take_json(arg) for arg in args]
        own_kwargs: Arguments = {key: take_json(arg) for key, arg in kwargs.items()}
        self._toolset.check(tool, own_args, own_kwargs)
        return self._database.copy(tool.function(self.overlay, *own_args, **own_kwargs))

    def show(self, result: ToolResult) -> str:
        """A string as it is, anything else as JSON with the key order of the row."""
        return result.value if isinstance(result.value, str) else json.dumps(result.value)

    def digest(self) -> str:
        return self.overlay.digest()

    def canonical_sha256(self) -> str:
        return self.overlay.canonical_sha256()

    def difference(self) -> tuple[Change, ...]:
        changes: list[Change] = []
        for name, table in sorted(self.overlay.tables.items()):
            for key in table.differing():
                stored = table.stored.rows.get(key)
                if stored is None:
                    changes.append(Change((name, key), None, copy_json(table[key])))
                else:
                    changes += differences(stored, table[key], (name, key))
        return tuple(copy_change(change) for change in changes)

    def fork(self) -> TableWorld:
        other = TableWorld(self._database, self._toolset, self.overlay.fork())
        other._ended = self._ended
        return other

    def reset(self) -> None:
        self.overlay.reset()
        self._ended = False


def copy_change(change: Change) -> Change:
    return Change(change.path, copy_json(change.before), copy_json(change.after))


class Refused(Exception):  # noqa: N818 — not an error of the program: the answer "Error: <reason>"
    """A tool's refusal; its text follows ``Error: `` in the observation."""
