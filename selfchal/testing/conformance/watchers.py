"""What every watcher must keep: it hears of a run and of its stop, and changes nothing of what it is told."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pluggy

from selfchal.core import hookspecs
from selfchal.core.episode import Episode
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.task import Task
from selfchal.core.watcher import RunInfo
from selfchal.core.world import Json
from selfchal.plugins.loading import describe_error
from selfchal.testing.conformance.case import Case, declared, demand, make

MANIFEST: Mapping[str, Json] = {
    "run": {"name": "conformance", "seed": 0},
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
}
EVALUATE = "def evaluate(answer):\n    return answer == 2"
TASK = Task("r1-p0", "calculation", {}, "Add 1 and 1.", EVALUATE, "result = 2", ("result = 3",) * 3)
MOST_SECONDS = 5.0  # for some twenty hooks
REFUSED = Verdict(Outcome.FAILED, Stage.RAN, "evaluate did not run", "Traceback …")
RESULTS: Mapping[str, Json] = {"before": {"pass@1": 0.1}, "after": {"pass@1": 0.2}, "held_out_tasks": 40}
Told = tuple[str, dict[str, Any]]  # a hook and what it is told


def watcher_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a watcher class with these options. The run's directory is a temporary one."""
    kit = _Kit(cls, options or {})
    return [
        *declared("watcher", cls, options or {}),
        Case("is made from its options", kit.is_made_from_its_options, cure="Mend __init__."),
        Case("hears a whole run without raising", kit.hears_a_whole_run, cure="Mend the hook that is named."),
        Case("hears of a run that is stopped, and goes on", kit.hears_of_a_stop,
             cure="``results`` is None where a run was stopped, and run_started comes again."),
        Case("changes nothing of what it is told", kit.changes_nothing, cure="Copy what you change."),
        Case("does not hold the run up", kit.is_quick, cure="Do what takes time in a thread of your own."),
    ]  # fmt: skip


class _Kit:
    def __init__(self, cls: type[Any], options: Mapping[str, Json]) -> None:
        self.cls, self.options = cls, options

    def is_made_from_its_options(self) -> None:
        make(self.cls, self.options)

    def hears_a_whole_run(self) -> None:
        with self._tell() as (tell, directory):
            tell(_list_whole_run(_make_run(directory)))

    def hears_of_a_stop(self) -> None:
        with self._tell() as (tell, directory):
            tell(_list_stopped_run(_make_run(directory)))

    def is_quick(self) -> None:
        started = time.monotonic()
        with self._tell() as (tell, directory):
            events = _list_whole_run(_make_run(directory))
            tell(events)
        seconds = time.monotonic() - started
        demand(seconds < MOST_SECONDS, f"it took {seconds:.1f} s for {len(events)} hooks")

    def changes_nothing(self) -> None:
        with self._tell() as (tell, directory):
            for hook, values in _list_whole_run(_make_run(directory)):
                plain = {name: value for name, value in values.items() if not callable(value)}
                before = copy.deepcopy(plain)
                tell([(hook, values)])
                demand(plain == before, f"{hook} changed what it was told, which others hear after it")

    @contextmanager
    def _tell(self) -> Iterator[tuple[Any, Path]]:
        """A function that tells a new watcher such things one by one, and the run's directory."""
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(make(self.cls, self.options))

        def tell(events: list[Told]) -> None:
            for hook, values in events:
                for one in getattr(manager.hook, hook).get_hookimpls():
                    try:
                        one.function(*(values[name] for name in one.argnames))
                    except Exception as error:
                        raise AssertionError(f"its hook {hook} raised {describe_error(error)}") from error

        with tempfile.TemporaryDirectory(prefix="selfchal-watcher-") as directory:
            yield tell, Path(directory)


def _make_run(directory: Path) -> RunInfo:
    return RunInfo("conformance", directory, copy.deepcopy(MANIFEST))


def _list_whole_run(run: RunInfo) -> list[Told]:
    """Challenge, training and evaluation, with what their hooks are told."""
    played = [Episode("r1-p0", 0)]
    rewards = ({"reward": 0.5, "loss": -0.1}, {"reward": 0.5}, {"reward": 0.6})
    updates = [
        ("update_finished", {"run": run, "stage": "train 1", "step": step, "metrics": dict(metrics)})
        for step, metrics in zip((1, 2, 2), rewards, strict=True)
    ]
    discarded = ("updates_discarded", {"run": run, "stage": "train 1", "after": 1})
    task, verdict, results = copy.deepcopy((TASK, REFUSED, RESULTS))
    return [
        ("run_started", {"run": run}),
        ("note", {"run": run, "text": "a sentence\nof two lines: 100 % <b>ü</b>"}),
        *_list_stage(
            run,
            "challenge 1",
            (2, "proposals", {"kept": 1, "ran": 1}),
            ("task_judged", {"run": run, "task": task, "verdict": verdict}),
            ("episodes_finished", {"run": run, "purpose": "challenge", "episodes": played}),
        ),
        *_list_stage(run, "train 1", (None, "updates", {}), *updates[:2], discarded, updates[2]),
        *_list_stage(
            run,
            "evaluate after",
            (1, "episodes", {}),
            ("episodes_finished", {"run": run, "purpose": "evaluate", "episodes": []}),
        ),
        ("run_ended", {"run": run, "results": results}),
    ]


def _list_stage(
    run: RunInfo, stage: str, size: tuple[int | None, str, dict[str, int]], *inside: Told
) -> list[Told]:
    """``size`` is the total, its unit and what is counted in the end."""
    total, unit, counts = size
    told = {"run": run, "stage": stage}
    return [
        ("stage_started", {**told, "total": total, "unit": unit, "count_done": lambda: 1}),
        *inside,
        ("stage_progressed", {**told, "done": 1, "total": total, "counts": counts}),
        ("stage_ended", {**told, "seconds": 0.5}),
    ]


def _list_stopped_run(run: RunInfo) -> list[Told]:
    """A run that stops amid a stage, and then goes on in its directory."""
    begun = _list_stage(run, "challenge 1", (2, "proposals", {}))[:2]
    stopped: list[Told] = [("run_started", {"run": run}), *begun]
    return [*stopped, ("run_ended", {"run": run, "results": None}), *_list_whole_run(run)]
