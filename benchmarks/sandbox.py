"""How fast the sandboxes are, against what a user would take instead: one command, one table.

    python benchmarks/sandbox.py [--seconds 3] [--json FILE]

Every row runs the same trivial program with one tool call (others run the program alone, which
favours them). All rows are measured in one run on one machine, one after the other, so the
ratios hold where the machine is shared and the absolute figures do not; cpu ms is the CPU time of all
processes below the benchmark for each execution (a container's processes are not below it). The rows
for containers need a Docker engine (DOCKER_HOST), the one for bubblewrap needs ``bwrap``; what is missing
is said, not guessed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Limits, Program, Sandbox
from selfchal.core.world import ToolResult
from selfchal.plugins import load_plugins

LIMITS = Limits(seconds=60.0)
PROGRAM = Program("result = add(1, 2)")
PLAIN = "print(1 + 2)"
THREADS = 4
# One judgement of a task: solution, evaluate and four failure cases with their evaluates, ten programs.
JUDGEMENT = 10


@dataclass(frozen=True)
class Row:
    name: str
    per_second: float
    median_ms: float
    p99_ms: float
    executions: int
    cpu_ms: float  # of all processes below this one, for each execution; a container's are not below


class Tools:
    """A tool host with an orders table of about the size of tau-bench's."""

    tool_names = ("add", "order", "cancel")

    def __init__(self) -> None:
        items = [
            {"product": f"p{n}", "price": n / 7, "options": {"size": n, "colour": "blue"}} for n in range(8)
        ]
        self._orders = {f"#{n}": {"id": f"#{n}", "user": f"u{n}", "items": items} for n in range(1750)}

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ToolResult:
        if name == "add":
            return ToolResult(args[0] + args[1])
        return ToolResult(self._orders[args[0]] if name == "order" else f"{args[0]} cancelled")


def cpu_seconds() -> float:
    """CPU time of this process and all below it, the ended ones too; it depends little on load."""
    total = sum(os.times()[:4])
    parents, used = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(name)], used[int(name)] = int(fields[1]), sum(map(int, fields[11:15]))
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return total + sum(used[pid] for pid in found - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


def measure(name: str, one: Callable[[], object], seconds: float, threads: int = THREADS) -> Row:
    """Latencies of ``one`` called alone, and its throughput from several threads at once."""
    one()
    cpu_before = cpu_seconds()
    alone = []
    until = time.monotonic() + seconds / 2
    while time.monotonic() < until or len(alone) < 3:
        before = time.perf_counter()
        one()
        alone.append((time.perf_counter() - before) * 1000)
    counts = [0] * threads
    started = time.monotonic()

    def many(thread: int) -> None:
        while time.monotonic() < started + seconds or counts[thread] == 0:
            one()
            counts[thread] += 1

    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(many, range(threads)))
    elapsed = time.monotonic() - started
    alone.sort()
    cpu_ms = (cpu_seconds() - cpu_before) * 1000 / (len(alone) + sum(counts))
    p99 = alone[int(len(alone) * 0.99)]
    return Row(name, sum(counts) / elapsed, statistics.median(alone), p99, len(alone) + sum(counts), cpu_ms)


def sandbox_rows(sandbox: Sandbox, name: str, seconds: float) -> Iterator[Row]:
    tools = Tools()

    def run() -> None:
        execution = sandbox.run(PROGRAM, tools, LIMITS)
        assert execution.value == 3, execution

    yield measure(f"{name}: a run with one tool call", run, seconds)
    with sandbox.session(tools, LIMITS) as session:
        yield measure(
            f"{name}: an action in a session", lambda: session.run("x = add(1, 2)"), seconds, threads=1
        )
    yield _tool_call(sandbox, name, tools)
    yield measure(f"{name}: a judgement of {JUDGEMENT} runs", lambda: _judgement(sandbox, tools), seconds)


def _tool_call(sandbox: Sandbox, name: str, tools: Tools) -> Row:
    """The round trip of a call as the code in a session sees it."""
    source = (
        "import time\ntimes = []\nfor _ in range(3000):\n    before = time.perf_counter()\n    add(1, 2)\n"
        "    times.append(time.perf_counter() - before)\nresult = times"
    )
    with sandbox.session(tools, Limits(seconds=60.0, calls=10_000)) as session:
        times = sorted(value * 1000 for value in session.run(source).value)
    mean = statistics.mean(times)
    return Row(f"{name}: a tool call", 1000 / mean, statistics.median(times), times[-30], len(times), 0.0)


_SOLUTION = """
order = order_of = order('#{0}')
assert order_of['user'] == 'u{0}'
result = cancel(order_of['id'])
"""
_EVALUATE = """
def evaluate(answer):
    mine = order('#{0}')
    return len(mine['items']) == 8 and answer.endswith('cancelled')
"""


def _judgement(sandbox: Sandbox, tools: Tools) -> None:
    """Solution and failure cases, each followed by evaluate, half under the other hash seed."""
    for number in range(JUDGEMENT // 2):
        answer = sandbox.run(Program(_SOLUTION.format(number), hash_seed=number % 2), tools, LIMITS).value
        program = Program(_EVALUATE.format(number), call="evaluate", args=(answer,), hash_seed=number % 2)
        assert sandbox.run(program, tools, LIMITS).value is True


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (5, 6))


def fresh_subprocess() -> None:
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", PLAIN], capture_output=True, check=True, preexec_fn=_limits
    )


def bubblewrap() -> None:
    folders = [
        part
        for path in ("/usr", "/lib", "/lib64", sys.base_prefix, sys.prefix)
        for part in ("--ro-bind", path, path)
    ]
    command = ["bwrap", "--unshare-all", *folders, "--proc", "/proc", sys.executable, "-I", "-S", "-c", PLAIN]
    subprocess.run(command, capture_output=True, check=True)


@contextmanager
def docker_exec() -> Iterator[Callable[[], object]]:
    """A container of the docker sandbox's own image, entered anew for each execution."""
    import docker

    from selfchal.sandbox.docker import image

    client = docker.from_env()
    name = image.ensure(client, "host")
    container = client.containers.run(
        name, ["python3", "-c", "import time; time.sleep(3600)"], detach=True, network_mode="none"
    )

    def one() -> None:
        code, output = container.exec_run(["python3", "-I", "-S", "-c", PLAIN])
        assert code == 0, output

    try:
        yield one
    finally:
        container.remove(force=True)
        client.close()


def all_rows(seconds: float, say: Callable[[str], None]) -> Iterator[Row]:
    plugins = load_plugins()
    for name, options in (("process", {}), ("docker", {"image": "host"})):
        plugin = plugins.find("sandbox", name)
        try:
            sandbox: Any = plugin(plugin.Config(**options))
        except SandboxUnavailableError as error:
            say(f"no rows for {name}: {error}")
            continue
        say(f"{name}: tier {sandbox.guarantees.tier}")
        yield from sandbox_rows(sandbox, name, seconds)
        sandbox.close()
    yield measure("a fresh subprocess with rlimits", fresh_subprocess, seconds)
    if shutil.which("bwrap"):
        yield measure("a fresh subprocess in bubblewrap", bubblewrap, seconds)
    else:
        say("no row for bubblewrap: bwrap is not installed")
    try:
        with docker_exec() as one:
            yield measure("docker exec", one, seconds)
    except Exception as error:  # noqa: BLE001 — whatever keeps Docker away is said
        say(f"no row for docker exec: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each row is measured")
    parser.add_argument("--json", help="write the rows to this file too")
    options = parser.parse_args()
    console = Console()
    console.print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    rows = list(all_rows(options.seconds, console.print))
    base = rows[0].per_second
    table = Table("what", "a second", "median ms", "p99 ms", "cpu ms", "times slower than the first row")
    for row in rows:
        ratio = f"{base / row.per_second:.1f}"
        table.add_row(
            row.name,
            f"{row.per_second:.1f}",
            f"{row.median_ms:.3f}",
            f"{row.p99_ms:.2f}",
            f"{row.cpu_ms:.2f}",
            ratio,
        )
    console.print(table)
    if options.json:
        with open(options.json, "w") as file:
            json.dump([asdict(row) for row in rows], file, indent=1)


if __name__ == "__main__":
    main()
