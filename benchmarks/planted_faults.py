"""Measures the judge: how many planted faults does it find, how many sound tasks does it refuse?

    python benchmarks/planted_faults.py            # writes the table in docs/judging.md
    python benchmarks/planted_faults.py --each 10 --environment retail --show 5

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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from planted.faults import FAULTS
from planted.sound import sound_tasks

import selfchal

DOCS = Path(__file__).parent.parent / "docs" / "judging.md"
START, END = "<!-- planted faults: start -->", "<!-- planted faults: end -->"
ENVIRONMENTS = ("calculation", "web_browsing", "retail", "airline")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--environment", action="append", choices=ENVIRONMENTS)
    parser.add_argument("--each", type=int, default=90, help="sound tasks an environment, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="print so many mistakes of each class")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCS}")
    options = parser.parse_args()
    names = options.environment or list(ENVIRONMENTS)
    table = Table()
    started = time.monotonic()
    for name in names:
        measure(name, options.each, options.seed, table, options.show)
    text = table.text(names, options.seed, time.monotonic() - started)
    print(text)
    if options.write:
        document = DOCS.read_text(encoding="utf-8")
        before, after = document.split(START)[0], document.split(END)[1]
        DOCS.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


class Table:
    def __init__(self) -> None:
        self.caught: dict[str, Counter[str]] = defaultdict(Counter)
        self.planted: dict[str, Counter[str]] = defaultdict(Counter)
        self.stages: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, kind: str, environment: str, row: dict[str, object]) -> None:
        self.planted[kind][environment] += 1
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


def measure(name: str, each: int, seed: int, table: Table, show: int) -> None:
    environment = selfchal.open_environment(name)
    rng = random.Random(f"faults-{seed}-{name}")
    sound = sound_tasks(environment, seed, each)
    rows = [("sound", one.task) for one in sound]
    for fault, plant in FAULTS.items():
        planted = [plant(environment, one, rng) for one in sound]
        found = [task for task in planted if task is not None]
        rows += [(fault, task) for task in rng.sample(found, min(len(found), max(10, each // 3)))]
    print(f"{name}: {len(sound)} sound, {len(rows) - len(sound)} planted", flush=True)
    shown: Counter[str] = Counter()
    tasks = [task.to_json() for _, task in rows]
    verdicts = selfchal.judge_rows(tasks, name, processes=None)
    for (fault, task), row in zip(rows, verdicts, strict=True):
        table.add(fault, name, row)
        wrong = (row["outcome"] == "failed") == (fault == "sound")
        if wrong and shown[fault] < show:
            shown[fault] += 1
            print(f"--- {fault}: {row['stage']}: {row['reason']}\n{task.instruction}\n{task.evaluate}")
            print(f"{task.solution}\nfailure: " + "\nfailure: ".join(task.failures))


if __name__ == "__main__":
    main()
