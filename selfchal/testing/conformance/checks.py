"""What every check of the judge must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfchal.core.judge import OF_CHECKS, ComparingCheck
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.findings import expect_finding
from selfchal.testing.conformance.case import Case, demand, make, registrable


def check_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a check class with these options."""

    def stands_in_the_funnel() -> None:
        demand(
            cls.stage in OF_CHECKS,
            f"stage is {cls.stage!r}; checks stand from {OF_CHECKS[0]} to {OF_CHECKS[-1]}",
        )

    def is_made_from_its_options() -> None:
        make(cls, options or {})

    def finds_something_of_each_task() -> None:
        made = make(cls, options or {})
        tasks = [Task(f"t{i}", "", {}, "Do it.", "def evaluate(): return True", "", ()) for i in range(3)]
        if isinstance(made, ComparingCheck):
            found = [expect_finding(one) for one in made.compare(tasks, (), ())]
            demand(len(found) == len(tasks), f"compare() of {len(tasks)} tasks gave {len(found)} findings")

    return [
        registrable("check", cls),
        Case("stands in the funnel after the paper's filter", stands_in_the_funnel),
        Case("is made from its options", is_made_from_its_options),
        Case("has a finding for each task that it compares", finds_something_of_each_task),
    ]
