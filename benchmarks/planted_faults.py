"""Measures the judge: how many planted faults does it find, how many sound tasks does it refuse?

    python benchmarks/planted_faults.py
    python benchmarks/planted_faults.py --each 10 --environment retail --show 5
    python benchmarks/planted_faults.py --fault "detail removed from the instruction" --base-url http://…/v1

Sound tasks come from the environments' own held-out tasks (benchmarks/planted/sound.py), faults from
benchmarks/planted/faults.py. Precision of a class: of the tasks refused among its planted ones and all
sound ones of the same environments, the share that was planted.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from planted.faults import FAULTS
from planted.sound import sound_tasks
from reading_settings import NOTHING, Row, add_options, is_unsure, judge_in_settings, list_settings

import selfchal

ENVIRONMENTS = ("calculation", "web_browsing", "retail", "airline")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--environment", action="append", choices=ENVIRONMENTS)
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="these classes alone")
    parser.add_argument("--each", type=int, default=90, help="sound tasks an environment, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="print so many mistakes of each class")
    add_options(parser)
    options = parser.parse_args()
    names = options.environment or list(ENVIRONMENTS)
    settings = list_settings(options)
    tables = {setting: Table() for setting in settings}
    started = time.monotonic()
    for name in names:
        measure(name, options, tables)
    print(tables[NOTHING].text(names, options.seed, time.monotonic() - started))
    print("\n".join(["", *compare_settings(tables)]))


class Table:
    def __init__(self) -> None:
        self.caught: dict[str, Counter[str]] = defaultdict(Counter)
        self.planted: dict[str, Counter[str]] = defaultdict(Counter)
        self.stages: dict[str, Counter[str]] = defaultdict(Counter)
        self.unsure: Counter[str] = Counter()

    def add(self, kind: str, environment: str, row: Row) -> None:
        self.planted[kind][environment] += 1
        self.unsure[kind] += is_unsure(row)
        if row["outcome"] == "failed":
            self.caught[kind][environment] += 1
            self.stages[kind][str(row["stage"])] += 1
        elif row["outcome"] != "passed":
            raise SystemExit(f"could not check {row['id']}: {row['reason']}")

    def text(self, names: list[str], seed: int, seconds: float) -> str:
        wrongly = self.caught["sound"].total()
        head = ["fault", "planted", "found", "recall", "precision", *names, "found at stage"]
        lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        for kind in [*FAULTS, "sound"]:
            planted, caught = self.planted[kind].total(), self.caught[kind].total()
            if not planted:
                continue
            each = [f"{self.caught[kind][name]}/{self.planted[kind][name]}" for name in names]
            stages = ", ".join(f"{stage} {count}" for stage, count in self.stages[kind].most_common(3))
            rate = f"{caught / planted:.1%}"
            precision = f"{caught / max(1, caught + wrongly):.1%}" if kind != "sound" else ""
            title = kind if kind != "sound" else "**none (sound), refused**"
            lines.append(
                f"| {' | '.join([title, str(planted), str(caught), rate, precision, *each, stages])} |"
            )
        total = sum(counts.total() for counts in self.planted.values())
        return "\n".join(
            [*lines, "", f"{total:,} tasks, seed {seed}, {total / seconds:.0f} judged a second."]
        )


def compare_settings(tables: Mapping[str, Table]) -> Iterator[str]:
    """A table of what the readers decide: a row for each class in which anything is unsure at first."""
    head = ["", "tasks", *(f"{setting}: {what}" for setting in tables for what in ("refused", "unsure"))]
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    first = tables[NOTHING]
    for kind in [*FAULTS, "sound"]:
        if first.unsure[kind] or kind == "sound":
            counts = [[table.caught[kind].total(), table.unsure[kind]] for table in tables.values()]
            cells = [kind, first.planted[kind].total(), *(count for pair in counts for count in pair)]
            yield f"| {' | '.join(map(str, cells))} |"


def measure(name: str, options: argparse.Namespace, tables: Mapping[str, Table]) -> None:
    environment = selfchal.open_environment(name)
    rng = random.Random(f"faults-{options.seed}-{name}")
    sound = sound_tasks(environment, options.seed, options.each)
    rows = [("sound", one.task) for one in sound]
    for fault in options.fault or FAULTS:
        planted = [FAULTS[fault](environment, one, rng) for one in sound]
        found = [task for task in planted if task is not None]
        rows += [(fault, task) for task in rng.sample(found, min(len(found), max(10, options.each // 3)))]
    print(f"{name}: {len(sound)} sound, {len(rows) - len(sound)} planted", flush=True)
    tasks = [task.to_json() for _, task in rows]
    for setting, verdicts in judge_in_settings(tasks, name, options).items():
        shown: Counter[str] = Counter()
        for (fault, task), row in zip(rows, verdicts, strict=True):
            tables[setting].add(fault, name, row)
            wrong = (row["outcome"] == "failed") == (fault == "sound")
            if wrong and shown[fault] < options.show:
                shown[fault] += 1
                print(f"--- {setting}: {fault}: {row['stage']}: {row['reason']}\n{task.instruction}")
                print(f"{task.evaluate}\n{task.solution}\nfailure: " + "\nfailure: ".join(task.failures))
                print(f"{row['diagnostics'].get('completeness')}", flush=True)


if __name__ == "__main__":
    main()
