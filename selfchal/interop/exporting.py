"""Exports the kept tasks of a run: what leaves, in which format, and what has to stay and why.

Each task is checked before it leaves, by the very replay that will judge it elsewhere: the recorded calls of
its solution must solve it, doing nothing must not, and no failure case may.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import selfchal
from selfchal.api.opening import SandboxLike, choose_part, open_sandbox
from selfchal.api.reading import Row, RunView
from selfchal.api.running import use_named_plugins
from selfchal.core.environment import Environment
from selfchal.core.errors import PluginError, StoreError
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.core.text import replace_surrogates_within
from selfchal.core.world import Json
from selfchal.interop.portable import PortableTask, Replayer, make_replayer
from selfchal.pipeline.environments import limits_of, open_environment
from selfchal.pipeline.manifest import Choice, LimitsSection, parse_config
from selfchal.pipeline.manifest.redaction import REDACTED
from selfchal.pipeline.manifest.stored import choose_environment_section, read_run_name
from selfchal.pipeline.requirements import find_needed
from selfchal.pipeline.test_sets import EXAM_STATUS
from selfchal.plugins import load_plugins
from selfchal.plugins.loading import FILE
from selfchal.write_whole import write_whole

SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/")  # what other machines have too


@dataclass(frozen=True)
class Export:
    """What a format writes. ``name`` is the run's; ``requirements`` are what pip installs."""

    name: str
    environment: Environment
    requirements: Sequence[str]
    tasks: Sequence[PortableTask]

    @property
    def module(self) -> str:
        """A Python name out of the environment's and the run's."""
        return re.sub(r"[^a-z0-9]+", "_", f"{self.environment.name}_{self.name}".lower()).strip("_")

    @property
    def class_name(self) -> str:
        """The environment's name as the beginning of a class's."""
        return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", self.environment.name))


Write = Callable[[Export, Path], None]  # writes an export into a new directory


def write_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write texts by their path in the directory, which is made; a script may be executed."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "replace"))  # an instruction may hold half a surrogate pair
        if text.startswith("#!"):
            path.chmod(0o755)


@dataclass(frozen=True)
class Exported:
    """How many tasks left, and of those that did not the id and why."""

    count: int
    left_out: Sequence[tuple[str, str]]


def export_run(
    view: RunView,
    write: Write,
    directory: Path,
    sandbox: SandboxLike = "process",
    environment_name: str | None = None,
) -> Exported:
    """Write the kept tasks of a run into a directory that is not there yet, or is empty.

    Of a run with several environments those of the one that is named, for each needs an export of its own.
    Raises StoreError where the directory is in use or cannot be written, where no task can leave, and where
    an environment must be named; PluginError where the environment cannot leave.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise StoreError(f"{directory} is in use; name a directory that is not there yet")
    manifest = view.manifest()
    use_named_plugins(manifest)
    chosen = choose_environment(choose_environment_section(manifest, environment_name))
    requirements = list_requirements(chosen)
    section = {"name": chosen.name, **chosen.config.model_dump(mode="json", exclude_defaults=True)}
    with ExitStack() as closing:
        environment = open_environment(chosen, closing)
        opened = closing.enter_context(open_sandbox(sandbox))
        limits = _read_limits(manifest)
        replayer = make_replayer(environment, opened, limits)
        checked = [
            (task, _prepare(replayer, section, limits, task)) for task in _list_tasks(view, environment)
        ]
        left_out = [(task.id, one) for task, one in checked if isinstance(one, str)]
        portable = [one for _, one in checked if isinstance(one, PortableTask)]
        if not portable:
            why = f": the first stays since {left_out[0][1]}" if left_out else ""
            raise StoreError(f"{view.directory} has no task to export{why}")
        export = Export(read_run_name(manifest), environment, requirements, portable)
        directory.parent.mkdir(parents=True, exist_ok=True)
        write_whole(directory, lambda part: write(export, part), "choose another directory")
    return Exported(len(portable), left_out)


def choose_environment(section: Mapping[str, Json]) -> Choice:
    """The environment of a stored manifest. Raises PluginError where its options cannot leave."""
    options = {key: value for key, value in section.items() if key != "name"}
    chosen = choose_part("environment", section["name"], options)
    for key, value in chosen.config:
        if local := next(_list_local_paths(value), None):
            raise PluginError(
                f"environment.{key} names {local}, which is on this machine alone, so tasks of this "
                "environment cannot be used elsewhere"
            )
        if REDACTED in str(value):
            raise PluginError(f"environment.{key} holds a secret, and secrets are not exported")
    return chosen


def _list_local_paths(value: Any) -> Iterator[str]:
    """What in an option's value is a path of this machine, however deep it stands there."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _list_local_paths(part)
    elif isinstance(value, Path) or (isinstance(value, str) and _is_local(value)):
        yield str(value)


def _is_local(text: str) -> bool:
    """A text that is the absolute path of something here, and of no program that other machines have too."""
    return text.startswith("/") and not text.startswith(SYSTEM) and "\0" not in text and os.path.exists(text)


def list_requirements(chosen: Choice) -> list[str]:
    """What pip installs for the environment: selfchal's light base, what the environment requires besides,
    and the package that it comes from."""
    found = [item for item in load_plugins().all() if (item.kind, item.name) == ("environment", chosen.name)]
    if in_files := [item.version for item in found if item.package == FILE]:
        raise PluginError(
            f"the environment {chosen.name!r} is in the file {in_files[0]}, which is on this machine alone; "
            "make a package of it (selfchal plugins new environment …) to use its tasks elsewhere"
        )
    offered = [f"{item.package}=={item.version}" for item in found]
    needed = [one.install for one in find_needed(chosen.plugin, chosen.config)]
    return list(dict.fromkeys([f"selfchal=={selfchal.__version__}", *needed, *offered]))


def _read_limits(manifest: Row) -> Limits:
    """The limits that the tasks were judged under."""
    return limits_of(parse_config(LimitsSection, manifest.get("limits", {}), "limits"))


def _list_tasks(view: RunView, environment: Environment) -> Iterator[Task]:
    """Every kept task of an environment once; those of an exam stay, for whoever trains on the others must
    not see them."""
    rows = {row["id"]: row for row in view.tasks() if row["status"] != EXAM_STATUS}
    yield from (Task.from_json(row) for row in rows.values() if row["environment"] in ("", environment.name))


def _prepare(
    replayer: Replayer, section: Mapping[str, Json], limits: Limits, task: Task
) -> PortableTask | str:
    """The task as it leaves, or why it stays."""
    if not task.evaluate:
        return "it has no evaluate: only a model can rate its episodes"
    slim = _drop_notes(task)
    made = PortableTask(
        section,
        slim,
        replayer.record(slim, slim.solution),
        tuple(replayer.record(slim, source) for source in slim.failures),
        limits,
    )
    return replayer.find_fault(made) or made


def _drop_notes(task: Task) -> Task:
    """The task with what a reward needs of the judge's notes, and no more. Half a surrogate pair, which no
    file of others holds, is replaced."""
    task = Task.from_json(replace_surrogates_within(task.to_json()))
    diagnostics: dict[str, Json] = {}
    if "answer_type" in task.diagnostics:
        diagnostics["answer_type"] = task.diagnostics["answer_type"]
    if not task.provenance.get("footprint"):
        return replace(task, diagnostics=diagnostics, provenance={})
    diagnostics["strength"] = {"footprint": task.diagnostics.get("strength", {}).get("footprint", [])}
    return replace(task, diagnostics=diagnostics, provenance={"footprint": True})
