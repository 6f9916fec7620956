"""Registers the judge's checks: the standard ones, and the one that makes attempts."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.core.hookspecs import hookimpl
from selfchal.core.judge import AnyCheck
from selfchal.judging.checks.attempts import Attempts
from selfchal.judging.checks.standard import STANDARD


@hookimpl
def register_checks() -> Iterable[type[AnyCheck]]:
    return [*STANDARD, Attempts]
