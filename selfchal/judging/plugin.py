"""Registers the judge's checks: the standard ones, and the one that makes attempts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from selfchal.core.hookspecs import hookimpl

if TYPE_CHECKING:
    from selfchal.core.judge import AnyCheck


@hookimpl
def register_checks() -> Iterable[type[AnyCheck]]:
    from selfchal.judging.checks.attempts import Attempts
    from selfchal.judging.checks.standard import STANDARD

    return [*STANDARD, Attempts]
