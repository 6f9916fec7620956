"""Tasks judged by running their code: one, several, or a stream of rows."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from types import NoneType
from typing import Any, cast, overload

from selfchal.api.arguments import expect, expect_whole, list_wanted
from selfchal.api.opening import (
    EnvironmentLike,
    Named,
    SandboxLike,
    choose_part,
    expect_part,
    open_environment,
    open_part,
    open_sandbox,
)
from selfchal.core.environment import Environment, close_environment
from selfchal.core.errors import PluginError
from selfchal.core.judge import AnyCheck, Filter, Verdict
from selfchal.core.sandbox import Limits
from selfchal.core.synthesizer import Judging
from selfchal.core.task import MIN_FAILURES, Task
from selfchal.core.world import Json
from selfchal.judging import JudgeProcesses, JudgeSpec, enough_processes, format_verdict, judge_each
from selfchal.pipeline.manifest import CheckSection, Choice, choose_checks, parse_config
from selfchal.pipeline.requirements import find_unfit_checks
from selfchal.plugins import load_plugins

TaskRow = Task | Mapping[str, Json]  # a row: instruction, evaluate, solution, failures, and context, id
CheckLike = Named | type[AnyCheck]
_MANY = 30  # rows a core that are worth a second to start its process


@overload
def judge(
    tasks: TaskRow,
    environment: EnvironmentLike,
    sandbox: SandboxLike = "process",
    *,
    checks: Sequence[CheckLike] = (),
    limits: Limits | None = None,
    processes: int | None = 0,
    secret: str | None = None,
) -> Verdict: ...


@overload
def judge(
    tasks: Sequence[TaskRow],
    environment: EnvironmentLike,
    sandbox: SandboxLike = "process",
    *,
    checks: Sequence[CheckLike] = (),
    limits: Limits | None = None,
    processes: int | None = 0,
    secret: str | None = None,
) -> list[Verdict]: ...


def judge(
    tasks: TaskRow | Sequence[TaskRow],
    environment: EnvironmentLike,
    sandbox: SandboxLike = "process",
    *,
    checks: Sequence[CheckLike] = (),
    limits: Limits | None = None,
    processes: int | None = 0,
    secret: str | None = None,
) -> Verdict | list[Verdict]:
    """The verdict on a task, or on each of several, in order, by running its code (docs/judging.md).

    A task is a ``Task`` or a row with its parts; what is no task fails at the stage ``parsed``. The
    standard checks judge, and ``checks`` set, switch off or add to them as in a manifest: a name, a section
    (``{"name": "completeness", "enabled": False}``) or a class. ``limits`` hold for one execution
    (``Limits()``: 5 seconds, 512 MiB, 1,000 tool calls). What a check finds when it compares several tasks,
    near-duplicates for one, is noted in ``diagnostics`` by the check's name, and not refused.

    ``processes`` judge beside this one, which 0 leaves to judge alone, in threads; None starts enough of
    them for all cores where there are many tasks. They need an environment, a sandbox and checks that are
    given by name, and a script that starts them needs the guard ``if __name__ == "__main__":``.

    Wrong outcomes are drawn from the ``secret``, a new one where none is given: the same secret gives the
    same verdicts.

    Nothing that a task does raises: a sandbox that fails gives the outcome ``could_not_check``. Raises what
    ``open_environment`` and ``open_sandbox`` raise.
    """
    alone = isinstance(tasks, Task | Mapping)
    if isinstance(tasks, str):
        raise TypeError("a task or a list of tasks is needed; the rows of a file are one JSON object a line")
    several = [tasks] if alone else cast(Sequence[TaskRow], tasks)
    verdicts = [
        verdict
        for _, verdict in judge_filtered(several, environment, sandbox, checks, limits, processes, secret)
    ]
    return verdicts[0] if alone else verdicts


def judge_rows(
    rows: Sequence[Any],
    environment: EnvironmentLike,
    sandbox: SandboxLike = "process",
    *,
    checks: Sequence[CheckLike] = (),
    limits: Limits | None = None,
    processes: int | None = 0,
    secret: str | None = None,
) -> Iterator[dict[str, Json]]:
    """``judge`` for many tasks: a plain row for each as soon as it is there, in order.

    A row has ``id``, ``outcome`` (passed, failed, could_not_check), ``stage`` (where it fell; ``kept`` when
    it passed), ``check`` (the one that refused it; empty where the paper's filter did), ``reason``,
    ``feedback`` and ``diagnostics``. Arguments and errors are those of ``judge``. Wrong arguments are found
    at once, and a sandbox is opened when the first row is asked for.
    """
    judged = judge_filtered(rows, environment, sandbox, checks, limits, processes, secret)
    return (format_verdict(name, verdict) for name, verdict in judged)


def judge_filtered(
    tasks: Sequence[Any],
    environment: EnvironmentLike,
    sandbox: SandboxLike,
    checks: Sequence[CheckLike],
    limits: Limits | None,
    processes: int | None,
    secret: str | None,
    filters: Filter = Filter.FULL,
    min_failures: int = MIN_FAILURES,
) -> Iterator[tuple[str, Verdict]]:
    """The id and the verdict of each task, by so much of the judge. All arguments are looked at now; the
    verdicts come as they are asked for."""
    expect(tasks, (Sequence,), "a task, or a list of tasks,")
    expect_part("sandbox", sandbox)
    expect(limits, (Limits, NoneType), "a selfchal.Limits for limits")
    expect(secret, (str, NoneType), "a text for secret")
    if processes is not None:
        expect_whole(processes, 0, "processes")
    cores = os.cpu_count() or 1
    if processes is None:
        named = isinstance(environment, str | Mapping) and isinstance(sandbox, str | Mapping)
        processes = enough_processes() if named and cores > 1 and len(tasks) >= _MANY * cores else 0
    chosen = list(_choose_checks(list_wanted(checks, "checks")))
    _expect_fit(sandbox, chosen)
    spec = JudgeSpec(
        partial(open_part, "environment", environment, {}),
        partial(open_part, "sandbox", sandbox, {}),
        limits or Limits(),
        tuple(choice.make for choice in chosen),
        secret or secrets.token_hex(16),
    )
    opened = open_environment(environment)
    asked = partial(_ask, filters, min_failures)
    return _judge_with(asked, spec, opened, opened is not environment, tasks, processes, sandbox)


def _ask(filters: Filter, min_failures: int, judge_task: Judging, task: Task) -> Verdict:
    return judge_task(task, filters, min_failures)


def _judge_with(
    ask: Callable[[Judging, Task], Verdict],
    spec: JudgeSpec,
    environment: Environment,
    is_ours: bool,
    tasks: Sequence[Any],
    processes: int,
    sandbox: SandboxLike,
) -> Iterator[tuple[str, Verdict]]:
    with ExitStack() as closing:
        if is_ours:
            closing.callback(close_environment, environment)
        judge_task: Judging
        if processes:
            judge_task = closing.enter_context(JudgeProcesses(spec, processes))
        else:
            judge_task = spec.make_judge(environment, closing.enter_context(open_sandbox(sandbox)))
        # in this process the threads mostly wait for the sandbox
        threads = processes or 2 * (os.cpu_count() or 1)
        yield from judge_each(partial(ask, judge_task), environment, tasks, spec.make_checks(), threads)


def _expect_fit(sandbox: SandboxLike, checks: Sequence[Choice]) -> None:
    """Raise PluginError where a check cannot be made in a sandbox that is named."""
    if not isinstance(sandbox, str | Mapping):
        return
    named = choose_part("sandbox", sandbox, {})
    for check in checks:
        if check.name in find_unfit_checks(named.plugin):
            raise PluginError(
                f"the check {check.name!r} cannot be made in sandbox {named.name!r}, so every task would be "
                f"refused; name another sandbox, or switch it off: {{name: {check.name}, enabled: false}}"
            )


def _choose_checks(wanted: Sequence[CheckLike]) -> Iterator[Choice]:
    """All checks that judge. Raises PluginError for a class that has the name of another one that judges."""
    for one in wanted:
        expect(one, (str, Mapping, type), "the name of a check, a section or a class")
    sections = [{"name": one} if isinstance(one, str) else one for one in wanted if not isinstance(one, type)]
    parsed = [parse_config(CheckSection, one, f"checks.{i}") for i, one in enumerate(sections)]
    named = {choice.name: choice for choice in choose_checks(load_plugins(), parsed, "checks")}
    for choice in (choose_part("check", one, {}) for one in wanted if isinstance(one, type)):
        other = named.setdefault(choice.name, choice)
        if other.plugin is not choice.plugin:
            raise PluginError(
                f"checks: {_locate_class(choice.plugin)} has the name {choice.name!r} of a check that judges "
                f"already, {_locate_class(other.plugin)}. Give it a name of its own, or switch the other one "
                f"off: {{'name': {choice.name!r}, 'enabled': False}}."
            )
    yield from named.values()


def _locate_class(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
