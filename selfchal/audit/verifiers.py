"""verifiers: a package with a Taskset. It is read and neither imported nor run.

A package that selfchal has exported is played by the replay that rewards its tasks, where every file of it is
still what selfchal writes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfchal.audit.call_trials import PLAYED
from selfchal.audit.exported import find_version, is_untouched
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.portable_trials import find_in_portable, read_portable
from selfchal.audit.python_tests import grade_unparsed
from selfchal.audit.reward_functions import collect_rewards, find_in_rewards, passes_empty_answer
from selfchal.audit.task_sets import AuditRequest, CodedTask, GivenTask, TaskSet
from selfchal.audit.taskset_rows import TasksetRow, list_broken, list_rows
from selfchal.audit.taskset_sources import READ, imports_verifiers, read_package_files
from selfchal.audit.trusted_environments import opening_trusted
from selfchal.core.environment import Environment
from selfchal.core.task import Task
from selfchal.interop.exporting import Export
from selfchal.interop.portable import PortableTask
from selfchal.interop.verifiers import list_package_files
from selfchal.judging.source.parse import SourceError, copy_tree
from selfchal.strangers.files import holds_links

_NAMED = 5  # files that a reason names
_MOST_FILES = 200  # Python files that are parsed
_SHORTEST_ANSWER = 3  # characters of an answer that is looked for in the prompt
_LONGEST_ANSWER = 1_000


@dataclass(frozen=True)
class Package:
    """What was read: texts by path, and trees of the Python files that import verifiers."""

    name: str
    texts: Mapping[str, str]
    trees: Mapping[str, ast.Module]
    unparsed: Mapping[str, str]
    unread: Sequence[str]

    @property
    def tasksets(self) -> set[str]:
        """The names of the classes that are Tasksets."""
        nodes = (node for tree in self.trees.values() for node in ast.walk(tree))
        return {
            node.name
            for node in nodes
            if isinstance(node, ast.ClassDef)
            and any(re.search(r"\bTaskset\b", ast.unparse(base)[:200]) for base in node.bases)
        }


class Verifiers:
    """Reads a package's directory, or a project with one."""

    format = "verifiers"

    def read(self, path: Path, request: AuditRequest) -> TaskSet | None:
        """See ``TaskReader``."""
        if not path.is_dir():
            return None
        package = _read_package(path)
        if package is None:
            return None
        exported = [] if holds_links(path) else _read_exported(package, request)
        if exported:
            tasks = [_describe(task.task) for task in exported]
            coded = [CodedTask(i, task.environment, task.task) for i, task in enumerate(exported)]
            find = partial(find_in_portable, dict(enumerate(exported)), request)
            return TaskSet(self.format, tasks, find, coded)
        rows = list_rows(package.texts, list(package.trees.values()))
        tasks = [GivenTask(row.id, row.prompt, row.answer or "") for row in rows]
        tasks = tasks or [GivenTask(package.name, "", "")]
        return TaskSet(self.format, tasks, partial(_find, package, rows))


def _describe(task: Task) -> GivenTask:
    context = json.dumps(task.context, sort_keys=True)
    return GivenTask(task.id, task.instruction, task.evaluate, context)


def _read_package(path: Path) -> Package | None:
    """None where nothing imports verifiers."""
    files = read_package_files(path)
    texts = files.texts
    sources = [name for name, text in texts.items() if name.endswith(".py") and imports_verifiers(text)]
    if not sources:
        return None
    trees, unparsed = {}, {}
    # the file that exports the Taskset need not import verifiers
    exporting = [name for name in texts if name.endswith("__init__.py")]
    for name in dict.fromkeys([*sources, *exporting][:_MOST_FILES]):
        try:
            trees[name] = copy_tree(texts[name], name)
        except SourceError as error:
            unparsed[name] = str(error)
    return Package(path.resolve().name, texts, trees, unparsed, files.unread)


def _read_exported(package: Package, request: AuditRequest) -> list[PortableTask]:
    """The tasks that selfchal has exported; none where a file is not what it writes."""
    data = [name for name in package.texts if name.endswith("/tasks.jsonl")]
    if len(data) != 1 or package.unread:
        return []
    tasks = [read_portable(line) for line in package.texts[data[0]].split("\n") if line.strip()]
    whole = [task for task in tasks if task is not None]
    if not whole or len(whole) < len(tasks):
        return []
    module, version = data[0].removesuffix("/tasks.jsonl"), find_version(package.texts.get("pyproject.toml"))

    def write(environment: Environment) -> Mapping[str, str]:
        run = module.removeprefix(f"{environment.name}_")
        export = Export(run, environment, [f"selfchal=={version}"], whole)
        files = list_package_files(export, version)
        return {name: text for name, text in files.items() if name.endswith(READ)}

    with opening_trusted(request) as open_trusted:
        ours = is_untouched(package.texts, data[0], whole[0].environment, open_trusted, write)
    return whole if ours else []


def _find(package: Package, rows: Sequence[TasksetRow]) -> Iterator[Finding]:
    rewards = collect_rewards(list(package.trees.values()))
    lenient = any(map(passes_empty_answer, rewards.functions))
    of_all = [*_find_in_package(package), *([] if package.unparsed else find_in_rewards(rewards))]
    of_all += _find_unread(package, bool(rows))
    for number in range(len(rows) or 1):
        for check, grade, reason in of_all:
            yield Finding(number, check, grade, reason)
        yield from skip_checks(number, PLAYED, "Somebody else's code was read and not run.")
    for number, row in enumerate(rows):
        yield from _find_in_row(number, row, lenient)
    if not rows:
        unseen = (CheckName.HIDDEN_DEMAND, CheckName.DUPLICATE, CheckName.TEST_SET)
        yield from skip_checks(0, unseen, "The tasks stand in no file: they are made when the code runs.")


def _find_in_package(package: Package) -> Iterator[tuple[CheckName, Grade, str]]:
    for name, why in package.unparsed.items():
        yield CheckName.VACUOUS, grade_unparsed(package.texts[name]), f"It cannot be parsed here: {why}"
    exported = {
        element.value
        for tree in package.trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets)
        for element in (node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else ())
        if isinstance(element, ast.Constant) and isinstance(element.value, str)
    }
    tasksets = package.tasksets
    if tasksets and len(tasksets & exported) != 1 and not package.unparsed:
        reason = f"__all__ names {len(tasksets & exported)} Tasksets, and verifiers loads exactly one."
        yield CheckName.READABLE, Grade.DOUBTFUL, reason
    functions = [
        node
        for tree in package.trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "validate"
    ]
    if not functions and not package.unparsed:
        yield CheckName.ORACLE, Grade.DOUBTFUL, "No task has validate: nobody shows that it can be solved."
    for function in functions:
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        asks = any(
            isinstance(inner, ast.Name | ast.Call)
            for value in returned
            if value is not None
            for inner in ast.walk(value)
        )
        if returned and not asks and len({ast.dump(value) for value in returned if value}) == 1:
            yield CheckName.ORACLE, Grade.DOUBTFUL, "validate says the same whatever the task is."


def _find_unread(package: Package, has_rows: bool) -> Iterator[tuple[CheckName, Grade, str]]:
    """Files in which tasks, or the code that judges them, may stand unseen."""
    kinds = [("are larger than what is read, or no regular files", package.unread)]
    if not has_rows:
        kinds.append(("are no JSON, and may be the tasks", list_broken(package.texts)))
    for what, names in kinds:
        if names:
            shown = ", ".join(name[:80] for name in names[:_NAMED])
            reason = f"{len(names)} files {what}: {shown}."
            yield CheckName.READABLE, Grade.DOUBTFUL, reason


def _find_in_row(number: int, row: TasksetRow, lenient: bool) -> Iterator[Finding]:
    if row.fault:
        grade = Grade.CERTAIN if row.broken else Grade.DOUBTFUL
        yield Finding(number, CheckName.READABLE, grade, row.fault)
        return
    if not row.prompt.strip():
        yield Finding(number, CheckName.HIDDEN_DEMAND, Grade.CERTAIN, "The prompt is empty.")
    if row.answer is None:
        return
    if not row.answer.strip():
        grade = Grade.CERTAIN if lenient else Grade.DOUBTFUL
        reason = (
            "The answer is empty, and an empty text stands in every other."
            if lenient
            else "The answer is empty."
        )
        yield Finding(number, CheckName.ANSWERS, grade, reason)
    elif _stands_within(row.answer.strip(), row.prompt):
        yield Finding(number, CheckName.LEAK, Grade.DOUBTFUL, "The answer stands in the prompt.")


def _stands_within(answer: str, prompt: str) -> bool:
    """Does an answer that is neither very short nor very long stand in the prompt as words of its own?"""
    if not _SHORTEST_ANSWER <= len(answer) <= _LONGEST_ANSWER or answer not in prompt:
        return False
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", prompt) is not None
