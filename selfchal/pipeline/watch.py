"""Tells everybody who watches a run what happens in it.

``Watchers`` are those who listen: the installed plugins, and whoever else was added. ``Watch`` is what the
stages of the pipeline call. It is called from the run's main thread alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pluggy

from selfchal.core import hookspecs
from selfchal.core.episode import Episode
from selfchal.core.errors import PluginError
from selfchal.core.model import Metrics
from selfchal.core.synthesizer import Proposal
from selfchal.core.watcher import RunInfo
from selfchal.core.world import Json
from selfchal.pipeline.hooks import find_hook_fault
from selfchal.pipeline.manifest import Manifest

_log = logging.getLogger("selfchal.watchers")


class Watchers:
    """Everybody who watches. One whose hook raises is left out from then on, and that is told once."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._owners: dict[str, str] = {}

    def add(self, watcher: object, owner: str) -> None:
        """Let an object or module with hooks listen; ``owner`` says whose it is, should it fail.

        Raises PluginError where it implements no hook, one that there is not, or one with wrong arguments.
        """
        if fault := find_hook_fault(watcher):
            raise PluginError(f"{owner} cannot watch: {fault}")
        name = f"{len(self._owners)}: {owner}"
        self._manager.register(watcher, name)
        self._owners[name] = owner

    def copy(self) -> Watchers:
        """The same listeners, for a run that adds its own."""
        other = Watchers()
        for name, watcher in self._manager.list_name_plugin():
            other.add(watcher, self._owners[name])
        return other

    def tell(self, hook: str, run: RunInfo, **values: object) -> None:
        """Call this hook of each, with those of the values that it takes."""
        given = {"run": run, **values}
        for implementation in list(getattr(self._manager.hook, hook).get_hookimpls()):
            try:
                implementation.function(*(given[name] for name in implementation.argnames))
            except Exception as error:  # noqa: BLE001 — a stranger's hook must not end the run
                self._leave_out(implementation, hook, error, run)

    def _leave_out(self, implementation: Any, hook: str, error: Exception, run: RunInfo) -> None:
        """Remove a watcher and say so in a note, or in the log where nobody listens to notes."""
        self._manager.unregister(name=implementation.plugin_name)
        owner = self._owners[implementation.plugin_name]
        text = f"{owner}: its hook {hook} raised {type(error).__name__}: {error}; it is left out now"
        if self._manager.hook.note.get_hookimpls():
            self.tell("note", run, text=text)
        else:
            _log.warning("%s", text)


class Watch:
    """The hooks that watch one run, as plain calls. ``results`` is told when the run ends."""

    def __init__(self, run: RunInfo, watchers: Watchers) -> None:
        self.results: Mapping[str, Json] | None = None
        self._run, self._watchers = run, watchers
        self._stage = ""
        self._done = 0
        self._total: int | None = None

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[None]:
        """Tell that a stage begins, and that it ended, unless it was interrupted. Stages do not nest."""
        started = time.perf_counter()
        self._stage, self._total, self._done = name, total, 0
        self._tell("stage_started", stage=name, total=total, unit=unit, count_done=lambda: self._done)
        yield
        self._tell("stage_ended", stage=name, seconds=time.perf_counter() - started)

    def count(self, done: int) -> None:
        """Remember how far the stage is, for those who ask ``count_done``. Tells nobody, so a rollout may
        call it."""
        self._done = done

    def progress(self, done: int, counts: Mapping[str, int] | None = None, total: int | None = None) -> None:
        """``done`` of the stage's total; ``total`` where it is known only now."""
        self._done = done
        self._total = self._total if total is None else total
        self._tell("stage_progressed", stage=self._stage, done=done, total=self._total, counts=counts or {})

    def proposals_judged(self, proposals: Sequence[Proposal]) -> None:
        for proposal in proposals:
            if proposal.task is not None:
                self._tell("task_judged", task=proposal.task, verdict=proposal.verdict)

    def episodes_finished(self, purpose: str, episodes: Sequence[Episode]) -> None:
        self._tell("episodes_finished", purpose=purpose, episodes=episodes)

    def update_finished(self, stage: str, step: int, metrics: Metrics) -> None:
        self._done = step
        self._tell("update_finished", stage=stage, step=step, metrics=dict(metrics))

    def updates_discarded(self, stage: str, after: int) -> None:
        self._tell("updates_discarded", stage=stage, after=after)

    def note(self, text: str) -> None:
        self._tell("note", text=text)

    def _tell(self, hook: str, **values: object) -> None:
        self._watchers.tell(hook, self._run, **values)


@contextmanager
def watching(manifest: Manifest, directory: Path | None, watchers: Watchers) -> Iterator[Watch]:
    """Tell ``watchers``, and those that the manifest names, that a run begins and that it is over.

    Raises PluginError where a watcher of the manifest cannot be had.
    """
    everybody = watchers.copy()
    for choice in manifest.watchers:
        where = f"{choice.plugin.__module__}.{choice.plugin.__qualname__}"
        everybody.add(choice.make(), f"watcher {choice.name!r} ({where})")
    run = RunInfo(manifest.settings.run.name, directory, manifest.resolved())
    watch = Watch(run, everybody)
    everybody.tell("run_started", run)
    try:
        yield watch
    finally:
        everybody.tell("run_ended", run, results=watch.results)
