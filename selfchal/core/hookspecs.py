"""The hooks: those that register classes, and those that watch a run.

A plugin is a module (or object) behind an entry point of the group ``selfchal`` that implements any
of these with ``@selfchal.hookimpl``. Registered classes are asked for in a manifest by
their ``name``; whatever is heavy is imported inside their methods, never when the module loads.

The hooks that watch are called from the run's main thread between batches of work, never inside a rollout
(CONTRIBUTING.md#invariant-7). An implementation takes those of the arguments that it wants, by name. One
that raises does not end the run: it is left out from then on, and the run says so once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from selfchal.core.engine import Engine
    from selfchal.core.environment import Environment
    from selfchal.core.episode import Episode
    from selfchal.core.judge import AnyCheck, Verdict
    from selfchal.core.model import Model
    from selfchal.core.sandbox import Sandbox
    from selfchal.core.synthesizer import Synthesizer
    from selfchal.core.task import Task
    from selfchal.core.trainer import Trainer
    from selfchal.core.watcher import RunInfo, Watcher
    from selfchal.core.world import Json

PROJECT = "selfchal"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_environments() -> Iterable[type[Environment]]:
    """Environment classes that this plugin adds."""


@hookspec
def register_synthesizers() -> Iterable[type[Synthesizer]]:
    """Synthesizer classes that this plugin adds."""


@hookspec
def register_sandboxes() -> Iterable[type[Sandbox]]:
    """Sandbox classes that this plugin adds."""


@hookspec
def register_models() -> Iterable[type[Model]]:
    """Model classes that this plugin adds."""


@hookspec
def register_trainers() -> Iterable[type[Trainer]]:
    """Trainer classes that this plugin adds."""


@hookspec
def register_checks() -> Iterable[type[AnyCheck]]:
    """Checks of the judge, past the paper's filter, that this plugin adds."""


@hookspec
def register_engines() -> Iterable[type[Engine]]:
    """Engine classes that this plugin adds: where scenes live and tasks are judged."""


@hookspec
def register_watchers() -> Iterable[type[Watcher]]:
    """Watcher classes that this plugin adds, for a manifest to name under ``watchers``."""


@hookspec
def run_started(run: RunInfo) -> None:
    """Watch: a run begins or goes on, or a measurement begins."""


@hookspec
def run_ended(run: RunInfo, results: Mapping[str, Json] | None) -> None:
    """Watch: it is over. ``results`` is what results.json holds; None where it was stopped or failed, and
    after a measurement."""


@hookspec
def stage_started(
    run: RunInfo, stage: str, total: int | None, unit: str, count_done: Callable[[], int]
) -> None:
    """Watch: a stage begins; ``total`` of ``unit`` are to come (None: not known yet).

    ``count_done()`` says how many are done. It may be asked at any moment and from any thread, so a display
    can move on between two calls of ``stage_progressed``, which come between batches alone.
    """


@hookspec
def stage_progressed(
    run: RunInfo, stage: str, done: int, total: int | None, counts: Mapping[str, int]
) -> None:
    """Watch: ``done`` of ``total``, and what ``counts`` the stage has (proposals kept, reasons they fell)."""


@hookspec
def stage_ended(run: RunInfo, stage: str, seconds: float) -> None:
    """Watch: the stage was done to its end, in so many seconds of this process."""


@hookspec
def task_judged(run: RunInfo, task: Task, verdict: Verdict) -> None:
    """Watch: one task was judged."""


@hookspec
def episodes_finished(run: RunInfo, purpose: str, episodes: Sequence[Episode]) -> None:
    """Watch: a batch of rollouts ended and is stored (purpose: challenge, train, evaluate)."""


@hookspec
def update_finished(run: RunInfo, stage: str, step: int, metrics: Mapping[str, float]) -> None:
    """Watch: the trainer made update ``step`` (from 1) of a stage."""


@hookspec
def updates_discarded(run: RunInfo, stage: str, after: int) -> None:
    """Watch: training goes on from update ``after``; what was told of later ones will be told anew."""


@hookspec
def note(run: RunInfo, text: str) -> None:
    """Watch: a sentence for the person (what was resumed, why training ends early, a warning)."""
