"""Texts that the patterns in a verifier match: each alternative of a pattern may be a second answer.

A search goes by how near a comparison is to being met, and a pattern gives no distance. So the patterns are
taken apart, and texts are drawn that they match.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from random import Random
from re import _constants, _parser  # type: ignore[attr-defined]  # there is no public way into a pattern
from typing import Any

from selfchal.core.text import replace_surrogates
from selfchal.judging.source.parse import nodes_of, parse_evaluate

_CALLS = frozenset({"match", "fullmatch", "search", "compile"})
_LONGEST = 200  # characters of a pattern
_PATTERNS = 4
_SAMPLES = 8  # of one pattern
_MOST_REPEATS = 8
_MOST_STEPS = 5_000  # of all samples of one pattern: repeats within repeats would go on for ever
_MEMBERS = {
    _constants.CATEGORY_DIGIT: "0123456789",
    _constants.CATEGORY_SPACE: " ",
    _constants.CATEGORY_WORD: "abcdefghijklmnopqrstuvwxyz",
    _constants.CATEGORY_NOT_DIGIT: "x",
    _constants.CATEGORY_NOT_SPACE: "x",
    _constants.CATEGORY_NOT_WORD: "-",
}


def draw_matching_texts(evaluate: str, draw: Random) -> list[str]:
    """Some texts that the patterns of evaluate match."""
    found: dict[str, None] = {}
    for pattern in list(_list_patterns(evaluate))[:_PATTERNS]:
        try:
            with warnings.catch_warnings(action="ignore"):  # odd patterns are the verifier's affair
                parsed = _parser.parse(pattern)
            steps = iter(range(_MOST_STEPS))
            texts = ["".join(_draw_text(parsed, draw, steps)) for _ in range(_SAMPLES)]
        except (re.error, RecursionError, OverflowError):
            continue
        found |= dict.fromkeys(map(replace_surrogates, texts))
    return list(found)


def _list_patterns(evaluate: str) -> Iterator[str]:
    for node in nodes_of(parse_evaluate(evaluate)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            first = node.args[0]
            if name in _CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield from [first.value] if len(first.value) <= _LONGEST else []


def _draw_text(parsed: Sequence[Any], draw: Random, steps: Iterator[int]) -> Iterator[str]:
    """The pieces of one text that a parsed pattern matches; what looks around is passed over. It ends where
    there are no more ``steps``."""
    for code, argument in parsed if next(steps, None) is not None else ():
        if code is _constants.LITERAL:
            yield chr(argument)
        elif code is _constants.NOT_LITERAL:
            yield "x" if argument != ord("x") else "y"
        elif code is _constants.ANY:
            yield "x"
        elif code is _constants.IN:
            yield _draw_member(argument, draw)
        elif code is _constants.BRANCH:
            yield from _draw_text(draw.choice(argument[1]), draw, steps)
        elif code is _constants.SUBPATTERN:
            yield from _draw_text(argument[-1], draw, steps)
        elif code in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            fewest, most, inner = argument
            for _ in range(min(draw.choice((int(fewest), min(int(fewest) + 1, int(most)))), _MOST_REPEATS)):
                yield from _draw_text(inner, draw, steps)


def _draw_member(members: Sequence[Any], draw: Random) -> str:
    if members[0][0] is _constants.NEGATE:
        return "x"
    code, argument = draw.choice(members)
    if code is _constants.RANGE:
        return chr(draw.randint(*argument))
    return chr(argument) if code is _constants.LITERAL else draw.choice(_MEMBERS.get(argument, "x"))
