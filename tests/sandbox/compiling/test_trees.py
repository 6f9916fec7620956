"""Trees for the host: of what compiles alone, not too deep, not too large."""

from __future__ import annotations

import ast

import pytest

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.sandbox.compiling import MAX_DEPTH, MAX_NODES, Refused, parse_tree


def test_the_tree_is_that_of_the_source_and_the_callers_own() -> None:
    source = "def f(a):\n    return {a, 'ü'}\n"
    one, other = parse_tree(source), parse_tree(source)
    assert isinstance(one, ast.Module)
    assert isinstance(other, ast.Module)
    assert ast.dump(one) == ast.dump(other) == ast.dump(ast.parse(source))
    assert one is not other


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{" * 190 + "1" + "}" * 190, f"levels deep; at most {MAX_DEPTH} are read"),
        (" + ".join(["a"] * 190) + " + {1}", f"levels deep; at most {MAX_DEPTH} are read"),
        ("if a: x\n" + "elif a: x\n" * 150, f"levels deep; at most {MAX_DEPTH} are read"),
        ("a, " * (MAX_SOURCE // 3 - 1), f"parts; at most {MAX_NODES:,} are read"),
        ("x = 0x" + "f" * 9_000, "a number that is too long to be written in decimals"),
    ],
    ids=["sets", "sum", "elif", "tuple", "number"],
)
def test_what_is_too_much_for_those_who_walk_trees_is_refused(source: str, reason: str) -> None:
    outcome = parse_tree(source)
    assert isinstance(outcome, Refused)
    assert outcome.too_complex
    assert outcome.reason.endswith((reason, "it is nested too deep to be compiled"))


@pytest.mark.parametrize(
    "source",
    [
        "{" * 90 + "1" + "}" * 90,
        "f(" * 45 + "1" + ")" * 45,
        " + ".join(["a"] * 90),
        "if a: x\n" + "elif a: x\n" * 90,
        "a = " + "lambda: " * 90 + "1",
        "x = f'" + "{a}" * 300 + "'",
    ],
)
def test_what_is_not_can_be_walked_by_recursion(source: str) -> None:
    """``ast.unparse`` takes the most frames of all that the judge does with a tree."""
    tree = parse_tree(source)
    assert isinstance(tree, ast.Module)
    assert ast.dump(ast.parse(ast.unparse(tree))) == ast.dump(ast.parse(source))


def test_no_warning_of_a_doubtful_escape(recwarn: pytest.WarningsRecorder) -> None:
    assert isinstance(parse_tree("x = '\\d'"), ast.Module)
    assert not recwarn.list
