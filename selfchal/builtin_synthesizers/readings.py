"""What a reader shows of a change, as a condition in Python: ``find_book('Emma')['lent_to'] == 'Ann'``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selfchal.core.world import Json, ToolResult, World

Path = tuple[str | int, ...]
_LONGEST_VALUE = 200  # characters of a value that a condition compares with
_ABSENT = object()


@dataclass(frozen=True)
class Shown:
    """Where in what a reader gives something changed, and to what. ``added``: as a new member of a list."""

    condition: str
    path: Path
    value: Json
    added: bool = False

    def is_in(self, given: Json) -> bool:
        found = look_up(given, self.path)
        return isinstance(found, list) and self.value in found if self.added else found == self.value


@dataclass(frozen=True)
class Reading:
    """A reader's call whose result shows a change."""

    name: str
    kwargs: Mapping[str, Json]
    shown: Shown

    @property
    def condition(self) -> str:
        return self.shown.condition

    def holds(self, world: World) -> bool:
        """Is the condition true of this world?"""
        result = world.fork().call(self.name, (), self.kwargs)
        return result.ok and self.shown.is_in(result.value)


def find_reading(call: str, before: ToolResult, after: ToolResult) -> Shown | None:
    """The smallest condition on the call's result that is true after a change and not before it."""
    old = before.value if before.ok else _ABSENT
    found = _find_change((), old, after.value)
    if found is None:
        return None
    path, value, added = found
    text = f"{call}{''.join(f'[{key!r}]' for key in path)}"
    if len(repr(value)) > _LONGEST_VALUE:
        return None
    equals = "is" if value is None or isinstance(value, bool) else "=="
    condition = f"{value!r} in {text}" if added else f"{text} {equals} {value!r}"
    return Shown(condition, path, value, added)


def _find_change(path: Path, before: object, after: Json) -> tuple[Path, Json, bool] | None:
    """The first part that differs: its path, what it is now, and whether it is a new member of a list."""
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        changes = (_find_change((*path, key), before.get(key, _ABSENT), after[key]) for key in after)
        return next(filter(None, changes), (path, after, False))
    if isinstance(before, list) and isinstance(after, list):
        if new := [member for member in after if member not in before]:
            same_length = len(before) == len(after)
            i = after.index(new[0])
            return _find_change((*path, i), before[i], new[0]) if same_length else (path, new[0], True)
        return path, after, False
    return path, after, False


def look_up(value: Json, path: Path) -> object:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return value


def list_leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """The scalars in a value, each with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from list_leaves(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from list_leaves(inner, (*path, i))
    else:
        yield path, value
