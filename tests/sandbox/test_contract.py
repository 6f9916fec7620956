"""What every sandbox owes: statuses, values, tools, sessions, hash seeds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from selfchal.core.sandbox import Limits, Program, Sandbox, Status
from selfchal.core.world import Call
from tests.sandbox.counting import Counting

# Seconds enough for a machine that does other things too; what is meant to time out gets SHORT.
QUICK = Limits(seconds=10.0, memory=256 * 2**20, stdout=1000, value=10_000, calls=5)
SHORT = replace(QUICK, seconds=1.0)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("result = {'a': [1, 2.5, None, True, 'ü']}", {"a": [1, 2.5, None, True, "ü"]}),
        ("result = (1, (2,))", [1, [2]]),
        ("x = 1", None),
        ("result = True", True),
        ("import collections\nresult = collections.Counter('aab')", {"a": 2, "b": 1}),
    ],
)
def test_value(sandbox: Sandbox, source: str, value: object) -> None:
    execution = sandbox.run(Program(source), None, QUICK)
    assert (execution.status, execution.error) == (Status.OK, None)
    assert execution.value == value
    assert type(execution.value) is type(value)


def test_call_gets_as_many_arguments_as_it_takes(sandbox: Sandbox) -> None:
    none = Program("def evaluate():\n    return 'none'", call="evaluate", args=(1, 2))
    one = Program("def evaluate(answer):\n    return [answer]", call="evaluate", args=(1, 2))
    any_number = Program("def evaluate(*answers):\n    return answers", call="evaluate", args=(1, 2))
    assert [sandbox.run(program, None, QUICK).value for program in (none, one, any_number)] == [
        "none",
        [1],
        [1, 2],
    ]


def test_a_missing_function_is_an_exception(sandbox: Sandbox) -> None:
    execution = sandbox.run(Program("x = 1", call="evaluate"), None, QUICK)
    assert execution.status is Status.EXCEPTION
    assert "evaluate" in (execution.error or "")


def test_traceback_shows_the_code_and_nothing_else(sandbox: Sandbox) -> None:
    execution = sandbox.run(Program("def f():\n    return 1 / 0\n\nf()"), None, QUICK)
    assert execution.status is Status.EXCEPTION
    assert execution.error is not None
    assert execution.error.count('File "') == execution.error.count('File "<task>"') == 2
    assert "return 1 / 0" in execution.error
    assert execution.error.endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("while True: pass", Status.TIMEOUT),
        ("x = bytearray(10**10)", Status.MEMORY),
        ("print('x' * 2000)", Status.OUTPUT),
        ("result = 'x' * 20000", Status.OUTPUT),
        ("result = {1, 2}", Status.OUTPUT),
        ("result = float('nan')", Status.OUTPUT),
        ("result = {1: 2}", Status.OUTPUT),
        ("result = '\\ud800'", Status.OUTPUT),
        ("x = '\ud800'", Status.EXCEPTION),
        ("x = (", Status.EXCEPTION),
        ("raise SystemExit(0)", Status.EXCEPTION),
        ("import os; os._exit(0)", Status.CRASH),
        ("import ctypes; ctypes.string_at(8)", Status.CRASH),
    ],
)
def test_status(sandbox: Sandbox, source: str, status: Status) -> None:
    execution = sandbox.run(Program(source), None, SHORT if status is Status.TIMEOUT else QUICK)
    assert execution.status is status
    assert execution.value is None
    assert execution.error
    assert len(execution.stdout) <= QUICK.stdout


def test_tools_answer_by_name(sandbox: Sandbox) -> None:
    execution = sandbox.run(
        Program("result = [add(1, 2), add(x=3), keep([1]), keep('x')]"), Counting(), QUICK
    )
    assert execution.value == [3, 3, 1, 2]
    assert execution.calls == (
        Call("add", (1, 2), {}, 3, True, False),
        Call("add", (), {"x": 3}, 3, True, False),
        Call("keep", ([1],), {}, 1, True, True),
        Call("keep", ("x",), {}, 2, True, True),
    )


def test_a_tool_that_refuses_raises_tool_error(sandbox: Sandbox) -> None:
    caught = "try:\n    refuse()\nexcept ToolError as error:\n    result = str(error)"
    execution = sandbox.run(Program(caught), Counting(), QUICK)
    assert execution.value == "KeyError: 'nobody'"
    assert not execution.calls[0].ok
    assert (sandbox.run(Program("refuse()"), Counting(), QUICK).error or "").endswith(
        "ToolError: KeyError: 'nobody'"
    )


def test_a_tool_that_answers_nonsense_raises(sandbox: Sandbox) -> None:
    execution = sandbox.run(Program("nonsense()"), Counting(), QUICK)
    assert execution.status is Status.EXCEPTION
    assert "not JSON" in (execution.error or "")


def test_arguments_that_are_no_json_never_reach_a_tool(sandbox: Sandbox) -> None:
    tools = Counting()
    assert sandbox.run(Program("add(object())"), tools, QUICK).status is Status.EXCEPTION
    assert tools.asked == 0


def test_calls_are_limited(sandbox: Sandbox) -> None:
    tools = Counting()
    execution = sandbox.run(Program("for i in range(10):\n    add(i)"), tools, QUICK)
    assert (execution.status, tools.asked) == (Status.EXCEPTION, QUICK.calls)


def test_time_in_tools_is_not_the_codes(sandbox: Sandbox) -> None:
    class Slow(Counting):
        def call(self, *args: object) -> object:  # type: ignore[override]
            time.sleep(0.4)
            return super().call(*args)  # type: ignore[arg-type]

    execution = sandbox.run(Program("result = add(1) + add(2) + add(3)"), Slow(), SHORT)
    assert (execution.status, execution.value) == (Status.OK, 6)
    assert execution.seconds < 1.2  # the three calls together


def test_what_was_printed_survives_a_kill(sandbox: Sandbox) -> None:
    execution = sandbox.run(Program("print('before')\nwhile True: pass"), None, SHORT)
    assert (execution.status, execution.stdout) == (Status.TIMEOUT, "before\n")


def test_a_session_keeps_its_variables(sandbox: Sandbox) -> None:
    with sandbox.session(Counting(), QUICK) as session:
        assert session.run("x = add(1, 1)").ok
        assert session.run("def f():\n    return x / 0").ok
        assert session.run("print(x)").stdout == "2\n"
        assert "return x / 0" in (session.run("f()").error or "")
        assert session.run("print('y' * 2000)").status is Status.OUTPUT
        assert session.run("print(x)").stdout == "2\n"
        assert session.run("result = {1}").ok


def test_a_session_starts_afresh_after_a_kill(sandbox: Sandbox) -> None:
    with sandbox.session(None, replace(QUICK, seconds=2.0)) as session:
        assert session.run("x = 1").ok
        assert session.run("while True: pass").status is Status.TIMEOUT
        assert "NameError" in (session.run("print(x)").error or "")
        assert session.run("x = 2\nprint(x)").stdout == "2\n"


def test_a_session_that_dies_between_runs_says_so(sandbox: Sandbox) -> None:
    with sandbox.session(None, QUICK) as session:
        session.run("import os; os._exit(0)")
        assert session.run("print(1)").stdout == "1\n"


def test_two_hash_seeds_show_the_order_of_sets(sandbox: Sandbox) -> None:
    source = "result = list({'alpha', 'beta', 'gamma', 'delta', 'epsilon'})"
    first, again, other = (
        sandbox.run(Program(source, hash_seed=seed), None, QUICK).value for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)


def test_many_threads_at_once(sandbox: Sandbox) -> None:
    def one(number: int) -> object:
        return sandbox.run(Program(f"result = add({number}, 1)"), Counting(), Limits(seconds=20.0)).value

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(40))) == list(range(1, 41))


def test_every_guarantee_has_a_level(sandbox: Sandbox) -> None:
    from selfchal.core.sandbox import GUARANTEES

    assert set(sandbox.guarantees.levels) == set(GUARANTEES)
    assert sandbox.guarantees.notes
