"""The estimate of what the compiler would write, against what it writes."""

from __future__ import annotations

import ast
import dis
import sys
from pathlib import Path
from types import CodeType

import pytest

from selfchal.sandbox.compiling.worker.complexity import (
    MAX_INSTRUCTIONS,
    count_instructions,
    may_be_costly,
)


def _count_written(source: str) -> int:
    def count(code: CodeType) -> int:
        inner = (part for part in code.co_consts if isinstance(part, CodeType))
        return sum(1 for _ in dis.get_instructions(code)) + sum(map(count, inner))

    return count(compile(source, "<x>", "exec"))


def _nest_finally(levels: int) -> str:
    lines = [" " * level + line for level in range(levels) for line in ("try: x", "finally:")]
    return "\n".join([*lines, " " * levels + "x"])


def _many_returns(count: int, levels: int) -> str:
    tries = "".join(" " * (level + 1) + "try:\n" for level in range(levels))
    returns = (" " * (levels + 1) + "if x: return\n") * count
    ends = "".join(
        " " * (level + 1) + "finally:\n" + " " * (level + 2) + "g(a, b)\n"
        for level in reversed(range(levels))
    )
    return "def f(x):\n" + tries + returns + ends


@pytest.mark.parametrize(
    "source",
    [_nest_finally(8), _nest_finally(11), _many_returns(50, 4), _many_returns(5, 12), _many_returns(200, 2)],
)
def test_the_estimate_grows_as_the_code_does(source: str) -> None:
    assert may_be_costly(source)
    written, estimated = _count_written(source), count_instructions(ast.parse(source))
    assert written / 20 < estimated < written * 20


def test_constants_count_by_the_memory_that_they_take() -> None:
    """Each sum of constants is kept with all of its intermediate values."""
    source = "x = " + " + ".join(["'a' * 4096"] * 100)
    assert may_be_costly(source)
    assert count_instructions(ast.parse(source)) > 100 * 100 / 2 * 4096 / 64
    assert count_instructions(ast.parse("x = a * 4096 + b * 4096")) < 20


def test_no_honest_source_is_near_the_bound() -> None:
    """Every file of the standard library that a task might be as long as."""
    folder = Path(sys.modules["ast"].__file__ or "").parent
    counts = []
    for file in folder.glob("*.py"):
        text = file.read_text(encoding="utf-8", errors="replace")
        if 5_000 < len(text) < 20_000:
            counts.append(count_instructions(ast.parse(text)))
    assert len(counts) > 30
    assert max(counts) < MAX_INSTRUCTIONS / 2
