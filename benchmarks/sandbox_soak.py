"""100,000 executions in a row: memory, descriptors and processes must stay flat, with no zombie.

    python benchmarks/sandbox_soak.py [--executions 100000] [--sandbox process]

Prints a line for every tenth and exits with 1 when anything grew.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from selfchal.core.sandbox import Limits, Program, Sandbox, Status
from selfchal.core.world import ToolResult
from selfchal.plugins import load_plugins
from selfchal.sandbox.compiling import close_shared_service, compile_source
from selfchal.sandbox.compiling.service import MOST_REMEMBERED

LIMITS = Limits(seconds=60.0)
THREADS = 4
BYTES_A_PROGRAM = 400  # at least so much is remembered of each
_ROOM_KB = 16 * 1024  # of resident memory between the first tenth and the last
_ROOM_DESCRIPTORS = 4 * 8  # executions that are under way when one looks


class Adds:
    tool_names = ("add",)

    def call(self, name: str, args: object, kwargs: object) -> ToolResult:
        return ToolResult(sum(args))  # type: ignore[call-overload]  # the soak's own program passes two numbers


def family(pid: int) -> dict[int, str]:
    """State (R, S, Z …) of each descendant of a process."""
    parents, states = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        parents[int(name)], states[int(name)] = int(parent), state
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child: states[child] for child in found - {pid}}


def resident_kb(pid: int | str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def look(started: float, done: int) -> tuple[int, int, int, int]:
    states = family(os.getpid())
    zombies = sum(state == "Z" for state in states.values())
    mine, theirs = resident_kb("self"), sum(map(resident_kb, states))
    descriptors = len(os.listdir("/proc/self/fd"))
    print(
        f"{done:7d} executions, {done / max(time.monotonic() - started, 1e-9):6.1f}/s: host {mine} kB, "
        f"sandbox {theirs} kB, {descriptors} descriptors, {len(states)} processes, {zombies} zombies",
        flush=True,
    )
    return mine, theirs, descriptors, zombies


def fill_compile_service(most: int) -> None:
    """Have it remember as much as it may: what it forgets from then on makes room for what it learns.

    The sources are as long as those of the soak, for memory of one size is not used again for another.
    """
    for number in range(min(most, MOST_REMEMBERED // BYTES_A_PROGRAM)):
        compile_source(f"result = sub({number}, 1)")


def soak(sandbox: Sandbox, executions: int) -> bool:
    """Run them; True when everything stayed flat."""
    fill_compile_service(executions)

    def one(number: int) -> None:
        execution = sandbox.run(Program(f"result = add({number}, 1)", hash_seed=number % 2), Adds(), LIMITS)
        if (execution.status, execution.value) != (Status.OK, number + 1):
            raise AssertionError(execution)

    started = time.monotonic()
    looks = []
    with ThreadPoolExecutor(THREADS) as threads:
        for tenth in range(10):
            size = executions // 10
            for _ in threads.map(one, range(tenth * size, (tenth + 1) * size)):
                pass
            time.sleep(0.5)  # the last ones are being reaped
            looks.append(look(started, (tenth + 1) * size))
    first, last = looks[0], looks[-1]
    grown = [
        last[0] - first[0] > _ROOM_KB,
        last[1] - first[1] > _ROOM_KB,
        last[2] - first[2] > _ROOM_DESCRIPTORS,
    ]
    return not any(grown) and not any(zombies for *_, zombies in looks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--sandbox", default="process")
    options = parser.parse_args()
    plugin = load_plugins().find("sandbox", options.sandbox)
    sandbox = plugin(plugin.Config())
    flat = soak(sandbox, options.executions)
    sandbox.close()
    close_shared_service()
    left = family(os.getpid())
    print("flat" if flat else "something grew", f"and {len(left)} processes left after closing")
    sys.exit(0 if flat and not left else 1)


if __name__ == "__main__":
    main()
