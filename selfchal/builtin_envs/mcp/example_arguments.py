"""Arguments to try a tool with: what its schema names, what stands in its texts, and words of the state."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from selfchal.builtin_envs.mcp.connection import ListedTool
from selfchal.builtin_envs.mcp.schemas import resolve
from selfchal.core.world import Json

_QUOTED = re.compile(r"['\"`]([^'\"`\n]{1,60})['\"`]")
_PATH = re.compile(r"path|file|dir|folder|source|destination", re.IGNORECASE)
_MOST_WORDS = 40
_LONGEST_WORD = 60
_FORMS = {  # what a description or a format asks for, and one of it
    "HH:MM": "14:30",
    "YYYY-MM-DD": "2026-01-15",
    "date-time": "2026-01-15T14:30:00Z",
    "date": "2026-01-15",
    "email": "ann@example.com",
}
_DEEPEST = 6  # levels of a schema; one may contain itself


def collect_words(view: Json) -> list[str]:
    """Texts of the state: names that tools may be asked about."""
    texts: dict[str, None] = {}
    waiting = [view]
    while waiting and len(texts) < _MOST_WORDS:
        value = waiting.pop(0)
        if isinstance(value, dict):
            texts |= dict.fromkeys(str(name) for name in value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and len(value) <= _LONGEST_WORD:
            texts[value] = None
    return list(texts)[:_MOST_WORDS]


def list_paths(view: Json, directory: str | None) -> list[str]:
    """Whole paths of what is in a directory, and its own; none where the state is none."""
    if directory is None:
        return []
    return [*(f"{directory}/{name}" for name in list(view)[:_MOST_WORDS]), directory]


def list_arguments(
    tool: ListedTool, words: Sequence[str], paths: Sequence[str] = ()
) -> Iterator[dict[str, Json]]:
    """Endlessly many, the most likely first; the same for the same tool and words. Parameters that are called
    after a path get one of ``paths``, where there are some."""
    properties: Mapping[str, Json] = tool.schema.get("properties", {})
    required = list(tool.schema.get("required", []))
    draw = random.Random(tool.name)
    plain = _Source(tool.schema, _QUOTED.findall(tool.description), words, draw)
    of_paths = replace(plain, told=(), words=paths or words)

    def source(name: str) -> _Source:
        return of_paths if _PATH.search(name) else plain

    yield {name: source(name).likely(properties.get(name, {})) for name in required}
    while properties:
        chosen = [name for name in properties if name in required or draw.random() < 0.3]
        yield {name: source(name).drawn(properties[name]) for name in chosen}


@dataclass(frozen=True)
class _Source:
    """Values for the schemas of one tool. ``told`` are the words that its description quotes."""

    root: Mapping[str, Json]
    told: Sequence[str]
    words: Sequence[str]
    draw: random.Random

    def likely(self, schema: Json) -> Json:
        """What the schema or its texts name first."""
        return self._value(schema, likely=True)

    def drawn(self, schema: Json) -> Json:
        return self._value(schema, likely=False)

    def _value(self, schema: Json, likely: bool, depth: int = 0) -> Json:
        if isinstance(schema, dict) and "$ref" in schema:
            schema = resolve(schema["$ref"], self.root)
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return self._make_text({}, likely)
        own = [*schema.get("examples", []), *schema.get("enum", [])]
        own += [schema[name] for name in ("default", "const") if schema.get(name) is not None]
        if own:
            return self._choose(own, likely)
        options = [
            one for one in (*schema.get("anyOf", []), *schema.get("oneOf", [])) if one.get("type") != "null"
        ]
        if options:
            part = {"description": schema.get("description", ""), **options[0]}
            return self._value(part, likely, depth + 1)
        return self._typed(schema, likely, depth)

    def _typed(self, schema: Mapping[str, Json], likely: bool, depth: int) -> Json:
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            parts = schema.get("properties", {})
            wanted = schema.get("required", list(parts))
            return {name: self._value(parts.get(name, {}), likely, depth + 1) for name in wanted}
        if kind == "array":
            return [self._value(schema.get("items", {}), likely, depth + 1)]
        if kind in ("integer", "number"):
            return schema.get("minimum", self.draw.choice([1, 2, 3]))
        if kind == "boolean":
            return self.draw.random() < 0.5
        return self._make_text(schema, likely)

    def _make_text(self, schema: Mapping[str, Json], likely: bool) -> Json:
        """A word that the description quotes, or one of the state."""
        wanted = f"{schema.get('description', '')} {schema.get('format', '')}"
        forms = [value for form, value in _FORMS.items() if form in wanted.split() or f"({form})" in wanted]
        near = [*forms, *_QUOTED.findall(str(schema.get("description", ""))), *self.told]
        if near and (likely or self.draw.random() < 0.5):
            return self._choose(near, likely)
        return self.draw.choice(self.words) if self.words else "probe"

    def _choose(self, options: Sequence[Json], likely: bool) -> Json:
        return options[0] if likely else self.draw.choice(options)
