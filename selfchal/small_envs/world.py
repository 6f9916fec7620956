"""The world of a small environment: a state that every call gets a copy of.

A call that works puts its copy in the state's stead. So a tool that raises leaves nothing behind, a reader
cannot write, and copies of a world share their state until one of them is written to.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from selfchal.core.world import Change, Json, ToolResult, ToolSpec
from selfchal.tools.tool import Tool

State = dict[str, Any]

# Kinds of errors that are the author's to mend, beside what the author's code raises itself.
READER_WROTE = "ReaderChangedState"
STATE_NOT_JSON = "StateIsNoJson"


class SmallWorld:
    """One private state, and the tools that read and write it. See selfchal.core.world.World."""

    def __init__(self, start: State, tools: Mapping[str, Tool]) -> None:
        self._start = start
        self._tools = tools
        self._state = start
        self._digest: str | None = None  # of the present state, once somebody asked for it
        self._ended = False

    @property
    def tool_names(self) -> Sequence[str]:
        return tuple(self._tools)

    @property
    def ended(self) -> bool:
        return self._ended

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name not in self._tools:
            text = f"there is no tool {name!r}; the tools are {', '.join(self._tools)}"
            return ToolResult(text, ok=False, raises=True)
        used = self._tools[name]
        state = copy.deepcopy(self._state)
        result = used.call(state, args, kwargs)
        if not result.ok:
            return result
        if fault := self._find_fault(used.spec, state):
            return fault
        if used.spec.writes:
            self._state, self._digest = state, None
        self._ended = self._ended or used.spec.ends_episode
        return result

    def _find_fault(self, tool: ToolSpec, state: State) -> ToolResult | None:
        """What the tool did to its copy of the state that it may not do."""
        try:
            if state == self._state:
                return None
            odd = None if _is_json(state) else find_odd(state)
        except RecursionError:
            odd = "the state nested too deep, or as a part of itself"
        if odd:
            return _refuse(STATE_NOT_JSON, f"{tool.name} left {odd}")
        if tool.writes:
            return None
        changed = ", ".join(format_path(change.path) for change in _find_changes((), self._state, state))
        said = f"{tool.name} is listed under reads= and changed {changed}; list it under writes="
        return _refuse(READER_WROTE, said)

    def show(self, result: ToolResult) -> str:
        if result.raises:
            return f"Error: {result.value}"
        return result.value if isinstance(result.value, str) else json.dumps(result.value, ensure_ascii=False)

    def digest(self) -> str:
        self._digest = self._digest or self.canonical_sha256()
        return self._digest

    def canonical_sha256(self) -> str:
        text = json.dumps(self._state, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def difference(self) -> tuple[Change, ...]:
        return tuple(_find_changes((), self._start, self._state))

    def fork(self) -> SmallWorld:
        twin = SmallWorld(self._start, self._tools)
        twin._state, twin._digest, twin._ended = self._state, self._digest, self._ended
        return twin

    def reset(self) -> None:
        self._state, self._digest, self._ended = self._start, None, False


def _refuse(kind: str, text: str) -> ToolResult:
    return ToolResult(f"{kind}: {text}", ok=False, raises=True, error=kind)


def _is_json(state: State) -> bool:
    """Does the state come back from JSON as it went in? Much faster than to look at each value."""
    try:
        same: bool = json.loads(json.dumps(state, allow_nan=False)) == state
    except (TypeError, ValueError):
        return False
    return same


def find_odd(value: Any, name: str = "state", path: tuple[str | int, ...] = ()) -> str | None:
    """Where the value holds something that JSON does not, and what to write instead; None if nowhere."""
    where = f"{format_path(path, name)} as"
    if value is None or type(value) in (bool, int, str):
        return None
    if type(value) is float:
        return None if math.isfinite(value) else f"{where} {value}, a number that JSON does not have"
    if type(value) is list:
        return next(filter(None, (find_odd(inner, name, (*path, i)) for i, inner in enumerate(value))), None)
    if type(value) is dict:
        for key, inner in value.items():
            if not isinstance(key, str):
                return f"{where} a dict with the key {key!r}; the keys of JSON are texts: {str(key)!r}"
            if odd := find_odd(inner, name, (*path, key)):
                return odd
        return None
    cure = "a list" if isinstance(value, tuple | set | frozenset) else "its text, or a dict of its parts"
    kind = type(value).__name__
    return f"{where} {'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}, which JSON does not have; keep {cure}"


def format_path(path: Sequence[str | int], name: str = "state") -> str:
    """As Python writes it: state['books'][0]."""
    return name + "".join(f"[{key!r}]" for key in path)


def _find_changes(path: tuple[str | int, ...], before: Json, after: Json) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _find_changes((*path, key), before.get(key), after.get(key))
    elif json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True):
        yield Change(path, before, after)
