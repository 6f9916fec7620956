"""Tasks with the verdict that they should get, written by others: `cases/judge/cases.jsonl` of the benchmarks' data.

Each row has a `name`, an `environment`, a `task` as `selfchal tasks judge` reads it, and `expect`: `refuse`, `keep`
(kept and marked unsure counts as kept), or `verdict`, which may be any.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import selfchal
from tests.support.benchmark import benchmark_data

SHARE = 0.95  # of each kind of expectation that must be met


def test_nearly_every_handed_task_gets_the_verdict_that_it_should() -> None:
    rows = [json.loads(line) for line in benchmark_data("cases/judge/cases.jsonl").read_text().splitlines()]
    by_environment: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_environment[row["environment"]].append(row)
    met: dict[str, list[bool]] = defaultdict(list)
    wrong = []
    for environment, cases in by_environment.items():
        verdicts = selfchal.judge([case["task"] for case in cases], environment)
        for case, verdict in zip(cases, verdicts, strict=True):
            right = case["expect"] in ("verdict", "keep" if verdict.passed else "refuse")
            met[case["expect"]].append(right)
            if not right:
                wrong.append((case["name"], case["expect"], verdict.reason))
    for expect, found in met.items():
        assert sum(found) >= SHARE * len(found), (expect, wrong)
