"""Judges mutated tasks by the thousand: the program must not crash, and no row may cost another its verdict.

    python benchmarks/fuzz_judge.py [--tasks 100000] [--seed 0] [--jobs 4] [--out FOLDER]

Sound tasks, dishonest verifiers and hostile sources are mutated: characters, lines and parts are changed,
dropped, doubled and mixed; there are values of wrong types, odd texts, broken JSON and broken bytes. The rows
go through `selfchal tasks judge` in files of some thousand. Of each file there must be one line of output a
row, in order, an exit code that a task can cause, nothing on stderr, and no verdict that says that the judge
itself failed. What came of each file is kept in --out, so that the same command goes on after a stop; a
folder is for one state of the code.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_sources
import natural_tasks
import red_team

from selfchal.core.judge import Outcome
from selfchal.write_whole import write_whole

Row = dict[str, Any]
SECONDS = 1_800  # for one file
ODD_VALUES: Sequence[Any] = (
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e",
    "\x1b[31m",
    "a" * 30_000,
    [],
    {},
    [[]],
    [None],
    {"a": {}},
    "evaluate",
    "None",
    "result",
    "#",
    "'",
    '"""',
    "\\",
    "{",
    "}",
    "\r",
    "\t",
    "0x",
    "1_0",
)
SNIPPETS = (
    "import os; os._exit(0)",
    "raise SystemExit",
    "raise BaseException",
    "result = result",
    "import sys; sys.exit(3)",
    "def evaluate(*a): return a",
    "async def evaluate(): pass",
    "evaluate = None",
    "class evaluate: pass",
    "result = [].append",
    "result = float('nan')",
    "result = 10 ** 10000",
    "result = {1: 2}",
    "result = b'x'",
    "result = lambda: 0",
    "del result",
    "global x",
    "return 1",
    "yield 1",
    "lambda: (yield)",
    "exec('result = 1')",
    "__import__('os').fork()",
    "print('x' * 10 ** 7)",
    "f'{1!r:{2}}'",
    "x: int",
    "type X = int",
    "match 1:\n case _: pass",
    "try: pass\nexcept* E: pass",
    "nonlocal x",
    "assert False",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()",
    "open('/etc/passwd').read()",
)


def read_bases() -> Iterator[tuple[str, Row]]:
    """Tasks to mutate, each with its environment."""
    for environment in natural_tasks.ENVIRONMENTS:
        for row in natural_tasks.read_tasks(environment):
            yield environment, row
    for case in red_team.read_cases(sorted(red_team.FOLDER.glob("*.yaml"))):
        yield case.environment, {part: case.task[part] for part in red_team.PARTS}


def mutate(chance: random.Random, bases: Sequence[Row], hostile: Sequence[str]) -> bytes:
    """A line of a file."""
    row: Row = dict(chance.choice(bases))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        _mutate_part(chance, row, bases, hostile)
    try:
        line = json.dumps(row).encode()
    except (TypeError, ValueError):
        line = b"{}"
    kind = chance.randrange(60)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 60)).replace(b"\n", b" ")
    if kind == 1:
        return line[: chance.randrange(1, len(line))]
    if kind == 2:
        return json.dumps(chance.choice(ODD_VALUES)).encode()
    return line


def _mutate_part(chance: random.Random, row: Row, bases: Sequence[Row], hostile: Sequence[str]) -> None:
    key = chance.choice(("instruction", "evaluate", "evaluate", "solution", "failures", "context", "id"))
    kind = chance.randrange(10)
    if kind == 0:
        row.pop(key, None)
    elif kind == 1:
        row[key] = chance.choice(ODD_VALUES)
    elif kind == 2:
        row[key] = chance.choice(bases).get(key, {})
    elif kind == 3:
        source = chance.choice(hostile)
        row[key] = [source] * chance.choice((1, 3)) if key == "failures" else source
    elif kind == 4 and isinstance(row.get("failures"), list):
        row["failures"] = [*row["failures"], chance.choice(SNIPPETS)][-chance.choice((1, 3, 4)) :]
    elif isinstance(row.get(key), str):
        row[key] = _mutate_text(chance, row[key])


def _mutate_text(chance: random.Random, text: str) -> str:
    at, to = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    kind = chance.randrange(7)
    if kind == 0:
        return text[:at] + text[to:]
    if kind == 1:
        return text[:at] + text[at:to] * 2 + text[to:]
    if kind == 2:
        return text[:at] + str(chance.choice(ODD_VALUES)) + text[at:]
    if kind == 3:
        lines = text.split("\n")
        chance.shuffle(lines)
        return "\n".join(lines)
    if kind == 4:
        return f"{text}\n{chance.choice(SNIPPETS)}"
    if kind == 5:
        return f"{chance.choice(SNIPPETS)}\n{text}"
    before = chance.choice(("==", "'", "(", "return", "result", "_", "and"))
    return text.replace(before, chance.choice(("!=", '"', "[", "yield", "x", "", "or")))


def judge_file(environment: str, lines: Sequence[bytes], folder: Path) -> tuple[Counter[str], list[str]]:
    """What became of the rows of one file; what must not be."""
    path = folder / "tasks.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    program = [sys.executable, "-m", "selfchal", "tasks", "judge"]
    command = [*program, environment, str(path), "--json", "--secret", "fuzz"]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    faults = []
    if ended.returncode not in (0, 1, 2):
        faults.append(f"exit code {ended.returncode}")
    if ended.stderr.strip():
        faults.append(f"stderr: {ended.stderr.decode(errors='replace')[-2000:]}")
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    numbers = [number for number, line in enumerate(lines, start=1) if line.strip()]
    if [row["line"] for row in rows] != numbers:
        faults.append(f"{len(rows)} verdicts for {len(numbers)} rows")
    faults += [
        f"{row['reason']} {row['feedback'][-800:]} {lines[row['line'] - 1]!r}"[:3000]
        for row in rows
        if row["outcome"] == Outcome.COULD_NOT_CHECK and " failed: " in row["reason"]
    ]
    return Counter(f"{row['outcome']} at {row['stage']}" for row in rows), faults


@dataclass(frozen=True)
class File:
    """Rows that are judged together, and where it is kept what came of them."""

    kept: Path
    environment: str
    lines: Sequence[bytes]

    def judge_once(self) -> tuple[Counter[str], list[str]]:
        """What is kept of this file, or what comes of it now."""
        if not self.kept.exists():
            with tempfile.TemporaryDirectory(prefix="selfchal-fuzz-") as folder:
                text = json.dumps(judge_file(self.environment, self.lines, Path(folder)))
            write_whole(self.kept, lambda part: part.write_text(text, encoding="utf-8"))
        found, wrong = json.loads(self.kept.read_text(encoding="utf-8"))
        return Counter(found), wrong


def make_files(tasks: int, rows: int, seed: int, out: Path) -> Iterator[File]:
    """The same for the same arguments."""
    chance = random.Random(seed)
    bases: dict[str, list[Row]] = {}
    for environment, row in read_bases():
        bases.setdefault(environment, []).append(row)
    hostile = [source for _, source in hostile_sources.hostile_sources(400, seed)]
    for number, first in enumerate(range(0, tasks, rows)):
        environment = list(bases)[number % len(bases)]
        count = min(rows, tasks - first)
        lines = [mutate(chance, bases[environment], hostile) for _ in range(count)]
        yield File(out / f"{seed}_{first}_{count}.json", environment, lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=2_500, help="of a file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--jobs", type=int, default=1, help="files at a time: most of it is waiting for limits"
    )
    parser.add_argument("--out", type=Path, help="where what came of each file is kept")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    done, started = 0, time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="selfchal-fuzz-") as folder,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        out = options.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        files = list(make_files(options.tasks, options.rows, options.seed, out))
        for file, (found, wrong) in zip(files, pool.map(File.judge_once, files), strict=True):
            outcomes += found
            faults += wrong
            done += len(file.lines)
            minutes = (time.monotonic() - started) / 60
            print(f"{done:,} tasks, {minutes:.0f} minutes, {len(faults)} faults", flush=True)
    for what, number in outcomes.most_common():
        print(f"{number:8,}  {what}")
    print("\n".join(faults[:20]) or "no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
