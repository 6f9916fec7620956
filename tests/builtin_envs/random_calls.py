"""Random tool calls, valid and invalid, and what must hold of a world after each of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from selfchal.core.world import ToolSpec

_TEXTS = (
    "",
    "abc",
    "48656c6c6f",
    "AGCTTA",
    "AUGUUU",
    "2 + 3 * 4",
    "9**9**9",
    "Oslo",
    "2025-06-03",
    "wifi",
    "\ud800",
    "é" * 50,
)


def random_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(8 if depth < 2 else 6)
    if kind == 0:
        return rng.choice(_TEXTS)
    if kind == 1:
        return rng.randrange(-1000, 1000)
    if kind == 2:
        return rng.choice((0.5, -2.25, 1e308, float("nan"), float("inf"), 1e-320))
    if kind == 3:
        return rng.choice((None, True, False))
    if kind == 4:
        return rng.choice((10**400, -(10**30), 10**5000))
    if kind == 5:
        return "".join(rng.choices("ACGTU019/*+.- '\"\n", k=rng.randrange(12)))
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(("a", "", "args")): random_value(rng, depth + 1) for _ in range(rng.randrange(3))}


def fitting_value(rng: random.Random, schema: Any, words: Sequence[str]) -> Any:
    kinds = {
        "string": lambda: rng.choice((*words, *_TEXTS)),
        "integer": lambda: rng.randrange(-30, 60),
        "number": lambda: rng.choice((3, -2.5, 0, 199.99)),
        "array": lambda: [
            fitting_value(rng, schema.get("items", {}), words) for _ in range(rng.randrange(4))
        ],
    }
    return kinds.get(schema.get("type"), lambda: random_value(rng))()


def random_call(
    rng: random.Random, specs: Sequence[ToolSpec], words: Sequence[str]
) -> tuple[str, list[Any], dict[str, Any]]:
    """Half of the calls fit the schema, the others anything: wrong names, types, counts."""
    spec = rng.choice(specs)
    fields = spec.parameters["properties"]
    if rng.random() < 0.5:
        return spec.name, [], {name: fitting_value(rng, schema, words) for name, schema in fields.items()}
    name = spec.name if rng.random() < 0.9 else rng.choice(("", "eval", "__class__", spec.name.upper()))
    args = [random_value(rng) for _ in range(rng.randrange(4))]
    kwargs = {
        rng.choice((*fields, "zzz", "args", "self", "browser")): random_value(rng)
        for _ in range(rng.randrange(3))
    }
    return name, args, kwargs
