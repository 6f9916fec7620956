"""How fast the sandboxes are, against what a user would take instead: one command, two tables.

    python benchmarks/sandbox.py [--seconds 1] [--rounds 3] [--json FILE]

The variants take turns: each round measures every one, alone (latency) and from several threads at once
(throughput), so that what else the machine does falls on all alike and the ratios hold where the absolute
figures do not. A sandbox's run has one tool call. The fresh subprocess is what one would write without a
sandbox: ``python -I``, rlimits, the value printed as JSON, no tool; its barest form leaves out site and
JSON too. cpu ms is the CPU time of all processes below the benchmark for each execution; there is none for
containers and bubblewrap, whose processes are not below it. A judgement is the real judge on sound tasks
of the retail world, in one process more than there are cores (as ``tasks judge``). The rows for containers
need a Docker engine (DOCKER_HOST), the one for bubblewrap needs ``bwrap``; what is missing is said, not
guessed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from judging import cpu_seconds, spec_and_tasks

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.judge import Filter
from selfchal.core.sandbox import Limits, Program, Sandbox
from selfchal.core.world import ToolResult
from selfchal.judging import JudgeProcesses, enough_processes
from selfchal.plugins import load_plugins

LIMITS = Limits(seconds=60.0)
PROGRAM = Program("result = add(1, 2)")
SUBPROCESS = "import json\nresult = 1 + 2\nprint(json.dumps(result))"
BAREST = "print(1 + 2)"
THREADS = 4
TOOL_CALLS = 1000
JUDGED = 24  # tasks

# name: row, figure, the row that it is held against, aim ("+": at least, "-": below)
AIMS = (
    ("process: runs a second", "process: a run", "rate", None, "+", 300.0),
    ("process: p99 of a run, ms", "process: a run", "p99", None, "-", 25.0),
    ("process: judgements a second", "process: a judgement", "rate", None, "+", 40.0),
    ("process: a session's tool call, median ms", "process: a tool call", "median", None, "-", 0.2),
    ("process, times a fresh subprocess", "process: a run", "rate", "a fresh subprocess", "+", 8.0),
    ("process, times bubblewrap", "process: a run", "rate", "bubblewrap", "+", 8.0),
    ("process, times docker exec", "process: a run", "rate", "docker exec", "+", 50.0),
    ("docker, times docker exec", "docker: a run", "rate", "docker exec", "+", 5.0),
)


@dataclass
class Row:
    """One variant and what the rounds measured of it."""

    name: str
    one: Callable[[], object]
    below: bool = True  # its processes are below this one, so that their CPU time is known
    threads: int = THREADS
    each: int = 1  # of what the row is about, in one call
    alone: list[float] = field(default_factory=list)  # milliseconds
    crowded: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def round(self, seconds: float) -> None:
        before = cpu_seconds()
        self.alone += _measure_time(self.one, time.monotonic() + seconds)
        started = time.monotonic()
        with ThreadPoolExecutor(self.threads) as executor:
            work = [executor.submit(_measure_time, self.one, started + seconds) for _ in range(self.threads)]
            times = [value for done in work for value in done.result()]
        self.crowded += times
        self.rates.append(self.each * len(times) / (time.monotonic() - started))
        self.cpu += cpu_seconds() - before

    def figures(self) -> dict[str, float | None]:
        """A second, milliseconds; p99 alone and p99 from all threads."""
        count = self.each * (len(self.alone) + len(self.crowded))
        return {
            "rate": statistics.median(self.rates),
            "median": statistics.median(self.alone) / self.each,
            "p99": _find_p99(self.alone) / self.each,
            "p99_crowded": _find_p99(self.crowded) / self.each,
            "cpu": self.cpu * 1000 / count if self.below else None,
        }


def _measure_time(one: Callable[[], object], until: float) -> list[float]:
    times: list[float] = []
    while not times or time.monotonic() < until:
        before = time.perf_counter()
        one()
        times.append((time.perf_counter() - before) * 1000)
    return times


def _find_p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


class Adds:
    tool_names = ("add",)

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ToolResult:
        return ToolResult(args[0] + args[1])


def sandbox_rows(sandbox: Sandbox, name: str, stack: ExitStack) -> list[Row]:
    session = stack.enter_context(sandbox.session(Adds(), Limits(seconds=60.0, calls=TOOL_CALLS)))
    calls = f"for _ in range({TOOL_CALLS}):\n    add(1, 2)"
    below = name == "process"

    def run() -> None:
        execution = sandbox.run(PROGRAM, Adds(), LIMITS)
        assert execution.value == 3, execution

    return [
        Row(f"{name}: a run", run, below),
        Row(f"{name}: an action in a session", lambda: session.run("x = add(1, 2)"), below, threads=1),
        Row(f"{name}: a tool call", lambda: session.run(calls), below, threads=1, each=TOOL_CALLS),
    ]


def judgement_rows(stack: ExitStack) -> list[Row]:
    count = enough_processes()
    spec, tasks = spec_and_tasks("retail", JUDGED)
    judge = stack.enter_context(JudgeProcesses(spec, count))
    rows = []
    for filters in (Filter.PAPER, Filter.FULL):
        with ThreadPoolExecutor(count) as executor:
            verdicts = list(executor.map(lambda task, chosen=filters: judge(task, chosen), tasks))
        assert all(verdict.passed for verdict in verdicts)
        turns = itertools.cycle(tasks)
        runs = f"{sum(verdict.diagnostics['executions'] for verdict in verdicts) / len(tasks):.1f} runs"
        words = f"by the paper's filter, {runs}" if filters is Filter.PAPER else f"with every check, {runs}"
        one = lambda f=filters, t=turns: judge(next(t), f)  # noqa: E731 — bound in a loop
        rows.append(Row(f"process: a judgement {words}", one, threads=count))
    return rows


def _make_limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (5, 6))


def fresh_subprocess(*command: str) -> None:
    subprocess.run([sys.executable, *command], capture_output=True, check=True, preexec_fn=_make_limits)


def bubblewrap() -> None:
    folders = [
        part
        for path in ("/usr", "/lib", "/lib64", sys.base_prefix, sys.prefix)
        for part in ("--ro-bind", path, path)
    ]
    command = ["bwrap", "--unshare-all", *folders, "--proc", "/proc", sys.executable, "-I", "-c", SUBPROCESS]
    subprocess.run(command, capture_output=True, check=True)


def docker_exec(stack: ExitStack) -> Row:
    """A container of the docker sandbox's own image, entered anew for each execution."""
    import docker

    from selfchal.sandbox.docker import image

    client = docker.from_env()
    stack.callback(client.close)
    container = client.containers.run(
        image.ensure(client, "host"),
        ["python3", "-c", "import time; time.sleep(3600)"],
        detach=True,
        network_mode="none",
    )
    stack.callback(container.remove, force=True)

    def one() -> None:
        code, output = container.exec_run(["python3", "-I", "-c", SUBPROCESS])
        assert code == 0, output

    return Row("docker exec", one, below=False)


def all_rows(stack: ExitStack, say: Callable[[str], None]) -> list[Row]:
    """Every variant that this machine has, started and ready."""
    plugins = load_plugins()
    rows = []
    for name, options in (("process", {}), ("docker", {"image": "host"})):
        plugin = plugins.find("sandbox", name)
        try:
            sandbox: Any = plugin(plugin.Config(**options))
        except SandboxUnavailableError as error:
            say(f"no rows for {name}: {error}")
            continue
        stack.callback(sandbox.close)
        say(f"{name}: tier {sandbox.guarantees.tier}")
        rows += sandbox_rows(sandbox, name, stack)
        rows += judgement_rows(stack) if name == "process" else []
    rows.append(Row("a fresh subprocess", lambda: fresh_subprocess("-I", "-c", SUBPROCESS)))
    rows.append(Row("the barest fresh subprocess", lambda: fresh_subprocess("-I", "-S", "-c", BAREST)))
    if shutil.which("bwrap"):
        rows.append(Row("bubblewrap", bubblewrap, below=False))
    else:
        say("no row for bubblewrap: bwrap is not installed")
    try:
        rows.append(docker_exec(stack))
    except Exception as error:  # noqa: BLE001 — whatever keeps Docker away is said
        say(f"no row for docker exec: {error}")
    return rows


def tables(rows: list[Row]) -> list[Table]:
    figures = {row.name: row.figures() for row in rows}
    table = Table("what", "a second", "median ms", "p99 ms", f"p99 ms of {THREADS} at once", "cpu ms")
    for name, told in figures.items():
        table.add_row(name, *("–" if value is None else f"{value:.3g}" for value in told.values()))
    aims = Table("aim", "wanted", "here", "met")
    for words, prefix, figure, against, sense, aim in AIMS:
        here, there = _find(figures, prefix, figure), _find(figures, against, figure) if against else 1.0
        if here is None or there is None:
            aims.add_row(words, f"{aim:g}", "not measured", "–")
            continue
        ratio = here / there
        met = ratio >= aim if sense == "+" else ratio < aim
        aims.add_row(words, f"{'≥' if sense == '+' else '<'} {aim:g}", f"{ratio:.3g}", "yes" if met else "no")
    return [table, aims]


def _find(figures: Mapping[str, Mapping[str, float | None]], prefix: str, figure: str) -> float | None:
    return next((told[figure] for name, told in figures.items() if name.startswith(prefix)), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each turn is, twice")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130)
    with ExitStack() as stack:
        rows = all_rows(stack, console.print)
        for row in rows:
            row.one()
        before = os.getloadavg()[0]
        for _ in range(options.rounds):
            for row in rows:
                row.round(options.seconds)
    cores = len(os.sched_getaffinity(0))
    console.print(f"{cores} cores, load {before:.1f} before and {os.getloadavg()[0]:.1f} after")
    console.print(*tables(rows))
    if options.json:
        options.json.write_text(json.dumps({row.name: row.figures() for row in rows}, indent=1))


if __name__ == "__main__":
    main()
