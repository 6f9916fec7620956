"""The hooks. Five register classes, three watch; none is ever called inside a rollout (invariant 7).

A plugin is a module (or object) behind an entry point of the group ``selfchal`` that implements any
of these with ``@selfchal.core.hookspecs.hookimpl``. Registered classes are asked for in a manifest by
their ``name``; whatever is heavy is imported inside their methods, never when the module loads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from selfchal.core.environment import Environment
    from selfchal.core.episode import Episode
    from selfchal.core.judge import Check, Verdict
    from selfchal.core.model import Model
    from selfchal.core.sandbox import Sandbox
    from selfchal.core.synthesizer import Synthesizer
    from selfchal.core.task import Task
    from selfchal.core.trainer import Trainer

PROJECT = "selfchal"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_environments() -> Iterable[type[Environment]] | None:
    """Environment classes that this plugin adds."""


@hookspec
def register_synthesizers() -> Iterable[type[Synthesizer]] | None:
    """Synthesizer classes that this plugin adds."""


@hookspec
def register_sandboxes() -> Iterable[type[Sandbox]] | None:
    """Sandbox classes that this plugin adds."""


@hookspec
def register_models() -> Iterable[type[Model]] | None:
    """Model classes that this plugin adds."""


@hookspec
def register_trainers() -> Iterable[type[Trainer]] | None:
    """Trainer classes that this plugin adds."""


@hookspec
def register_checks() -> Iterable[type[Check]] | None:
    """Checks of the judge, beyond the paper's, that this plugin adds."""


@hookspec
def task_judged(task: Task, verdict: Verdict) -> None:
    """Watch: one proposal was judged."""


@hookspec
def episodes_finished(purpose: str, episodes: Iterable[Episode]) -> None:
    """Watch: a batch of rollouts ended (purpose: challenge, train, evaluate)."""


@hookspec
def update_finished(step: int, metrics: Mapping[str, float]) -> None:
    """Watch: the trainer made one update."""
