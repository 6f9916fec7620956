"""Registers the built-in synthesizers."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.pae import Pae
from selfchal.core.hookspecs import hookimpl
from selfchal.core.synthesizer import Synthesizer


@hookimpl
def register_synthesizers() -> Iterable[type[Synthesizer]]:
    return [CodeAsTask, Pae]
