"""What a message of untrusted code may cost its host: bytes, values, depth and time are bounded."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_envs.calculator import RefusedExpression, calculate
from selfchal.core.sandbox import Execution, Limits, Program, Sandbox, Status
from selfchal.core.world import ToolResult
from selfchal.sandbox.protocol import ARGUMENTS_CAP
from selfchal.sandbox.runner.wire import MAX_VALUES, count_values
from tests.patience import SOON
from tests.sandbox.conftest import Sandboxes
from tests.support.peak_memory import tracing_memory

LIMITS = Limits(seconds=10.0)
MB = 2**20


class _Tools:
    """Keeps nothing; ``calculate`` is a built-in environment's own."""

    tool_names = ("take", "calculate", "read", "wait")

    def __init__(self) -> None:
        self.asked = 0

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ToolResult:
        self.asked += 1
        if name == "calculate":
            try:
                return ToolResult(calculate(*args))
            except RefusedExpression as error:
                return ToolResult(str(error), ok=False, raises=True)
        if name == "read":
            return ToolResult(["row " * 1000] * 250)
        if name == "wait":
            time.sleep(0.2)
        return ToolResult(None)


def _measure(sandbox: Sandbox, source: str, limits: Limits = LIMITS) -> tuple[Execution, _Tools, int]:
    """The execution, the tools, and how much more memory the host held at its worst."""
    tools = _Tools()
    with tracing_memory() as read_most:
        execution = sandbox.run(Program(source), tools, limits)
        return execution, tools, read_most()


def _frame(message: str) -> str:
    return f"import os, struct\nraw = ({message}).encode()\nraw = struct.pack('!I', len(raw)) + raw\n"


_WRITE = "while raw:\n    raw = raw[os.write(3, raw):]\n"
_COSTLY = {
    "lists in lists": "for _ in range(3):\n    take([[[]] * 1000] * 700)",
    "dictionaries": "result = [{} for _ in range(1_000_000)]",
    "dictionaries, forged": _frame("'[\"done\",\"ok\",[' + '{},' * 1_300_000 + '{}],null]'") + _WRITE,
    "lists, forged": _frame("'[\"call\",\"take\",[' + '[],' * 1_300_000 + '[]],{}]'") + _WRITE,
    "keys, forged": (
        _frame("'[\"call\",\"take\",[{' + ','.join(f'\"{n}\":0' for n in range(350_000)) + '}],{}]'") + _WRITE
    ),
    "texts, forged": _frame("'[\"call\",\"take\",[' + '\"\",' * 1_000_000 + '1],{}]'") + _WRITE,
    "quotes, forged": _frame("'\"' * 4_000_000") + _WRITE,
    "backslashes, forged": _frame("'\"' + '\\\\' * 4_000_000") + _WRITE,
    "brackets, forged": _frame("'[' * 4_000_000") + _WRITE,
    "many calls of many values": "for _ in range(900):\n    take([0] * 1000)",
}


@pytest.mark.parametrize("name", _COSTLY)
def test_values_are_counted_before_they_are_made(sandbox: Sandbox, name: str) -> None:
    execution, tools, peak = _measure(sandbox, _COSTLY[name])
    assert execution.status in (Status.OUTPUT, Status.CRASH, Status.EXCEPTION), execution
    assert peak < 45 * MB  # frames of 4 MB, and 100,000 values
    assert execution.seconds < SOON
    assert tools.asked < 200


def test_a_call_that_is_too_large_is_refused_before_its_tool_runs(sandbox: Sandbox) -> None:
    source = (
        "refused = []\n"
        "for argument in ('1+' * 1_000_000, '1+' * 200_000 + '1', ['x' * 100] * 3_000):\n"
        "    try:\n        calculate(argument)\n"
        "    except ToolError as error:\n        refused.append(str(error))\n"
        "result = [len(refused), refused[0], calculate('1+1')]"
    )
    execution, tools, peak = _measure(sandbox, source)
    assert execution.ok, execution.error
    assert execution.value[0] == 3
    assert f"at most {ARGUMENTS_CAP} are passed on" in execution.value[1]
    assert (execution.value[2], tools.asked, len(execution.calls)) == (2.0, 1, 1)
    assert peak < 45 * MB


def test_a_calculator_given_all_that_can_be_passed_on_is_quick(sandbox: Sandbox) -> None:
    source = "for _ in range(50):\n    try:\n        calculate('1+' * 130_000 + '1')\n    except ToolError:\n        pass"
    before = time.monotonic()
    execution, _, peak = _measure(sandbox, source)
    assert execution.ok
    assert time.monotonic() - before < SOON
    assert peak < 60 * MB


def test_what_tools_answer_is_bounded_in_all(sandbox: Sandbox) -> None:
    execution, tools, _ = _measure(sandbox, "while True:\n    read()")
    assert execution.status is Status.EXCEPTION
    assert "have answered with more than" in (execution.error or "")
    assert tools.asked < 20


def test_time_in_tools_is_bounded_in_all(sandbox: Sandbox) -> None:
    source = "while True:\n    wait()"
    execution, tools, _ = _measure(sandbox, source, replace(LIMITS, tool_seconds=0.5))
    assert execution.status is Status.EXCEPTION
    assert "the tools have taken longer than 0.5 s" in (execution.error or "")
    assert tools.asked == 3


def test_a_large_text_is_no_large_number_of_values(sandbox: Sandbox) -> None:
    source = "result = ['[,{' * 300_000, {'\"\\\\,': ',' * 100_000}]"
    execution = sandbox.run(Program(source), None, LIMITS)
    assert execution.value == ["[,{" * 300_000, {'"\\,': "," * 100_000}]


def test_monty_bounds_its_values_and_calls_too(sandboxes: Sandboxes) -> None:
    monty = sandboxes.get("monty")
    assert monty.run(Program("result = [[] for _ in range(150_000)]"), None, LIMITS).status is Status.OUTPUT
    tools = _Tools()
    source = "try:\n    calculate('1+' * 300_000)\nexcept Exception as error:\n    result = str(error)"
    assert "passed on" in monty.run(Program(source), tools, LIMITS).value
    assert tools.asked == 0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", ",", "[{", '\\"']),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)


@given(_JSON, st.booleans())
def test_values_are_counted_as_a_parser_would(value: object, ascii_only: bool) -> None:
    """Not one too few; an empty list or dictionary counts as if it held one."""

    def count(item: object, empty: int) -> int:
        inner = list(item.values()) if isinstance(item, dict) else item
        if not isinstance(inner, list):
            return 1
        return 1 + (sum(count(part, empty) for part in inner) or empty)

    counted = count_values(json.dumps(value, ensure_ascii=ascii_only).encode())
    assert count(value, 0) <= counted <= count(value, 1)


@pytest.mark.parametrize("data", [b"[" * 4_000_000, b'"' * 4_000_000, b'\\"' * 2_000_000, b"[]," * 1_300_000])
def test_counting_takes_little_time_and_memory(data: bytes) -> None:
    with tracing_memory() as read_most:
        before = time.perf_counter()
        counted = count_values(data)
        seconds, peak = time.perf_counter() - before, read_most()
    assert counted > MAX_VALUES or data.startswith(b"\\")
    assert seconds < SOON
    assert peak < 30 * MB


def test_a_frame_is_what_the_costs_here_are_forged_with() -> None:
    names: dict[str, Any] = {}
    exec(_frame("'[]'"), names)
    assert names["raw"] == struct.pack("!I", 2) + b"[]"


def test_an_error_is_told_without_a_module_that_each_process_would_import_anew(sandbox: Sandbox) -> None:
    with sandbox.session(None, LIMITS) as session:
        before = session.run("import sys\nresult = len(sys.modules)").value
        failed = session.run("def f(x):\n    assert x['a'] + 1 == 2, 'no'\nf({'a': 3})")
        assert failed.error == (
            "Traceback (most recent call last):\n  File \"<task>\", line 3, in <module>\n    f({'a': 3})\n"
            "  File \"<task>\", line 2, in f\n    assert x['a'] + 1 == 2, 'no'\nAssertionError: no"
        )
        assert session.run("result = len(sys.modules)").value == before
