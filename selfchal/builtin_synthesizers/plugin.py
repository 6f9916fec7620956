"""Registers the built-in synthesizers and the check that makes attempts."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.builtin_synthesizers.behaviour import Attempts
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.pae import Pae
from selfchal.core.hookspecs import hookimpl
from selfchal.core.judge import Check
from selfchal.core.synthesizer import Synthesizer


@hookimpl
def register_synthesizers() -> Iterable[type[Synthesizer]]:
    return [CodeAsTask, Pae]


@hookimpl
def register_checks() -> Iterable[type[Check]]:
    return [Attempts]
