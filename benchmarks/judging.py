"""How many tasks a second are judged, with every check, in a retail-sized world?

    python benchmarks/judging.py [--tasks 100] [--environment retail] [--processes 3]

The tasks are sound, so every stage runs: the slowest case. Beside it the paper's filter alone on the same
tasks, in the same processes: the ratio is what the further checks cost; and the tasks once more with an
import before evaluate, so that their code is not plain (docs/judging.md). Starting the processes does not
count. CPU is that of everything below the benchmark: judges, zygotes, executions.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from planted.sound import sound_tasks

import selfchal
from selfchal.api.opening import open_part
from selfchal.core.judge import Filter
from selfchal.core.task import Task
from selfchal.judging import JudgeProcesses, JudgeSpec, enough_processes


def spec_and_tasks(environment: str, count: int) -> tuple[JudgeSpec, list[Task]]:
    """How judges of this environment are made, and sound tasks for it."""
    tasks = [one.task for one in sound_tasks(selfchal.open_environment(environment), 0, count)]
    spec = JudgeSpec(
        partial(open_part, "environment", environment, {}), partial(open_part, "sandbox", "process", {})
    )
    return spec, tasks


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--environment", default="retail")
    parser.add_argument("--processes", type=int, default=enough_processes())
    options = parser.parse_args()
    spec, tasks = spec_and_tasks(options.environment, options.tasks)
    with JudgeProcesses(spec, options.processes) as judge, ThreadPoolExecutor(options.processes) as pool:
        list(pool.map(judge, tasks[: 8 * options.processes]))  # start the processes and their zygotes
        other = [replace(task, evaluate=f"import datetime\n{task.evaluate}") for task in tasks]
        rows = (("paper", Filter.PAPER, tasks), ("full", Filter.FULL, tasks),
                ("full, not plain", Filter.FULL, other))  # fmt: skip
        for name, filters, tasks in rows:
            started, before = time.perf_counter(), cpu_seconds()
            verdicts = list(pool.map(lambda task, chosen=filters: judge(task, chosen), tasks))
            spent, used = time.perf_counter() - started, cpu_seconds() - before
            passed = sum(verdict.passed for verdict in verdicts)
            runs = sum(int(verdict.diagnostics["executions"]) for verdict in verdicts)
            print(
                f"{name}: {len(tasks) / spent:.1f} tasks a second ({passed} of {len(tasks)} passed; "
                f"{runs / len(tasks):.1f} executions and {1000 * used / len(tasks):.0f} ms of CPU a task; "
                f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
            )


if __name__ == "__main__":
    main()
