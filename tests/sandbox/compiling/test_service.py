"""The service: what it says of a source, how it survives one, and what it leaves behind."""

from __future__ import annotations

import ast
import builtins
import marshal
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from selfchal.core.errors import SandboxError
from selfchal.core.sandbox import MAX_SOURCE
from selfchal.sandbox.compiling import Compiled, CompileService, Refused, compile_source, service
from tests.patience import SOON


@pytest.fixture
def own() -> Iterator[CompileService]:
    with CompileService() as made:
        yield made


def _nest_finally(levels: int) -> str:
    lines = [" " * level + line for level in range(levels) for line in ("try: x", "finally:")]
    return "\n".join([*lines, " " * levels + "x"])


def _run(compiled: Compiled | Refused) -> dict[str, object]:
    assert isinstance(compiled, Compiled), compiled
    names: dict[str, object] = {}
    exec(marshal.loads(compiled.code), names)
    return names


def test_what_it_compiles_is_what_compile_gives(own: CompileService) -> None:
    for source in ("x = 1", "def f(a):\n    return [a, {'ü': 'é'}]\nx = f(2)", "x = '\\d'", "", "# nothing"):
        expected: dict[str, object] = {}
        exec(compile(source, "<task>", "exec"), expected)
        assert _run(own.compile_source(source)).get("x") == expected.get("x")
    code = own.compile_source("x = 1")
    assert isinstance(code, Compiled)
    assert marshal.loads(code.code).co_filename == "<task>"


def test_it_runs_nothing(own: CompileService, tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'ran')!r}, 'w')\nimport os\nos._exit(3)"
    assert isinstance(own.compile_source(source), Compiled)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = (", "does not compile: SyntaxError: '(' was never closed (line 1: 'x = (')"),
        ("def f():\n  x\n y", "does not compile: IndentationError: unindent does not match"),
        ("return 1", "does not compile: SyntaxError: 'return' outside function (line 1: ''"),
        ("x = '\ud800'", "does not compile: UnicodeEncodeError: "),
        ("x = 1\0", "does not compile: "),
        ("9" * 5_000, "does not compile: SyntaxError: Exceeds the limit"),
        ("x" * (MAX_SOURCE + 1), "is 20,001 characters long; at most 20,000 are read"),
    ],
)
def test_what_is_no_python_is_refused_with_the_reason(own: CompileService, source: str, reason: str) -> None:
    outcome = own.compile_source(source)
    assert isinstance(outcome, Refused)
    assert (outcome.reason[: len(reason)], outcome.too_complex) == (reason, False)
    assert outcome.describe("the solution") == f"the solution {outcome.reason}"


@pytest.mark.parametrize(
    "source",
    [
        _nest_finally(16),
        _nest_finally(20),
        "def f():\n try:\n" + "  if x: return\n" * 700 + " finally:\n" + "  a; b; c; d\n" * 300,
        f"match x:\n case {' | '.join(['[' + ','.join(f'a{n}' for n in range(400)) + ']'] * 4)}:\n  pass",
        "x = " + " + ".join(["'a' * 4096"] * 700),
        "x = " + " + ".join(["(0,) * 256"] * 700),
        "lambda: " * 2_000 + "1",
        "-" * 19_000 + "1",
        "a" + ".a" * 9_000,
        "x = " + " < ".join(["a"] * 4_900),
    ],
    ids=[
        "finally",
        "more",
        "returns",
        "patterns",
        "texts",
        "tuples",
        "lambdas",
        "signs",
        "attributes",
        "chain",
    ],
)
def test_what_costs_too_much_is_refused_as_too_complex(own: CompileService, source: str) -> None:
    before = time.monotonic()
    outcome = own.compile_source(source)
    if isinstance(outcome, Refused):
        assert outcome.too_complex
        assert outcome.describe("the solution").startswith("the solution is too complex: it")
    else:  # a version of Python that takes it in its stride
        assert len(outcome.code) < 2**20
    assert time.monotonic() - before < SOON  # the worker's own limit is half a second of CPU time
    assert isinstance(own.compile_source("x = 1"), Compiled)


@pytest.mark.parametrize("make", [_nest_finally, lambda levels: "lambda: " * 120 * levels + "a"])
def test_what_is_nested_deep_is_refused_in_milliseconds(
    own: CompileService, make: Callable[[int], str]
) -> None:
    own.compile_source("x = 1")
    seconds = []
    for levels in range(15, 21):
        before = time.perf_counter()
        outcome = own.compile_source(make(levels))
        seconds.append(time.perf_counter() - before)
        assert isinstance(outcome, Refused)
        assert outcome.too_complex
        assert outcome.reason in (
            "it would take more than 50,000 instructions",
            "it is nested too deep to be compiled",
        )
    assert min(seconds) < 0.2


def test_the_host_stays_small_whatever_it_is_asked(own: CompileService) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(40):
        own.compile_source(f"x = {number}\n" + _nest_finally(10 + number % 10))
        own.compile_source(f"x = {number}, " + ", ".join(["'a' * 4096"] * 100))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 2**10  # KiB


def test_what_takes_too_long_kills_the_worker_and_nothing_else(
    own: CompileService, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = (
        "from worker import messages; messages.CPU_SECONDS = 0.001; from worker.program import main; main()"
    )
    monkeypatch.setattr(service, "_PROGRAM", f"import sys; sys.path.insert(0, {service._FOLDER!r}); {hasty}")
    # The kernel counts so short a time by its ticks, and a busy machine may have none of them fall into it.
    slow = [f"x = {number}, f'" + "{a + b}" * 2_500 + "'" for number in range(8)]
    found = [own.compile_source(source) for source in slow]
    assert Refused("it takes longer than 0.5 s to compile", too_complex=True) in found
    assert isinstance(own.compile_source("x = 1"), Compiled)


def test_a_worker_that_is_killed_is_replaced(own: CompileService) -> None:
    assert isinstance(own.compile_source("x = 1"), Compiled)
    for number in range(3):
        os.kill(_only_worker(own), signal.SIGKILL)
        assert isinstance(own.compile_source(f"y = {number}"), Compiled)


def test_a_machine_on_which_no_worker_lives_says_so(
    own: CompileService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PROGRAM", "raise SystemExit('no such thing')")
    with pytest.raises(SandboxError, match="ended with exit code 1: no such thing"):
        own.compile_source("x = 1")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SandboxError, match="no process can be started to compile source"):
        own.compile_source("x = 1")


def test_many_threads_get_each_their_own_answer(own: CompileService) -> None:
    def ask(number: int) -> object:
        if number % 10 == 0:
            return own.compile_source(f"x = {number}\n" + _nest_finally(18))
        return _run(own.compile_source(f"x = {number}"))["x"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(100)))
    assert [answer for number, answer in enumerate(answers) if number % 10] == [
        n for n in range(100) if n % 10
    ]
    assert all(isinstance(answer, Refused) for answer in answers[::10])


def test_equal_sources_become_equal_bytes() -> None:
    """Of a set of constants too, whose order hangs on the hash seed of the process that writes it."""
    source = "x = y in {'alpha', 'beta', 'gamma', 'delta', 'epsilon'}"
    outcomes = []
    for _ in range(3):
        with CompileService() as one:
            outcomes.append(one.compile_source(source))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_an_answer_is_remembered_until_others_need_the_room(
    own: CompileService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_REMEMBERED", 100_000)
    first = own.compile_source("x = 1")
    assert own.compile_source("x = 1") is first
    for number in range(100):
        own.compile_source(f"y = {number}" + " " * 1_000)
    assert own._remembered._size <= 100_000
    assert own.compile_source("x = 1") is not first


def test_closing_ends_every_worker() -> None:
    one = CompileService()
    one.compile_source("x = 1")
    pid = _only_worker(one)
    one.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(SandboxError, match="closed"):
        one.compile_source("x = 2")
    one.close()


def test_a_process_that_ends_leaves_no_worker(tmp_path: Path) -> None:
    program = (
        "from selfchal.sandbox.compiling import compile_source, service\n"
        "compile_source('x = 1')\n"
        "print(service._shared[0]._idle[0]._process.pid, flush=True)\n"
        "import os; {}"
    )
    import subprocess

    for end in ("pass", "os._exit(1)", "os.kill(os.getpid(), 9)"):
        ended = subprocess.run(
            [sys.executable, "-c", program.format(end)], capture_output=True, text=True, check=False
        )
        pid, deadline = int(ended.stdout), time.monotonic() + 5
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists(), end


def test_a_forked_process_has_workers_of_its_own() -> None:
    assert isinstance(compile_source("x = 'before the fork'"), Compiled)
    pid = os.fork()
    if pid == 0:
        alright = isinstance(compile_source("x = 'in the child'"), Compiled)
        service.close_shared_service()
        os._exit(0 if alright else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert isinstance(compile_source("x = 'after the fork'"), Compiled)


def test_the_host_itself_never_compiles(own: CompileService, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise AssertionError("compiled in the host")

    monkeypatch.setattr(builtins, "compile", refuse)
    monkeypatch.setattr(ast, "parse", refuse)
    assert isinstance(own.compile_source("x = 'not in the host'"), Compiled)


def _only_worker(one: CompileService) -> int:
    (worker,) = one._idle
    return worker._process.pid
