"""Seeded random calls of an environment's tools, with arguments drawn from what earlier calls have shown.

That finds calls that work without a model and without knowing the environment: a menu shows its drinks, and a
drink is what an order wants. Equal seeds make equal calls.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.core.world import Call, Json, ToolSpec, World

_LONGEST = 80  # characters of a text that may name something
_KEPT = 400  # values of one name, and values in all, that are remembered
_DATES = ("2026-05-01", "2026-05-02", "2026-06-15")
_FALLBACKS = ("blue", "Ann", "A1", "first")  # where nothing was seen yet


@dataclass
class RandomCaller:
    """``words`` are values to begin with. What is seen is remembered by the name that it was seen under."""

    tools: Sequence[ToolSpec]
    seed: int = 0
    words: Sequence[Json] = ()
    _rng: random.Random = field(init=False)
    _seen: dict[type, dict[Json, None]] = field(init=False, default_factory=dict)
    _named: dict[str, dict[Json, None]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        for word in self.words:
            self.learn("", word)

    def explore(self, world: World, count: int) -> list[Call]:
        """Call every reader that needs nothing, then make ``count`` random calls; all on this world."""
        free = [tool for tool in self.tools if tool.only_reads and not tool.parameters.get("required")]
        made = [self.call(world, tool, {}) for tool in free]
        for _ in range(count):
            if world.ended:
                break
            made.append(self.call(world, self._choose_tool(made)))
        return made

    def call(self, world: World, tool: ToolSpec, kwargs: Mapping[str, Json] | None = None) -> Call:
        """One call, with arguments that fit the tool's schema where none are given."""
        given = dict(kwargs) if kwargs is not None else self.draw(tool)
        before = world.digest()
        result = world.call(tool.name, (), given)
        if result.ok:
            self.learn(tool.name, result.value)
        changed = world.digest() != before
        return Call(tool.name, (), given, result.value, result.ok, changed, result.error)

    def _choose_tool(self, made: Sequence[Call]) -> ToolSpec:
        """One of the tools, mostly one that has not worked yet, never one that ends the episode."""
        tools = [tool for tool in self.tools if not tool.ends_episode] or list(self.tools)
        worked = {call.name for call in made if call.ok}
        new = [tool for tool in tools if tool.name not in worked]
        return self._rng.choice(new if new and self._rng.random() < 0.6 else tools)

    def draw(self, tool: ToolSpec) -> dict[str, Json]:
        """Arguments for the tool: all that it requires, and some of the others."""
        required = set(tool.parameters.get("required", ()))
        return {
            name: self.draw_value(name, schema)
            for name, schema in tool.parameters.get("properties", {}).items()
            if name in required or self._rng.random() < (0.3 if "default" in schema else 0.7)
        }

    def draw_value(self, name: str, schema: Mapping[str, Json]) -> Json:
        """A value that fits this schema."""
        if "anyOf" in schema:
            return self.draw_value(name, self._rng.choice(schema["anyOf"]))
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        draw: Mapping[Json, Callable[[], Json]] = {
            "integer": lambda: self._draw_number(name, int),
            "number": lambda: self._draw_number(name, float),
            "boolean": lambda: self._rng.random() < 0.5,
            "null": lambda: None,
            "array": lambda: self._draw_list(name, schema),
            "object": lambda: self._draw_object(schema),
        }
        return draw.get(schema.get("type"), lambda: self._draw_text(name, schema))()

    def _draw_text(self, name: str, schema: Mapping[str, Json]) -> str:
        if schema.get("format") == "date":
            seen = [text for text in self._list_seen(str) if len(text) == 10 and text[4] == text[7] == "-"]
            return str(self._rng.choice(seen or _DATES))
        named = [value for value in self._named.get(_fold(name), ()) if isinstance(value, str)]
        if named and self._rng.random() < 0.8:
            return str(self._rng.choice(named))
        return str(self._rng.choice(self._list_seen(str) or _FALLBACKS))

    def _draw_number(self, name: str, kind: type[int] | type[float]) -> Json:
        named = [value for value in self._named.get(_fold(name), ()) if isinstance(value, kind | int)]
        if named and self._rng.random() < 0.4:
            return self._rng.choice([value for value in named if not isinstance(value, bool)] or [1])
        if self._rng.random() < 0.3 and (seen := self._list_seen(kind)):
            return self._rng.choice(seen)
        return self._rng.randint(1, 5)

    def _draw_list(self, name: str, schema: Mapping[str, Json]) -> list[Json]:
        if "prefixItems" in schema:
            return [self.draw_value(name, part) for part in schema["prefixItems"]]
        length = max(int(schema.get("minItems", 0)), self._rng.randint(1, 2))
        return [self.draw_value(name, schema.get("items", {})) for _ in range(length)]

    def _draw_object(self, schema: Mapping[str, Json]) -> dict[str, Json]:
        required = schema.get("required", ())
        return {
            name: self.draw_value(name, part)
            for name, part in schema.get("properties", {}).items()
            if name in required or self._rng.random() < 0.3
        }

    def _list_seen(self, kind: type) -> list[Json]:
        return list(self._seen.get(kind, ()))

    def learn(self, name: str, value: Json) -> None:
        """Remember the scalars in a value, its keys included."""
        for under, scalar in _list_scalars(name, value):
            if isinstance(scalar, str) and not 0 < len(scalar) <= _LONGEST:
                continue
            for known in (self._seen.setdefault(type(scalar), {}), self._named.setdefault(_fold(under), {})):
                if len(known) < _KEPT:
                    known[scalar] = None


def _list_scalars(name: str, value: Json) -> Iterator[tuple[str, Json]]:
    """The scalars in a value with the name that each stands under; a key has the name of its dict."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield name, key
            yield from _list_scalars(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _list_scalars(name, inner)
    elif value is not None:
        yield name, value


def _fold(name: str) -> str:
    """``books``, ``book`` and ``book_id`` are names for one kind of value."""
    return name.casefold().removesuffix("_id").removesuffix("_ids").rstrip("s")
