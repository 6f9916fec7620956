"""Arguments with as few members in their lists as what they are for allows, so that an example reads well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from selfchal.core.world import Json


def shorten(kwargs: Mapping[str, Json], holds: Callable[[Mapping[str, Json]], bool]) -> Mapping[str, Json]:
    """Members are left out of the lists in the arguments while ``holds`` is true of them."""
    while (shorter := next(filter(holds, _list_shorter(kwargs)), None)) is not None:
        kwargs = shorter
    return kwargs


def _list_shorter(value: Json) -> Iterator[Json]:
    """The value with one member of one of its lists left out, at any depth. A list keeps a member."""
    if isinstance(value, list):
        for i in range(len(value) if len(value) > 1 else 0):
            yield value[:i] + value[i + 1 :]
        for i, inner in enumerate(value):
            for shorter in _list_shorter(inner):
                yield [*value[:i], shorter, *value[i + 1 :]]
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            for shorter in _list_shorter(inner):
                yield {**value, key: shorter}
