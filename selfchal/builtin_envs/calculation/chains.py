"""Chains of one to three tool calls, each fed by the one before: what held-out tasks are made of.

A chain is sampled by kind of step and type of value, run with the real tools, and thrown away when it
could be answered without running it whole (its answer is one of its arguments or intermediate values).
How a chain is worded is no business of this file.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.builtin_envs.calculation import tools

FAMILIES = ("message", "dna", "trade", "travel")
WORDS = (
    "map",
    "key",
    "sun",
    "code",
    "ship",
    "wolf",
    "gate",
    "moon",
    "star",
    "lamp",
    "rose",
    "tiger",
    "river",
    "stone",
    "cloud",
    "bird",
    "fish",
    "tree",
    "wind",
    "fire",
    "gold",
    "iron",
    "salt",
    "milk",
    "rain",
    "snow",
    "leaf",
    "door",
    "book",
    "ring",
    "king",
    "road",
    "sand",
    "wave",
    "hill",
    "lake",
    "corn",
    "bell",
    "desk",
    "farm",
)
Pairs = Sequence[tuple[str, str]]  # names of neighbouring kinds
MAX_DIGITS = 6  # a value that takes more characters than this is no fun to copy
MAX_VALUE = 20_000


@dataclass(frozen=True)
class Kind:
    """One way of using one tool.

    ``call`` is the call with slots ``x`` (the value that is carried) and ``y``, ``z`` (literals).
    ``literals`` name the sampler of each literal. ``takes`` and ``gives`` are types of values; a kind
    that gives ``same`` keeps the type it got. ``first`` kinds only ever start a chain.
    """

    name: str
    call: str
    families: tuple[str, ...]
    takes: tuple[str, ...]
    gives: str
    literals: tuple[str, ...] = ()
    first: bool = False


_NUMBER = ("number",)
KINDS = (
    Kind("hex", "convert_hex_to_ascii({x})", ("message",), ("hex",), "text"),
    Kind("reverse", "reverse_string({x})", ("message", "dna"), ("text", "dna", "mrna"), "same"),
    Kind("caesar", "caesar_decode({x}, {y})", ("message",), ("text",), "text", ("shift",)),
    Kind("length", "string_length({x})", ("message", "dna"), ("text", "dna", "mrna", "amino"), "number"),
    Kind("transcribe", "transcribe_dna_to_mrna({x})", ("dna",), ("dna",), "mrna"),
    Kind("back", "reverse_transcribe_mrna_to_dna({x})", ("dna",), ("mrna",), "dna"),
    Kind("translate", "translate_mrna_to_amino_acid({x})", ("dna",), ("mrna",), "amino"),
    Kind("convert", "convert_currency({x}, {y})", ("trade",), _NUMBER, "number", ("rate",)),
    Kind("tariff", "calculate_tariff({x}, {y})", ("trade",), _NUMBER, "number", ("percent",)),
    Kind("final", "estimate_final_value({x}, {y})", ("trade",), _NUMBER, "number", ("number",)),
    Kind("lowest", "find_minimum({x}, {y}, {z})", ("trade",), _NUMBER, "number", ("number", "number"), True),
    Kind("highest", "find_maximum({x}, {y}, {z})", ("trade",), _NUMBER, "number", ("number", "number"), True),
    Kind("add", "calculator('{x} + {y}')", ("message", "trade", "travel"), _NUMBER, "number", ("small",)),
    Kind(
        "subtract", "calculator('{x} - {y}')", ("message", "trade", "travel"), _NUMBER, "number", ("small",)
    ),
    Kind(
        "multiply", "calculator('{x} * {y}')", ("message", "trade", "travel"), _NUMBER, "number", ("small",)
    ),
    Kind("budget", "budget_calculator({x}, {y}, {z})", ("travel",), _NUMBER, "number", ("number", "small")),
    # max, min and sum are no tools of the default environment, for they would hide Python's own in an
    # agent's code; so min and max below are Python's, and a sum is the calculator's.
    Kind("total", "calculator('{x} + {y} + {z}')", ("travel",), _NUMBER, "number", ("number", "number")),
    Kind("cheapest", "min({x}, {y}, {z})", ("travel",), _NUMBER, "number", ("number", "number"), True),
    Kind("dearest", "max({x}, {y}, {z})", ("travel",), _NUMBER, "number", ("number", "number"), True),
)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
# Pairs that are not worth two steps: they undo each other, or the second gives the same without the first.
_IDLE_PAIRS = {
    ("transcribe", "back"),
    ("back", "transcribe"),
    ("add", "subtract"),
    ("subtract", "add"),
    *((kind, "length") for kind in ("reverse", "caesar", "transcribe", "back")),
    ("translate", "reverse"),
}


@dataclass(frozen=True)
class Step:
    """A kind with its literals (``x`` first if this step starts the chain) as Python source."""

    kind: Kind
    literals: Mapping[str, str]

    def code(self, carried: str | None = None) -> str:
        """The call as source, with ``carried`` (source of the value before) in place of ``x``."""
        slots = dict(self.literals) if carried is None else {**self.literals, "x": carried}
        return self.kind.call.format(**slots)


@dataclass(frozen=True)
class Chain:
    family: str
    steps: tuple[Step, ...]
    values: tuple[Any, ...]  # what each step gave

    @property
    def answer(self) -> Any:
        return self.values[-1]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        names = [step.kind.name for step in self.steps]
        return tuple(itertools.pairwise(names))

    def calls(self) -> list[str]:
        """Each call with the value it is fed written out, as an agent makes them."""
        before = [None, *(repr(value) for value in self.values)]
        return [step.code(value) for step, value in zip(self.steps, before, strict=False)]


def held_out(pair: tuple[str, str]) -> bool:
    """Is this pair of steps kept out of everything that a policy was pretrained on (about a third are)?"""
    return hashlib.sha256(" then ".join(pair).encode()).digest()[0] % 3 == 0


def sample_chain(
    rng: random.Random, family: str, length: int, *, accept: Callable[[Pairs], bool] = lambda pairs: True
) -> Chain:
    """A chain of ``length`` steps of ``family`` whose pairs of neighbouring steps ``accept`` likes."""
    while True:
        kinds = _sample_kinds(rng, family, length)
        if kinds is None or not accept(_sample_name_pairs(kinds)):
            continue
        chain = _run(family, [_sample_step(rng, kind, start) for kind, start in kinds])
        if chain is not None:
            return chain


def _sample_name_pairs(kinds: Sequence[tuple[Kind, str]]) -> Pairs:
    return [(a.name, b.name) for (a, _), (b, _) in itertools.pairwise(kinds)]


def _sample_kinds(rng: random.Random, family: str, length: int) -> list[tuple[Kind, str]] | None:
    """Kinds that fit together by type, each with the type of the literal that it would start from."""
    chosen: list[tuple[Kind, str]] = []
    carried = ""
    for index in range(length):
        fitting = [
            kind
            for kind in KINDS
            if family in kind.families
            and (index == 0 or (carried in kind.takes and not kind.first))
            and not (index == 0 and family == "message" and kind.takes == _NUMBER)
            and all(kind.name != before.name for before, _ in chosen)
            and not (chosen and (chosen[-1][0].name, kind.name) in _IDLE_PAIRS)
        ]
        if not fitting:
            return None
        kind = rng.choice(fitting)
        if index == 0:
            carried = rng.choice([takes for takes in kind.takes if _is_member(takes, family)])
        chosen.append((kind, carried if index == 0 else ""))
        carried = carried if kind.gives == "same" else kind.gives
    return chosen


def _is_member(takes: str, family: str) -> bool:
    return takes != "amino" and (takes in ("dna", "mrna")) == (family == "dna")


def _sample_step(rng: random.Random, kind: Kind, start: str) -> Step:
    slots = dict(zip("yz", kind.literals, strict=False))
    if start:
        slots = {"x": start, **slots}
    return Step(kind, {slot: sample_literal(rng, what) for slot, what in slots.items()})


def sample_literal(rng: random.Random, what: str) -> str:
    """Source of one literal."""
    if what == "text":
        word = rng.choice(WORDS)
        return repr(
            word if rng.random() < 0.5 else "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=len(word)))
        )
    if what == "hex":
        return repr("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 4))).encode().hex())
    if what in ("dna", "mrna"):
        codons = ("TAC", "AAA", "AAG") if what == "dna" else ("AUG", "UUU", "UUC")
        letters = "ACGT" if what == "dna" else "ACGU"
        two = (
            rng.choice(codons) if rng.random() < 0.4 else "".join(rng.choices(letters, k=3)) for _ in range(2)
        )
        return repr("".join(two))
    return {
        "shift": lambda: str(rng.randint(1, 9)),
        "rate": lambda: f"{rng.randint(0, 3)}.{rng.choice('2458')}",
        "percent": lambda: str(rng.randint(2, 60)),
        "small": lambda: str(rng.randint(2, 19)),
        "number": lambda: str(rng.randint(12, 390)),
    }[what]()


def _build_tool_table() -> dict[str, Callable[..., Any]]:
    table: dict[str, Callable[..., Any]] = {
        function.__name__: function for function in (*tools.MESSAGE_DECODER, *tools.DNA, *tools.TRADE)
    }
    table["budget_calculator"] = tools.budget_calculator
    # The travel family's min, max and sum are Python's own on separate numbers.
    return {**table, "min": min, "max": max, "sum": lambda *args: sum(args)}


_TOOLS = _build_tool_table()


def run_call(code: str) -> Any:
    """What one call made by ``Step.code`` gives. Raises what the tool raises."""
    return eval(code, {"__builtins__": {}}, _TOOLS)  # source made in this file, never a model's


def _run(family: str, steps: Sequence[Step]) -> Chain | None:
    """The chain with its values, or None where one is unwieldy or the answer is there for the taking."""
    values: list[Any] = []
    for step in steps:
        value = run_call(step.code(repr(values[-1]) if values else None))
        if isinstance(value, int | float) and not (0 < value < MAX_VALUE and len(repr(value)) <= MAX_DIGITS):
            return None
        values.append(value)
    literals = {literal.strip("'") for step in steps for literal in step.literals.values()}
    answer = str(values[-1])
    if len(steps) > 1 and answer in {*literals, *map(str, values[:-1])}:
        return None
    if any(step.kind.name == "translate" for step in steps) and not any(
        "e" in str(value) for value in values
    ):
        return None  # nothing but unknown codons: always X-X
    return Chain(family, tuple(steps), tuple(values))
