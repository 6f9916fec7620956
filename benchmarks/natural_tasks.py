"""Judges sound tasks that were written in natural words, and says which of them are refused.

    python benchmarks/natural_tasks.py [--environment retail]
    python benchmarks/natural_tasks.py --base-url http://127.0.0.1:8080/v1 --details

The tasks in benchmarks/natural/ were written by hand, not by the generators of the environments: a judge that
knows only its own generator's wording refuses them. A task that is kept and marked unsure counts as kept.
Those in benchmarks/natural/fresh/ were written by somebody who had seen none of the others, with verifiers
and solutions in many styles.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from reading_settings import add_options, is_unsure, judge_in_settings, list_settings

from selfchal.core.judge import Outcome

FOLDER = Path(__file__).parent / "natural"
ENVIRONMENTS = ("calculation", "web_browsing", "retail", "airline")


def read_tasks(environment: str) -> Iterator[dict[str, Any]]:
    """The tasks of one environment as ``selfchal tasks judge`` reads them."""
    files = [folder / f"{environment}.yaml" for folder in (FOLDER, FOLDER / "fresh")]
    for row in (row for path in files for row in yaml.safe_load(path.read_text(encoding="utf-8"))):
        yield {
            "instruction": row["instruction"],
            "context": row.get("context", {}),
            "solution": row.get("solution") or write_reading(row["visit"], row["line"]),
            "evaluate": choose_verifier(row),
            "failures": row.get("failures")
            or [f"click_url({row['visit'][0]!r})\nresult = {wrong!r}" for wrong in row["wrong"]],
        }


def write_reading(pages: list[str], line: str) -> str:
    """A solution that visits these pages and reads a line of the last one, scrolling through it."""
    visits = "\n".join(f"page = click_url({page!r})" for page in pages)
    return f"import re\n{visits}\npage += scroll_down()\nresult = re.search({line!r}, page).group(1).strip()"


def choose_verifier(row: dict[str, Any]) -> str:
    if "evaluate" in row:
        return str(row["evaluate"])
    return write_state_verifier(row["expect"]) if "expect" in row else write_verifier(row["answer"])


READERS = {"order": "get_order_details", "user": "get_user_details", "reservation": "get_reservation_details"}


def write_state_verifier(expect: dict[str, Any]) -> str:
    """A verifier that compares fields of one record. Lists may come in any order; ``paid_with`` is a payment
    method in the record's history."""
    (kind, number), *fields = expect.items()
    conditions = [_write_condition(path, value) for path, value in fields]
    return f"def evaluate():\n    row = {READERS[kind]}({number!r})\n    return {' and '.join(conditions)}"


def _write_condition(path: str, value: Any) -> str:
    if path == "paid_with":
        # retail's payments name a payment_method_id, airline's a payment_id
        return f"{value!r} in [value for payment in row['payment_history'] for value in payment.values()]"
    first, *steps = path.split(".")  # a record may lack the first: a reservation has a status once cancelled
    found = f"row.get({first!r})" + "".join(
        f"[{s}]" if s.lstrip("-").isdigit() else f"[{s!r}]" for s in steps
    )
    return f"sorted({found}) == {value!r}" if isinstance(value, list) else f"{found} == {value!r}"


def write_verifier(answer: str | int | float) -> str:
    """A verifier that compares with this value: text after strip and lower, numbers within 0.01."""
    if isinstance(answer, str):
        return f"def evaluate(answer):\n    return str(answer).strip().lower() == {answer.lower()!r}"
    close = f"isinstance(answer, (int, float)) and abs(answer - {answer}) < 0.01"
    return f"def evaluate(answer):\n    return {close}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--environment", action="append", choices=ENVIRONMENTS)
    parser.add_argument("--details", action="store_true", help="print what the readers found")
    add_options(parser)
    options = parser.parse_args()
    settings = list_settings(options)
    print(f"| environment | sound tasks | {' | '.join(f'{s}: refused | {s}: unsure' for s in settings)} |")
    print("|---" * (2 + 2 * len(settings)) + "|", flush=True)
    total: Counter[str] = Counter()
    lines: list[str] = []
    for environment in options.environment or ENVIRONMENTS:
        tasks = list(read_tasks(environment))
        counts = Counter(tasks=len(tasks))
        for setting, verdicts in judge_in_settings(tasks, environment, options).items():
            for task, verdict in zip(tasks, verdicts, strict=True):
                refused = verdict["outcome"] != Outcome.PASSED
                counts[f"{setting} refused"] += refused
                counts[f"{setting} unsure"] += is_unsure(verdict)
                if refused or (options.details and "readings" in str(verdict["diagnostics"])):
                    lines.append(f"{setting}: {describe(task, verdict)}")
        total += counts
        print(write_row(environment, counts, settings), flush=True)
    print(write_row("all", total, settings))
    print("\n".join(["", *lines]))


def write_row(name: str, counts: Counter[str], settings: list[str]) -> str:
    """A row of the table: how many tasks, and for each setting how many are refused and how many unsure."""
    found = [f"{counts[f'{s} refused']} | {counts[f'{s} unsure']}" for s in settings]
    return f"| {name} | {counts['tasks']} | {' | '.join(found)} |"


def describe(task: dict[str, Any], verdict: dict[str, Any]) -> str:
    readings = verdict["diagnostics"].get("completeness", {}).get("readings", "")
    return f"{task['instruction']} -> {verdict['outcome']} {verdict['stage']}: {verdict['reason']} {readings}"


if __name__ == "__main__":
    main()
