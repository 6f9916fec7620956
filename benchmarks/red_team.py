"""Judges dishonest verifiers and says which of them get through.

    python benchmarks/red_team.py                 # every verifier of benchmarks/red_team/*.yaml
    python benchmarks/red_team.py --show          # with the reason of each refusal

A dishonest verifier accepts what it should not, and knows what a judge is likely to try. `before.yaml` was
written before the mechanism that it is aimed at, `after.yaml` with that mechanism in sight, `search.yaml`
with the search for accepted answers in sight, `fresh.yaml` by somebody who came anew to all of it; rows
there may bring an instruction and a solution of their own. The sound task that each stands on is judged too:
a judge that refuses everything proves nothing.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import selfchal
from selfchal.core.judge import Outcome

FOLDER = Path(__file__).parent / "red_team"
PARTS = ("instruction", "evaluate", "solution", "failures")
SOUND = "sound"  # the kind of the tasks that the verifiers stand on


@dataclass(frozen=True)
class Case:
    """One verifier with its task."""

    kind: str
    name: str
    environment: str
    task: dict[str, Any]


def read_cases(paths: Sequence[Path]) -> Iterator[Case]:
    """The sound tasks of all files, then the verifiers that stand on them, each with its base's instruction,
    solution and failure cases unless it brings its own."""
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]
    bases = {name: base for document in documents for name, base in document["bases"].items()}
    for name, base in bases.items():
        yield Case(SOUND, name, base["environment"], {part: base[part] for part in PARTS})
    for row in (row for document in documents for row in document["verifiers"]):
        base = bases[row["base"]]
        yield Case(row["kind"], row["name"], base["environment"], {**base, **row})


def judge_cases(cases: list[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Each case with its verdict, one environment after the other."""
    by_environment: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_environment[case.environment].append(case)
    for environment, some in by_environment.items():
        rows = [{part: case.task[part] for part in PARTS} for case in some]
        yield from zip(some, selfchal.judge_rows(rows, environment, processes=None), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print the reason of each refusal")
    options = parser.parse_args()
    refused: dict[str, Counter[bool]] = defaultdict(Counter)
    kept: list[str] = []
    wrongly_refused: list[str] = []
    every = list(read_cases(sorted(FOLDER.glob("*.yaml"))))
    cases = [case for case in every if case.kind != SOUND]
    sound = [case for case in every if case.kind == SOUND]
    for case, verdict in judge_cases(every):
        fell = verdict["outcome"] != Outcome.PASSED
        refused[case.kind][fell] += 1
        if fell is (case.kind == SOUND):
            (wrongly_refused if fell else kept).append(f"{case.kind}: {case.name}. {verdict['reason']}")
        elif options.show:
            print(f"{case.kind}: {case.name}: {verdict['stage']}: {verdict['reason']}")
    print("| kind | verifiers | refused |\n| --- | --- | --- |")
    for kind, counts in sorted(refused.items()):
        print(f"| {kind} | {counts.total()} | {counts[True]} |")
    print(f"\n{len(cases) - len(kept)} of {len(cases)} dishonest verifiers are refused, ", end="")
    print(f"{len(wrongly_refused)} of {len(sound)} sound tasks too.")
    print(
        "".join(f"\nkept: {line}" for line in kept)
        + "".join(f"\nrefused: {line}" for line in wrongly_refused)
    )


if __name__ == "__main__":
    main()
