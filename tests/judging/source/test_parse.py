"""Sources that have killed interpreters: each is parsed or refused, in this very process."""

from __future__ import annotations

import ast

import pytest

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.judging.source.parse import SourceError, parse_source
from selfchal.sandbox.compiling import MAX_DEPTH

DEEP = {
    "minus": "-" * (MAX_SOURCE - 1) + "1",
    "not": "not " * (MAX_SOURCE // 4 - 1) + "1",
    "attributes": "a" + ".a" * (MAX_SOURCE // 2 - 2),
    "subscripts": "a" + "[0]" * (MAX_SOURCE // 3 - 2),
    "calls": "a" + "()" * (MAX_SOURCE // 2 - 2),
    "sum": "1" + "+1" * (MAX_SOURCE // 2 - 2),
    "power": "1" + "**1" * (MAX_SOURCE // 3 - 2),
    "lambdas": "lambda:" * (MAX_SOURCE // 7 - 1) + "1",
    "conditions": "1 if 1 else " * (MAX_SOURCE // 12 - 1) + "1",
    "brackets": "(" * 500 + ")" * 500,
    "sets": "{" * 190 + "1" + "}" * 190,
    "sum with a set": "1" + "+1" * 190 + "+len({1})",
    "elif": "if a:\n pass\n" + "elif a:\n pass\n" * (MAX_SOURCE // 16),
    "tilde": "~" * (MAX_SOURCE - 1) + "1",
    "blocks": "".join(" " * i + "for a in b:\n" for i in range(99)) + " " * 99 + "pass",
    "nul": "a = 1\x00",
    "surrogate": "a = '\ud800'",
    "too long": "a = 1\n" * MAX_SOURCE,
    "empty": "  \n",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_or_odd_source_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(SourceError, match="the code"):
        parse_source(DEEP[name], "the code")


def test_how_deep_code_may_be_nested_is_the_same_on_every_python() -> None:
    def nested(levels: int) -> str:
        return "-" * (levels - 3) + "1"  # and the module, the statement, the number

    parse_source(nested(MAX_DEPTH), "the code")
    with pytest.raises(
        SourceError, match="the code is too complex: it is nested 101 levels deep; at most 100 are read"
    ):
        parse_source(nested(MAX_DEPTH + 1), "the code")


def test_whatever_is_parsed_can_be_written_again() -> None:
    for source in ("{" * 90 + "1" + "}" * 90, "1" + "+1" * 90 + "+len({1})", "[" * 90 + "]" * 90):
        ast.unparse(parse_source(source, "the code"))
