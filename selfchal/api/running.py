"""Manifests: loaded, run from start to end, measured; and a run's parts for experiments of one's own."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args

from selfchal.api.arguments import expect, expect_callable, expect_truth, expect_whole, list_wanted
from selfchal.api.launching import LaunchedRun, find_launcher, launch
from selfchal.api.opening import WatcherLike, open_part
from selfchal.core.errors import ManifestError, PluginError, StoreError
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.pipeline import context, openings
from selfchal.pipeline.collecting import Rewrite
from selfchal.pipeline.distributed import follow, is_follower
from selfchal.pipeline.failed_start import removing_failed_start
from selfchal.pipeline.manifest import Manifest, apply_overrides, read_manifest, validate
from selfchal.pipeline.missing import describe_missing, is_manifest
from selfchal.pipeline.startable import check_plugins_startable
from selfchal.pipeline.store import DATABASE, MANIFEST, Store, is_run
from selfchal.pipeline.watch import Watchers
from selfchal.plugins import load_plugins
from selfchal.plugins.plugin_files import use_plugin_files

if TYPE_CHECKING:
    from selfchal.pipeline.pilot import Pilot

ManifestLike = Manifest | str | Path | Mapping[str, Any]  # validated, a file, or a file's sections
Policy = Literal["model", "oracle", "nothing"]
START = "start"
_MANIFESTS = (Manifest, str, Path, Mapping)


def load_manifest(source: ManifestLike, overrides: Sequence[str] = ()) -> Manifest:
    """A manifest, checked against the installed plugins; no model is loaded.

    ``source`` is a YAML or TOML file, or the mapping of sections that such a file holds (it is not changed).
    ``overrides`` are texts ``"section.key=value"`` as after ``--set``. A manifest that is validated already
    is returned as it is, if there are no overrides; else it is read again with them.

    Raises ManifestError, which names every fault with its path, and PluginError for an unknown plugin.
    """
    return _load(source, overrides)


def run(
    manifest: ManifestLike,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    watch: Sequence[WatcherLike] = (),
    rewrite: Rewrite | None = None,
) -> dict[str, Json]:
    """Run a manifest to its end: challenge, judge, train, evaluate, report (as ``selfchal run`` does).

    Returns what ``results.json`` says: rates in 0 to 1 with 95 % intervals, the funnel, seconds, bytes. Where
    nothing is trained it has ``before`` and no ``after``.

    ``out`` is the run's directory (default: ``runs/NAME``); ``resume`` goes on with the run that is there.
    ``watch`` are watchers beside those of the manifest and of the installed plugins: a name (``"progress"``
    prints how far the run is), a section, a class, or an object with hooks (docs/plugins.md). ``rewrite``
    changes the rewards of each batch of training episodes in place: for control experiments.

    Under torchrun or ``accelerate launch`` every process calls this; the ones after the first take part in
    training alone and return ``{}``. A run that fails before it stored anything leaves no file behind.

    Raises what ``load_manifest`` raises, StoreError where the directory holds another run or cannot be
    written, and EnvironmentDataError, ModelError, SandboxUnavailableError and TrainingError where a part
    cannot do its work.
    """
    from selfchal.pipeline import loop  # imports numpy
    from selfchal.report import write_report

    expect_truth(resume, "resume")
    if rewrite is not None:
        expect_callable(rewrite, "a function of a batch of episodes for rewrite")
    chosen = load_manifest(manifest)
    check_plugins_startable(chosen)
    if is_follower():
        follow(chosen)
        return {}
    directory = directory_of(chosen, out)
    if engine := find_launcher(chosen):
        return launch(engine, LaunchedRun(chosen, directory, resume, tuple(watch), rewrite))
    watchers = _gather_watchers(watch)
    with removing_failed_start(directory, lambda: _open_store(chosen, directory, resume)) as store:
        try:
            results = loop.run(chosen, store, watchers, rewrite)
        except Exception:
            with suppress(StoreError):  # of two errors the first one is told
                if store.has_begun():  # else nothing is left behind
                    write_report(directory)
            raise
        write_report(directory)
    return results


def run_pilot(manifest: ManifestLike, proposals: int, *, watch: Sequence[WatcherLike] = ()) -> Pilot:
    """A few proposals and tasks of a manifest tried out, as ``selfchal run --dry-run --pilot N`` does.

    Raises what ``run`` raises.
    """
    from selfchal.pipeline import pilot  # imports numpy

    expect_whole(proposals, 1, "proposals")
    chosen = load_manifest(manifest)
    check_plugins_startable(chosen)
    return pilot.run_pilot(chosen, proposals, _gather_watchers(watch))


def directory_of(manifest: Manifest, out: str | Path | None = None) -> Path:
    """The directory that a run of this manifest goes to."""
    expect(out, (str, Path, NoneType), "the directory of a run for out")
    return Path(out) if out is not None else Path("runs") / manifest.settings.run.name


@contextmanager
def open_context(
    manifest: ManifestLike, out: str | Path | None = None, *, watch: Sequence[WatcherLike] = ()
) -> Iterator[context.RunContext]:
    """All that a run is made with (model, environment, judge, store …), for experiments that call its
    stages one by one: those of ``selfchal.pipeline`` take this context.

    Goes on with the run in the directory, if there is one. Raises what ``run`` raises.
    """
    chosen = load_manifest(manifest)
    watchers = _gather_watchers(watch)
    with (
        _open_store(chosen, directory_of(chosen, out), resume=True) as store,
        context.open_context(chosen, store, watchers) as opened,
    ):
        yield opened


def evaluate(
    target: ManifestLike,
    checkpoint: str | None = None,
    *,
    policy: Policy = "model",
    overrides: Sequence[str] = (),
    watch: Sequence[WatcherLike] = (),
) -> dict[str, Json]:
    """A policy measured on an environment's held-out test tasks (as ``selfchal eval`` does).

    ``target`` is a run's directory, or a manifest (a file, a mapping of sections, or a validated one).
    ``policy`` says who acts: the model, the environment's ``oracle``, or ``nothing`` (which calls no tool);
    for the last two ``target`` may be an environment's name.

    Of the model come ``pass@1``, ``pass@K``, ``pass^K`` and ``greedy`` in 0 to 1 with their 95 % intervals
    (``intervals``) and ``could_not_judge``, a count of episodes. ``checkpoint`` is a directory below
    ``checkpoints`` of a run, or ``"start"`` for the untrained model (default: the last). Of the others come
    ``split``, ``pass@1``, ``interval``, ``tasks``, ``failed`` (ids) and ``could_not_judge``. A run's exam of
    self-made tasks is measured too, and what comes of it stands under ``exam``. The run's directory counts
    how often its weights were measured on a split (``opened``), or it is said why not (``not_counted``).

    Raises what ``load_manifest`` raises, ManifestError for a run without such a checkpoint, and ModelError,
    EnvironmentDataError or SandboxUnavailableError where a part cannot be used.
    """
    from selfchal.pipeline import measure  # imports numpy

    expect(target, _MANIFESTS, "a run's directory or a manifest")
    expect(checkpoint, (str, NoneType), "the name of a checkpoint")
    if policy not in get_args(Policy):
        raise ManifestError(f"there is no policy {policy!r}; there are: {', '.join(get_args(Policy))}")
    if checkpoint is not None and policy != "model":
        raise ManifestError(
            f"a checkpoint is of a model, and {policy!r} acts without one; leave out checkpoint"
        )
    loads_model = policy == "model"
    chosen = _load(_find_sections(target, policy), overrides, trains=False, loads_model=loads_model)
    watchers = _gather_watchers(watch)
    if policy != "model":
        return measure.measure_policy(chosen, measure.Policy(policy), watchers)
    weights = _find_weights(target, checkpoint)
    exam = _read_exam(target)
    # in a store of its own, so that no earlier measurement with other settings is taken for this one
    with tempfile.TemporaryDirectory(prefix="selfchal-eval-") as directory:  # noqa: SIM117 — one resource a line
        with Store.create(Path(directory), chosen.resolved()) as store:
            found = measure.measure_model(chosen, store, watchers, weights, exam)
            return found | _count_look(target, store)


def _load(
    source: ManifestLike, overrides: Sequence[str], *, trains: bool = True, loads_model: bool = True
) -> Manifest:
    expect(
        source,
        _MANIFESTS,
        "a manifest: a file, a mapping of sections or a validated one,",
    )
    overrides = list_wanted(overrides, "overrides")
    for override in overrides:
        expect(override, (str,), "a text section.key=value for each of overrides")
    if isinstance(source, Manifest):
        if not overrides:
            return source
        source = source.resolved()
    if isinstance(source, Mapping):
        _refuse_classes(source)
        rows = copy.deepcopy(dict(source))
        apply_overrides(rows, overrides)
    else:
        rows = read_manifest(Path(source), overrides)
    use_named_plugins(rows)
    return validate(rows, load_plugins(), trains=trains, loads_model=loads_model)


def _refuse_classes(rows: Mapping[str, Any]) -> None:
    """Raise ManifestError for a plugin's class: a manifest is stored as text, and read again."""
    for section, value in rows.items():
        if isinstance(value, type):
            raise ManifestError(
                f"{section}: the class {value.__name__} cannot stand in a manifest; write {{'name': NAME}}, "
                "and the file that registers it under 'plugins': ['FILE.py']"
            )


def use_named_plugins(rows: dict[str, Any]) -> None:
    """Load the files that the manifest names. What is wrong with the section is left to the validation."""
    named = rows.get("plugins")
    if isinstance(named, list) and all(isinstance(path, str) for path in named):
        rows["plugins"] = [str(Path(path).expanduser().absolute()) for path in named]
        use_plugin_files(rows["plugins"])


def _open_store(manifest: Manifest, directory: Path, resume: bool) -> Store:
    if resume:
        return Store.resume(directory, manifest.resolved(), _fill_in)
    return Store.create(directory, manifest.resolved())


def _fill_in(stored: dict[str, Any]) -> Mapping[str, Json]:
    """A stored manifest with the defaults of today; as it is where it cannot be read any more."""
    try:
        return validate(stored, load_plugins(), trains=False, loads_model=False).resolved()
    except (ManifestError, PluginError):
        return stored


def _find_sections(target: ManifestLike, policy: Policy) -> ManifestLike:
    """What is measured: a run's own manifest, a manifest, or an environment alone."""
    if isinstance(target, Manifest):
        return target
    never_made = {"model": {"name": "seedling"}}  # the oracle acts, or nobody
    if isinstance(target, Mapping):
        return target if policy == "model" else {**never_made, **target}
    path = Path(target)
    if path.is_dir():
        if not is_run(path) and not (path / MANIFEST).is_file():
            raise ManifestError(f"{path} is no run directory: it has no {DATABASE}; name a run or a manifest")
        return path / MANIFEST
    if path.exists():
        return path
    if policy == "model" and str(target) in load_plugins().names("environment"):
        raise ManifestError(
            f"{target!r} is an environment; --policy oracle or nothing measures there, and a model is "
            "measured with a manifest that names it and the environment"
        )
    if policy == "model" or path.suffix:
        wanted = "run directory or manifest"
        raise ManifestError(describe_missing(path, wanted, lambda near: is_manifest(near) or is_run(near)))
    return {**never_made, "environment": {"name": str(target)}}


def _count_look(target: ManifestLike, measured: Store) -> dict[str, Json]:
    """Tell a run's directory that its weights were looked at; how often in all. Of a manifest: nothing."""
    if not isinstance(target, str | Path) or not is_run(Path(target)):
        return {}
    opened: dict[str, int] = {}
    try:
        for split in openings.describe_openings(measured):
            moment = f"eval {datetime.now(UTC).isoformat(timespec='microseconds')}"
            opened |= openings.count_later_opening(Path(target), split, moment)
    except StoreError as error:  # a run that goes on, a directory that may not be written: the score stands
        return {"not_counted": str(error)}
    return {openings.OPENED: opened}


def _read_exam(target: ManifestLike) -> list[Task]:
    """The tasks that a run set apart; none of a manifest."""
    from selfchal.pipeline.test_sets import EXAM_ROUND

    if not isinstance(target, str | Path) or not Path(target).is_dir():
        return []
    with Store.read(Path(target)) as store:
        return [task for task, _ in store.tasks(EXAM_ROUND)]


def _find_weights(target: ManifestLike, checkpoint: str | None) -> Path | None:
    """The directory of weights to load; None for the model as the manifest has it."""
    if not isinstance(target, str | Path) or not Path(target).is_dir():
        if checkpoint is not None:
            raise ManifestError(f"{target} is no run directory, so it has no checkpoint {checkpoint!r}")
        return None
    if checkpoint == START:
        return None
    checkpoints = Path(target) / "checkpoints"
    if checkpoint is not None:
        return checkpoints / checkpoint
    finals = sorted(
        checkpoints.glob("round_*/final"), key=lambda path: int(path.parent.name.removeprefix("round_"))
    )
    if not finals:
        raise ManifestError(
            f"{target} has no trained weights yet; name a checkpoint (round_1/step_…) or 'start'"
        )
    return finals[-1]


def _gather_watchers(watch: Sequence[WatcherLike]) -> Watchers:
    """The installed plugins' watchers, and these."""
    watchers = load_plugins().watchers()
    for wanted in list_wanted(watch, "watch"):
        watcher = open_part("watcher", wanted, {})
        watchers.add(watcher, f"the watcher {type(watcher).__name__}")
    return watchers
