"""How many tasks a second are judged, with every check, in a retail-sized world?

    python benchmarks/judging.py [--tasks 100] [--environment retail]

The tasks are sound, so every stage runs: the slowest case. The other figure is the paper's filter alone
on the same tasks, in the same process: the ratio is what the further checks cost.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from planted.sound import sound_tasks

from selfchal.core.bench import Bench
from selfchal.core.judge import Filter
from selfchal.core.judging import Judge
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.plugins.registry import load_plugins


def judge_and_tasks(environment: str, sandbox: Sandbox, count: int) -> tuple[Judge, list[Task]]:
    """A judge of this environment, and sound tasks for it."""
    kind = load_plugins().find("environment", environment)
    world = kind(kind.Config())
    judge = Judge(Bench(world, sandbox, Limits()))
    return judge, [one.task for one in sound_tasks(world, 0, count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--environment", default="retail")
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    options = parser.parse_args()
    kind = load_plugins().find("sandbox", "process")
    sandbox = kind(kind.Config())
    judge, tasks = judge_and_tasks(options.environment, sandbox, options.tasks)
    try:
        with ThreadPoolExecutor(options.workers) as pool:
            list(pool.map(judge, tasks[:8]))  # start the zygotes
            for filters in (Filter.PAPER, Filter.FULL):
                started, cpu = time.perf_counter(), os.times()
                verdicts = list(pool.map(lambda task, chosen=filters: judge(task, chosen), tasks))
                spent, after = time.perf_counter() - started, os.times()
                passed = sum(verdict.passed for verdict in verdicts)
                used = sum(after[:4]) - sum(cpu[:4])
                print(
                    f"{filters}: {len(tasks) / spent:.1f} tasks a second ({passed} of {len(tasks)} passed; "
                    f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, own CPU {used:.1f} s)"
                )
    finally:
        sandbox.close()


if __name__ == "__main__":
    main()
