"""Registers the built-in synthesizers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from selfchal.core.hookspecs import hookimpl

if TYPE_CHECKING:
    from selfchal.core.synthesizer import Synthesizer


@hookimpl
def register_synthesizers() -> Iterable[type[Synthesizer]]:
    from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
    from selfchal.builtin_synthesizers.pae import Pae

    return [CodeAsTask, Pae]
