"""Harbor: a directory of tasks, each a directory with ``task.toml``. Nothing in it is imported.

Tasks that selfchal has exported are played by the replay that rewards them, where every file of theirs is
still what selfchal writes. Of all others the files are read; they run in containers where the user asks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfchal.audit.call_trials import PLAYED
from selfchal.audit.exported import find_version, is_untouched
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.harbor_files import find_in_files
from selfchal.audit.harbor_runs import find_by_running
from selfchal.audit.lost_folders import find_lost_folders
from selfchal.audit.portable_trials import find_in_portable, read_portable
from selfchal.audit.task_sets import AuditRequest, CodedTask, GivenTask, TaskSet
from selfchal.audit.trusted_environments import OpenTrusted, opening_trusted
from selfchal.core.environment import Environment
from selfchal.interop.harbor import list_task_files
from selfchal.interop.portable import PortableTask
from selfchal.strangers.containers import open_engine
from selfchal.strangers.files import TooManyFilesError, holds_links
from selfchal.strangers.harbor_tasks import CONFIG, list_task_folders, read_texts
from selfchal.strangers.toml_text import parse_toml

_LONGEST_ID = 200
_RECORD = "tests/task.json"  # of an exported task: all that its other files are written from


@dataclass(frozen=True)
class HarborTask:
    """One directory. Its texts are read when they are asked for: a set may be larger than memory."""

    folder: Path
    given: GivenTask
    exported: PortableTask | None = None
    fault: str = ""  # why it cannot be read at all
    grade: Grade = Grade.CERTAIN  # of this fault


class Harbor:
    """Reads a task's directory, or a directory with such directories in it."""

    format = "Harbor"

    def read(self, path: Path, request: AuditRequest) -> TaskSet | None:
        """See ``TaskReader``."""
        if not path.is_dir():
            return None
        folders = list(list_task_folders(path))
        if not folders:
            return None
        with opening_trusted(request) as open_trusted:
            tasks = [_read_task(folder, path, open_trusted) for folder in folders]
        tasks += [
            HarborTask(lost.folder, GivenTask(_name(lost.folder, path), "", ""), None, lost.why, lost.grade)
            for lost in find_lost_folders(path, folders)
        ]
        coded = [
            CodedTask(number, task.exported.environment, task.exported.task)
            for number, task in enumerate(tasks)
            if task.exported is not None
        ]
        return TaskSet(self.format, [task.given for task in tasks], partial(_find, tasks, request), coded)


def _read_task(folder: Path, root: Path, open_trusted: OpenTrusted) -> HarborTask:
    name = _name(folder, root)
    try:
        texts = read_texts(folder)
    except (TooManyFilesError, OSError) as error:
        return HarborTask(folder, GivenTask(name, "", ""), fault=f"Its files cannot be listed: {error}.")
    exported = None if holds_links(folder) else _read_exported(texts, open_trusted)
    # of an exported task without the policy and the tools that all share
    instruction = exported.task.instruction if exported else texts.get("instruction.md") or ""
    given = GivenTask(name, instruction, _digest(texts, "tests/"), _digest(texts, "environment/"))
    return HarborTask(folder, given, exported, _find_config_fault(texts.get(CONFIG)))


def _name(folder: Path, root: Path) -> str:
    name = folder.relative_to(root).as_posix() if folder != root else folder.resolve().name
    return name.encode("utf-8", "replace").decode()[:_LONGEST_ID]


def _digest(texts: Mapping[str, str | None], folder: str) -> str:
    """Equal for tasks whose files in this folder are."""
    inside = {name: text for name, text in texts.items() if name.startswith(folder)}
    return hashlib.sha256(json.dumps(inside, sort_keys=True).encode()).hexdigest()


def _find_config_fault(text: str | None) -> str:
    """Why Harbor could not read the configuration; empty where it could."""
    if text is None:
        return f"{CONFIG} is no regular file of 1 MiB at most."
    try:
        parse_toml(text)
    except ValueError as error:
        return f"{CONFIG} is no TOML that can be read: {error}."
    return ""


def _read_exported(texts: Mapping[str, str | None], open_trusted: OpenTrusted) -> PortableTask | None:
    """The task that selfchal has exported, where every file is what it writes."""
    task = read_portable(texts.get(_RECORD) or "")
    if task is None:
        return None
    requirements = [f"selfchal=={find_version(texts.get('environment/Dockerfile'))}"]

    def write(environment: Environment) -> Mapping[str, str]:
        return list_task_files(environment, requirements, task)

    return task if is_untouched(texts, _RECORD, task.environment, open_trusted, write) else None


def _find(tasks: list[HarborTask], request: AuditRequest) -> Iterator[Finding]:
    exported: dict[int, PortableTask] = {}
    strangers: dict[int, HarborTask] = {}
    for number, task in enumerate(tasks):
        if task.fault:
            yield Finding(number, CheckName.READABLE, task.grade, task.fault)
        elif task.exported is not None:
            exported[number] = task.exported
        else:
            yield from find_in_files(number, read_texts(task.folder))
            strangers[number] = task
    yield from find_in_portable(exported, request)
    if request.run and strangers:
        with open_engine(request.network) as engine:
            for number, task in strangers.items():
                yield from find_by_running(number, task.folder, read_texts(task.folder), engine)
        return
    for number in strangers:
        why = "Somebody else's scripts were read and not run (--run runs them in containers)."
        yield from skip_checks(number, PLAYED, why)
