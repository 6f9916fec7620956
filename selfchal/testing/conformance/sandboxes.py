"""What every sandbox must keep of the contract. What it keeps out is tried by ``selfchal sandbox check``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from selfchal.core.sandbox import (
    GUARANTEES,
    Execution,
    Guarantees,
    Level,
    Limits,
    Program,
    Sandbox,
    Status,
)
from selfchal.core.world import Json, ToolHost, ToolResult
from selfchal.testing.attacks.run import run_attacks
from selfchal.testing.conformance.case import (
    Case,
    CaseLevel,
    declared,
    demand,
    demand_attributes,
    demand_type,
    using_sandbox,
)


class Echo:
    """Tools that show what reached them: one echoes, one refuses."""

    @property
    def tool_names(self) -> Sequence[str]:
        return ("echo", "refuse")

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name == "refuse":
            return ToolResult("not today", ok=False, raises=True)
        return ToolResult({"args": list(args), "kwargs": dict(kwargs)})


def sandbox_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a sandbox class with these options."""
    rules: dict[str, tuple[Callable[[Sandbox], None], str]] = {
        "states all guarantees": (
            _states_guarantees,
            f"Give a Level for each of {', '.join(GUARANTEES)}.",
        ),
        "gives the value and what was printed": (_gives_value, "Return Execution(Status.OK, value, stdout)."),
        "calls a function with as many arguments as it takes": (
            _calls_function,
            "Look at ``call`` and ``args``.",
        ),
        "passes tool calls and their results": (
            _passes_tools,
            "Hand each call to ``tools``, and keep it in calls.",
        ),
        "turns a refused call into an exception": (_refused_calls_raise, "Raise a RuntimeError in the code."),
        "tells an exception with its traceback": (
            _tells_exceptions,
            "Return Status.EXCEPTION and the traceback.",
        ),
        "refuses a value that is no JSON": (_refuses_odd_values, "Return Status.OUTPUT for it."),
        "stops what prints too much": (_stops_output, "Keep to limits.stdout, with Status.OUTPUT beyond it."),
        "stops what takes too long": (_stops_in_time, "Kill it after limits.seconds, with Status.TIMEOUT."),
        "refuses a call too many": (_refuses_calls, "Answer calls beyond limits.calls with an exception."),
        "forgets between programs": (_forgets, "Run each program in a process of its own."),
        "keeps the variables of a session": (_sessions_remember, "Run a session's code in one namespace."),
        "begins each session anew": (_sessions_are_apart, "Make a namespace of its own for each session."),
        "stops what takes too long in a session": (
            _sessions_stop_in_time,
            "Keep to the limits that session() was given.",
        ),
        "gives the same order twice with one hash seed": (
            _hash_seeds,
            "Start Python with that PYTHONHASHSEED.",
        ),
        "answers several threads at once": (
            _answers_threads,
            "Keep nothing of one execution in the sandbox.",
        ),
    }

    def bind(rule: Callable[[Sandbox], None]) -> Callable[[], None]:
        def check() -> None:
            with using_sandbox(cls, options or {}) as sandbox:
                rule(sandbox)

        return check

    return [
        *declared("sandbox", cls, options or {}),
        *(Case(text, bind(rule), cure=cure) for text, (rule, cure) in rules.items()),
        Case(
            "keeps out what it promises to keep out",
            bind(_stops_attacks),
            CaseLevel.SEMANTIC,
            "Keep it out, or promise less in ``guarantees``.",
        ),
    ]


def _run(sandbox: Sandbox, program: Program, limits: Limits, tools: ToolHost | None = None) -> Execution:
    done = sandbox.run(program, tools, limits)
    demand_type(done, Execution, "run()")
    return done


def _tell(done: Execution) -> str:
    """An execution in one line."""
    error = (done.error or "").strip().rpartition("\n")[2]
    return (
        f"{done.status} with {done.value!r:.60}, {len(done.calls)} calls, stdout {done.stdout!r:.40} {error}"
    )


def _states_guarantees(sandbox: Sandbox) -> None:
    demand_attributes("sandbox", sandbox)
    demand_type(sandbox.guarantees, Guarantees, "guarantees")
    odd = [name for name in sandbox.guarantees.levels if name not in GUARANTEES]
    demand(not odd, f"its guarantees name {', '.join(odd)}, which there is not")
    for name, level in sandbox.guarantees.levels.items():
        demand(level in set(Level), f"its guarantee of {name} is {level!r}, and no Level")
    missing = [name for name in GUARANTEES if name not in sandbox.guarantees.levels]
    demand(not missing, f"its guarantees do not say: {', '.join(missing)}")


def _stops_attacks(sandbox: Sandbox) -> None:
    surprises = run_attacks(sandbox).surprises
    told = "; ".join(f"{one.kind}, {one.name}: {one.did}" for one in surprises[:3])
    demand(not surprises, f"{len(surprises)} attacks got through ({told}); see `selfchal sandbox check`")


def _gives_value(sandbox: Sandbox) -> None:
    done = _run(sandbox, Program("print('hello'); result = {'a': [1, 2.5, None]}"), Limits())
    demand(done.ok and done.value == {"a": [1, 2.5, None]}, f"the value was lost: {_tell(done)}")
    demand(done.stdout == "hello\n", f"stdout was lost: {done.stdout!r}")


def _calls_function(sandbox: Sandbox) -> None:
    for source in ("def evaluate(): return 7", "def evaluate(answer): return answer"):
        done = _run(sandbox, Program(source, call="evaluate", args=(7,)), Limits())
        demand(done.ok and done.value == 7, f"{source!r} gave {_tell(done)}")


def _passes_tools(sandbox: Sandbox) -> None:
    done = _run(sandbox, Program("result = echo(1, word='ü')"), Limits(), Echo())
    demand(done.value == {"args": [1], "kwargs": {"word": "ü"}}, f"the call came back as {_tell(done)}")
    demand([call.name for call in done.calls] == ["echo"], f"the calls were not recorded: {done.calls}")


def _refused_calls_raise(sandbox: Sandbox) -> None:
    source = "try:\n    refuse()\nexcept RuntimeError as error:\n    result = str(error)"
    done = _run(sandbox, Program(source), Limits(), Echo())
    demand(done.value == "not today", f"a refused call gave {_tell(done)}")


def _tells_exceptions(sandbox: Sandbox) -> None:
    done = _run(sandbox, Program("x = 1\nx / 0"), Limits())
    demand(done.status is Status.EXCEPTION, f"an exception ended as {done.status}")
    demand("ZeroDivisionError" in (done.error or ""), f"the traceback was lost: {done.error}")


def _refuses_odd_values(sandbox: Sandbox) -> None:
    for source in ("result = {1, 2}", "result = float('nan')"):
        done = _run(sandbox, Program(source), Limits())
        demand(done.status is Status.OUTPUT, f"{source!r} ended as {done.status} with {done.value!r:.60}")


def _stops_output(sandbox: Sandbox) -> None:
    done = _run(sandbox, Program("print('x' * 100_000); result = 1"), Limits(stdout=1_000))
    demand(done.status is Status.OUTPUT, f"100,001 bytes of 1,000 allowed ended as {done.status}")
    demand(len(done.stdout) <= 2_000, f"of 1,000 bytes allowed {len(done.stdout):,} came back")


def _refuses_calls(sandbox: Sandbox) -> None:
    source = "for i in range(5): echo(i)"
    done = _run(sandbox, Program(source), Limits(calls=3), Echo())
    demand(done.status is Status.EXCEPTION, f"5 calls of 3 allowed ended as {done.status}")


def _answers_threads(sandbox: Sandbox) -> None:
    def ask(number: int) -> Execution:
        return _run(sandbox, Program(f"result = echo({number})['args'][0]"), Limits(), Echo())

    with ThreadPoolExecutor(4) as pool:
        found = [(done.value, len(done.calls)) for done in pool.map(ask, range(8))]
    demand(found == [(i, 1) for i in range(8)], f"of eight programs at once came {found}")


def _stops_in_time(sandbox: Sandbox) -> None:
    done = _run(sandbox, Program("while True: pass"), Limits(seconds=0.5))
    demand(done.status is Status.TIMEOUT, f"an endless loop ended as {done.status}")
    demand(done.seconds < 5, f"an endless loop of 0.5 s took {done.seconds:.1f} s")
    demand(done.seconds > 0.3, f"an endless loop of 0.5 s took {done.seconds} s, says its Execution")


def _forgets(sandbox: Sandbox) -> None:
    _run(sandbox, Program("import json; json.left = 1; left = 1"), Limits())
    done = sandbox.run(
        Program("import json\nresult = ['left' in globals(), hasattr(json, 'left')]"), None, Limits()
    )
    demand(done.value == [False, False], f"something of the last program is left: {_tell(done)}")
    written = "try:\n    open('left', 'w').close()\nexcept OSError:\n    pass"
    found = "try:\n    result = open('left').read()\nexcept OSError:\n    result = None"
    _run(sandbox, Program(written), Limits())
    done = _run(sandbox, Program(found), Limits())
    demand(done.value is None, "a file that one program wrote is there for the next one")


def _sessions_are_apart(sandbox: Sandbox) -> None:
    with sandbox.session(Echo(), Limits()) as session:
        session.run("left = 1")
    with sandbox.session(Echo(), Limits()) as session:
        done = session.run("print('left' in globals())")
    demand(done.stdout == "False\n", f"a session has the variables of the one before: {_tell(done)}")


def _sessions_stop_in_time(sandbox: Sandbox) -> None:
    with sandbox.session(Echo(), Limits(seconds=0.5)) as session:
        done = session.run("while True: pass")
    demand(done.status is Status.TIMEOUT, f"an endless loop in a session ended as {done.status}")
    demand(done.seconds < 4, f"an endless loop of 0.5 s in a session took {done.seconds:.1f} s")


def _sessions_remember(sandbox: Sandbox) -> None:
    with sandbox.session(Echo(), Limits()) as session:
        demand_type(session.run("x = echo('kept')"), Execution, "a session's run()")
        done = session.run("print(x['args'][0])")
    demand(done.stdout == "kept\n", f"a session forgot its variables: {_tell(done)}")


def _hash_seeds(sandbox: Sandbox) -> None:
    source = "result = list({f'word{i}' for i in range(50)})"
    orders = [_run(sandbox, Program(source, hash_seed=seed), Limits()).value for seed in (0, 0, 1)]
    demand(orders[0] == orders[1], "one hash seed gave two orders")
    demand(orders[0] != orders[2], "hash seeds 0 and 1 gave one order, so order-dependence cannot show")
