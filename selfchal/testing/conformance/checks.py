"""What every check of the judge must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfchal.core.judge import FUNNEL, Stage
from selfchal.core.world import Json
from selfchal.testing.conformance.case import Case, demand, make, registrable


def check_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a check class with these options."""

    def stands_in_the_funnel() -> None:
        allowed = FUNNEL[FUNNEL.index(Stage.STABLE) : FUNNEL.index(Stage.NEW) + 1]
        demand(
            cls.stage in allowed, f"stage is {cls.stage!r}; checks stand from {allowed[0]} to {allowed[-1]}"
        )

    def is_made_from_its_options() -> None:
        demand(make(cls, options or {}).check, "an instance must offer examine()")

    return [
        registrable("check", cls),
        Case("stands in the funnel after the paper's filter", stands_in_the_funnel),
        Case("is made from its options", is_made_from_its_options),
    ]
