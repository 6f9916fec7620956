"""The trusted side of a batch: one tool host that stands for several worlds; one of them answers at a time.

The code in the sandbox (``selfchal.judging.guest.worlds``) says by calls of its own which world answers from
now on. It may also ask ahead what other worlds answer to all that was read so far.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.core.world import Call, Json, ToolResult, World
from selfchal.judging.guest.worlds import AHEAD, JSON_VERSION, SWITCH

_Key = tuple[str, str, str]  # of a call: the tool, its arguments
_MOST_READ = 16  # different reads that are answered ahead


@dataclass
class Switchboard:
    """A tool host over ``worlds``.

    Most runs act on a throw-away copy of a world. Where ``may_keep`` allows it, the guest may ask to act on
    the world itself. The calls that are then made on a world are recorded by its index, in ``calls``, and
    those that are made on throw-away copies of it in ``tried``. ``reading`` names the tools that only read.
    """

    worlds: Sequence[World]
    reading: Sequence[str]
    may_keep: bool
    calls: dict[int, list[Call]] = field(default_factory=dict)
    tried: dict[int, list[Call]] = field(default_factory=dict)
    current: World = field(init=False)
    _kept: list[Call] | None = None  # where calls are recorded, if this world is kept
    _tried: list[Call] | None = None  # where they are, if this is a throw-away copy
    _read: dict[_Key, tuple[Sequence[Json], Mapping[str, Json]]] = field(default_factory=dict)
    _told: dict[int, set[_Key]] = field(default_factory=dict)  # by world: answered ahead already

    def __post_init__(self) -> None:
        self.current = self.worlds[0].fork()

    @property
    def tool_names(self) -> Sequence[str]:
        return [*self.worlds[0].tool_names, SWITCH, AHEAD]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """Answer a tool on the current world, or one of the guest's own calls."""
        if name == SWITCH:
            return self._switch(*args[:2]) if len(args) > 1 else _refuse_world(args)
        if name == AHEAD:
            return self._read_ahead(args[0]) if args and isinstance(args[0], list) else _refuse_world(args)
        if self._kept is not None:
            return self._record(self._kept, name, args, kwargs)
        if name in self.reading and len(self._read) < _MOST_READ:
            self._read[name, repr(tuple(args)), repr(kwargs)] = args, kwargs
        result = self.current.call(name, args, kwargs)
        if self._tried is not None:
            self._tried.append(_make_call(name, args, kwargs, result, changed=False))
        return result

    def _record(
        self, calls: list[Call], name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
    ) -> ToolResult:
        before = "" if name in self.reading else self.current.digest()
        result = self.current.call(name, args, kwargs)
        changed = before != "" and self.current.digest() != before
        calls.append(_make_call(name, args, kwargs, result, changed))
        return result

    def _is_index(self, index: Json) -> bool:
        return isinstance(index, int) and 0 <= index < len(self.worlds)

    def _switch(self, index: Json, keeps: Json) -> ToolResult:
        if not self._is_index(index):
            return _refuse_world(index)
        if keeps is True and self.may_keep:
            self.current, self._kept = self.worlds[index], self.calls.setdefault(index, [])
        else:
            self.current, self._kept = self.worlds[index].fork(), None
            self._tried = self.tried.setdefault(index, []) if self.may_keep else None
        return ToolResult(None)

    def _read_ahead(self, indices: list[Json]) -> ToolResult:
        """What these worlds answer to all that was read so far, without what they were asked before.

        The value is ``[calls, values, rows]``. There is a row for each world; it has pairs of an index in
        ``calls`` and one in ``values``, since most worlds give most answers alike.
        """
        if len(indices) > len(self.worlds) or not all(map(self._is_index, indices)):
            return _refuse_world(indices)
        seen: dict[bytes, int] = {}
        values: list[Json] = []
        rows = [self._list_untold(index, seen, values) for index in indices]
        return ToolResult([list(self._read), values, rows])

    def _list_untold(self, index: int, seen: dict[bytes, int], values: list[Json]) -> list[tuple[int, int]]:
        """The row of one world. Adds to ``values`` what is not ``seen`` among them."""
        told, row = self._told.setdefault(index, set()), list[tuple[int, int]]()
        world = self.worlds[index].fork()
        for i, (key, given) in enumerate(self._read.items()):
            found = None if key in told else world.call(key[0], *given)
            told.add(key)
            if found is None or found.raises:
                continue
            try:
                data = marshal.dumps(found.value, JSON_VERSION)
            except ValueError:  # of another type than JSON's own: asked for when it is needed
                continue
            if data not in seen:
                seen[data] = len(values)
                values.append(found.value)
            row.append((i, seen[data]))
        return row


def _make_call(
    name: str, args: Sequence[Json], kwargs: Mapping[str, Json], result: ToolResult, changed: bool
) -> Call:
    return Call(name, tuple(args), kwargs, result.value, result.ok, changed, result.error)


def _refuse_world(index: Json) -> ToolResult:
    return ToolResult(f"no world {index!r}"[:200], ok=False, raises=True)
