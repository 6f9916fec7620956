"""What every sandbox must keep of the contract. What it keeps out is tried by ``selfchal sandbox check``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfchal.core.sandbox import GUARANTEES, Limits, Program, Sandbox, Status
from selfchal.core.world import Json, ToolResult
from selfchal.testing.attacks.run import run_attacks
from selfchal.testing.conformance.case import Case, CaseLevel, demand, registrable, using_sandbox


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
    rules: dict[str, Callable[[Sandbox], None]] = {
        "states all guarantees": _states_guarantees,
        "gives the value and what was printed": _gives_value,
        "calls a function with as many arguments as it takes": _calls_function,
        "passes tool calls and their results": _passes_tools,
        "turns a refused call into an exception": _refused_calls_raise,
        "tells an exception with its traceback": _tells_exceptions,
        "stops what takes too long": _stops_in_time,
        "forgets between programs": _forgets,
        "keeps the variables of a session": _sessions_remember,
        "gives the same order twice with one hash seed": _hash_seeds,
    }

    def bind(rule: Callable[[Sandbox], None]) -> Callable[[], None]:
        def check() -> None:
            with using_sandbox(cls, options or {}) as sandbox:
                rule(sandbox)

        return check

    return [
        registrable("sandbox", cls),
        *(Case(text, bind(rule)) for text, rule in rules.items()),
        Case("keeps out what it promises to keep out", bind(_stops_attacks), CaseLevel.SEMANTIC),
    ]


def _states_guarantees(sandbox: Sandbox) -> None:
    missing = [name for name in GUARANTEES if name not in sandbox.guarantees.levels]
    demand(not missing, f"its guarantees do not say: {', '.join(missing)}")


def _stops_attacks(sandbox: Sandbox) -> None:
    surprises = run_attacks(sandbox).surprises
    told = "; ".join(f"{one.kind}, {one.name}: {one.did}" for one in surprises[:3])
    demand(not surprises, f"{len(surprises)} attacks got through ({told}); see `selfchal sandbox check`")


def _gives_value(sandbox: Sandbox) -> None:
    done = sandbox.run(Program("print('hello'); result = {'a': [1, 2.5, None]}"), None, Limits())
    demand(done.ok and done.value == {"a": [1, 2.5, None]}, f"the value was lost: {done}")
    demand(done.stdout == "hello\n", f"stdout was lost: {done.stdout!r}")


def _calls_function(sandbox: Sandbox) -> None:
    for source in ("def evaluate(): return 7", "def evaluate(answer): return answer"):
        done = sandbox.run(Program(source, call="evaluate", args=(7,)), None, Limits())
        demand(done.ok and done.value == 7, f"{source!r} gave {done}")


def _passes_tools(sandbox: Sandbox) -> None:
    done = sandbox.run(Program("result = echo(1, word='ü')"), Echo(), Limits())
    demand(done.value == {"args": [1], "kwargs": {"word": "ü"}}, f"the call came back as {done}")
    demand([call.name for call in done.calls] == ["echo"], f"the calls were not recorded: {done.calls}")


def _refused_calls_raise(sandbox: Sandbox) -> None:
    source = "try:\n    refuse()\nexcept RuntimeError as error:\n    result = str(error)"
    done = sandbox.run(Program(source), Echo(), Limits())
    demand(done.value == "not today", f"a refused call gave {done}")


def _tells_exceptions(sandbox: Sandbox) -> None:
    done = sandbox.run(Program("x = 1\nx / 0"), None, Limits())
    demand(done.status is Status.EXCEPTION, f"an exception ended as {done.status}")
    demand("ZeroDivisionError" in (done.error or ""), f"the traceback was lost: {done.error}")


def _stops_in_time(sandbox: Sandbox) -> None:
    done = sandbox.run(Program("while True: pass"), None, Limits(seconds=0.5))
    demand(done.status is Status.TIMEOUT, f"an endless loop ended as {done.status}")
    demand(done.seconds < 5, f"an endless loop of 0.5 s took {done.seconds:.1f} s")


def _forgets(sandbox: Sandbox) -> None:
    sandbox.run(Program("import json; json.left = 1; left = 1"), None, Limits())
    done = sandbox.run(
        Program("import json\nresult = ['left' in globals(), hasattr(json, 'left')]"), None, Limits()
    )
    demand(done.value == [False, False], f"something of the last program is left: {done}")


def _sessions_remember(sandbox: Sandbox) -> None:
    with sandbox.session(Echo(), Limits()) as session:
        session.run("x = echo('kept')")
        done = session.run("print(x['args'][0])")
    demand(done.stdout == "kept\n", f"a session forgot its variables: {done}")


def _hash_seeds(sandbox: Sandbox) -> None:
    source = "result = list({f'word{i}' for i in range(50)})"
    orders = [sandbox.run(Program(source, hash_seed=seed), None, Limits()).value for seed in (0, 0, 1)]
    demand(orders[0] == orders[1], "one hash seed gave two orders")
    demand(orders[0] != orders[2], "hash seeds 0 and 1 gave one order, so order-dependence cannot show")
