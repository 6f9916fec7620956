"""What the host compiles for a child does what the source does, and what it cannot compile is left to the child."""

from __future__ import annotations

import marshal

import pytest

from selfchal.core.sandbox import MAX_SOURCE, Limits, Program, Status
from selfchal.sandbox.precompiled import precompiled
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox


@pytest.mark.parametrize(
    "source",
    ["x = (", "\x00", "x = '\ud800'", "(" * 3_000, "-" * 19_000 + "1", "x" * (MAX_SOURCE + 1), "9" * 5_000],
    ids=["unclosed", "null", "surrogate", "nested", "signs", "long", "digits"],
)
def test_what_does_not_compile_is_left_to_the_child(source: str) -> None:
    assert precompiled(source) is None


def test_no_warning_of_a_doubtful_escape(recwarn: pytest.WarningsRecorder) -> None:
    code = precompiled("result = '\\d'")
    assert code is not None
    assert marshal.loads(bytes.fromhex(code)).co_filename == "<task>"
    assert not recwarn.list


def test_a_child_runs_either_form_alike() -> None:
    """Value, traceback with its source line, and the order of a set of constants, which hangs on the hash seed."""
    order = "result = [*{'alpha', 'beta', 'gamma', 'delta', 'epsilon'}]"
    fails = "def f():\n    return 1 / 0\nf()"
    with ProcessSandbox(ProcessConfig()) as compiled, ProcessSandbox(ProcessConfig()) as plain:
        plain.same_python = False  # type: ignore[misc]  # this one alone
        for source in (order, fails, "x = (", "import math\nresult = math.pi"):
            one, other = (box.run(Program(source), None, Limits()) for box in (compiled, plain))
            assert (one.status, one.value, one.error) == (other.status, other.value, other.error)
        seeds = [compiled.run(Program(order, hash_seed=seed), None, Limits()).value for seed in (0, 1)]
        assert compiled.run(Program(fails), None, Limits()).status is Status.EXCEPTION
    assert seeds[0] != seeds[1]
