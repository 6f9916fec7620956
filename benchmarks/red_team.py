"""Judges dishonest verifiers and says which of them get through.

    python benchmarks/red_team.py                 # every verifier of benchmarks/red_team/*.yaml
    python benchmarks/red_team.py --show          # with the reason of each refusal

A dishonest verifier accepts what it should not, and knows what a judge is likely to try. `before.yaml` was
written before the mechanism that it is aimed at, `after.yaml` with that mechanism in sight. The sound task
that each stands on is judged too: a judge that refuses everything proves nothing.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import selfchal
from selfchal.core.judge import Outcome

FOLDER = Path(__file__).parent / "red_team"
SOUND = "sound"  # the kind of the tasks that the verifiers stand on
SOUND_VERIFIERS = {
    "reverse": "def evaluate(answer):\n    return answer == 'tenalp'",
    "letters": "def evaluate(answer):\n    return answer == 6",
    "budget": "def evaluate(answer):\n    return abs(answer - 710) < 0.01",
    "nucleotides": "def evaluate(answer):\n    return answer == 'UACGGU'",
    "email": "def evaluate(answer):\n    return answer.strip() == 'bram.eriksen@portaster.example'",
    "cancel": (
        "def evaluate():\n    order = get_order_details('#W4070137')\n"
        "    return order['status'] == 'cancelled' and order['cancel_reason'] == 'ordered by mistake'"
    ),
    "trip": "def evaluate():\n    return get_reservation_details('38DWBS').get('status') == 'cancelled'",
}


@dataclass(frozen=True)
class Case:
    """One verifier with its task, as ``selfchal tasks judge`` reads it."""

    kind: str
    name: str
    environment: str
    task: dict[str, Any]


def read_cases(path: Path) -> Iterator[Case]:
    """The verifiers of one file, each on its own or its base's instruction, solution and failure cases."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for row in document["verifiers"]:
        base = document["bases"][row["base"]]
        task = {key: row.get(key, base[key]) for key in ("instruction", "solution", "failures")}
        yield Case(row["kind"], row["name"], base["environment"], {**task, "evaluate": row["evaluate"]})


def sound_cases(path: Path) -> Iterator[Case]:
    """The tasks that the verifiers of a file stand on, with an honest verifier each."""
    for name, base in yaml.safe_load(path.read_text(encoding="utf-8"))["bases"].items():
        task = {key: base[key] for key in ("instruction", "solution", "failures")}
        yield Case(SOUND, name, base["environment"], {**task, "evaluate": SOUND_VERIFIERS[name]})


def judge_cases(cases: list[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Each case with its verdict, one environment after the other."""
    by_environment: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_environment[case.environment].append(case)
    for environment, some in by_environment.items():
        rows = [case.task for case in some]
        yield from zip(some, selfchal.judge_rows(rows, environment, processes=None), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print the reason of each refusal")
    options = parser.parse_args()
    refused: dict[str, Counter[bool]] = defaultdict(Counter)
    kept: list[str] = []
    wrongly_refused: list[str] = []
    paths = sorted(FOLDER.glob("*.yaml"))
    cases = [case for path in paths for case in read_cases(path)]
    sound = list({case.name: case for path in paths for case in sound_cases(path)}.values())
    for case, verdict in judge_cases([*sound, *cases]):
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
