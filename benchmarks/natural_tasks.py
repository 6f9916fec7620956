"""Judges sound tasks that were written in natural words, and says which of them are refused.

    python benchmarks/natural_tasks.py [--environment retail]

The tasks in benchmarks/natural/ were written by hand, not by the generators of the environments: a judge that
knows only its own generator's wording refuses them. A task that is kept and marked unsure counts as kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import selfchal
from selfchal.core.judge import Outcome

FOLDER = Path(__file__).parent / "natural"
ENVIRONMENTS = ("calculation", "web_browsing", "retail", "airline")


def read_tasks(environment: str) -> Iterator[dict[str, Any]]:
    """The tasks of one environment as ``selfchal tasks judge`` reads them."""
    for row in yaml.safe_load((FOLDER / f"{environment}.yaml").read_text(encoding="utf-8")):
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
    options = parser.parse_args()
    print("| environment | sound tasks | refused | unsure |\n| --- | --- | --- | --- |")
    refused = []
    for environment in options.environment or ENVIRONMENTS:
        tasks = list(read_tasks(environment))
        verdicts = list(selfchal.judge_rows(tasks, environment, processes=None))
        fallen = [(t, v) for t, v in zip(tasks, verdicts, strict=True) if v["outcome"] != Outcome.PASSED]
        unsure = sum("unsure" in str(v["diagnostics"].get("completeness", "")) for v in verdicts)
        print(f"| {environment} | {len(tasks)} | {len(fallen)} | {unsure} |")
        refused += [f"{environment}: {t['instruction']} -> {v['stage']}: {v['reason']}" for t, v in fallen]
    print("\n".join(["", *refused]))


if __name__ == "__main__":
    main()
