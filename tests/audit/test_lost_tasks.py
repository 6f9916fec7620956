"""No task vanishes from a set without a word, and no set takes more memory than the bound says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from selfchal.audit.auditing import Audit, audit
from selfchal.audit.findings import CheckName, Grade
from selfchal.audit.report import to_json
from selfchal.audit.task_sets import AuditError
from tests.audit.harbor_tasks import SOUND, write_task
from tests.audit.test_verifiers import ROWS
from tests.audit.test_verifiers import SOUND as PACKAGE
from tests.support.peak_memory import tracing_memory


def _list_readable(found: Audit) -> dict[str, Grade]:
    return {
        task.task.id: finding.grade
        for task in found.tasks
        for finding in task.findings
        if finding.check is CheckName.READABLE
    }


def _without_config(folder: Path) -> None:
    (write_task(folder, SOUND) / "task.toml").unlink()


def _with_instruction_alone(folder: Path) -> None:
    write_task(folder, {"instruction.md": "Go."})


def _with_dangling_link(folder: Path) -> None:
    _without_config(folder)
    (folder / "task.toml").symlink_to(folder / "away.toml")


def _with_pipe(folder: Path) -> None:
    _without_config(folder)
    os.mkfifo(folder / "task.toml")


def _with_folder(folder: Path) -> None:
    _without_config(folder)
    (folder / "task.toml").mkdir()


def _link_to_a_task(folder: Path) -> None:
    folder.symlink_to(write_task(folder.parent.parent / "elsewhere", SOUND))


@pytest.mark.parametrize(
    ("make", "grade"),
    [
        (_without_config, Grade.CERTAIN),
        (_with_instruction_alone, Grade.DOUBTFUL),
        (_with_dangling_link, Grade.CERTAIN),
        (_with_pipe, Grade.CERTAIN),
        (_with_folder, Grade.CERTAIN),
        (_link_to_a_task, Grade.DOUBTFUL),
    ],
)
@pytest.mark.parametrize("below", ["", "group"])
def test_a_folder_that_looks_like_a_task_is_named(
    tmp_path: Path, make: Callable[[Path], None], grade: Grade, below: str
) -> None:
    write_task(tmp_path / "set" / below / "good", SOUND)
    make(tmp_path / "set" / below / "odd")
    assert _list_readable(audit(tmp_path / "set")) == {str(Path(below) / "odd"): grade}


def test_a_task_that_lies_too_deep_is_named(tmp_path: Path) -> None:
    write_task(tmp_path / "good", SOUND)
    write_task(tmp_path / "a" / "b" / "c", {**SOUND, "instruction.md": "Count.\n"})
    write_task(tmp_path / "a" / "b" / "c2" / "d", SOUND)
    found = audit(tmp_path)
    assert _list_readable(found) == {"a/b/c2/d": Grade.CERTAIN}
    assert found.exit_code == 2


def test_a_package_beside_tasks_is_named_once(tmp_path: Path) -> None:
    write_task(tmp_path / "good", SOUND)
    write_task(tmp_path / "sums-project", PACKAGE)
    assert _list_readable(audit(tmp_path)) == {"sums-project": Grade.DOUBTFUL}


def test_other_folders_of_a_set_are_not_named(tmp_path: Path) -> None:
    write_task(tmp_path / "tasks" / "good", SOUND)
    write_task(tmp_path, {"docs/index.md": "x", "tools/run.py": "import os\n", "README.md": "instruction"})
    write_task(tmp_path / "tests", {"test_all.py": "import pytest\n", "tests/test_more.py": "x = 1\n"})
    assert _list_readable(audit(tmp_path)) == {}


@pytest.mark.parametrize(
    "imported",
    [
        "import os, verifiers.v1 as vf",
        "import verifiers",
        "from verifiers import v1 as vf",
        "import os; import verifiers.v1 as vf",
        "import importlib\nvf = importlib.import_module('verifiers.v1')",
        "try:\n    import verifiers.v1 as vf\nexcept ImportError:\n    vf = None",
    ],
)
def test_a_package_is_known_by_any_way_of_importing(tmp_path: Path, imported: str) -> None:
    code = PACKAGE["sums/taskset.py"].replace("import verifiers.v1 as vf", imported)
    found = audit(write_task(tmp_path / "sums", {**PACKAGE, "sums/taskset.py": code}))
    assert [task.task.id for task in found.tasks] == ["a", "b"]


@pytest.mark.parametrize(
    "code", ["import os, my_verifiers\n", "from app.verifiers import v1\n", "import verifiersx\n"]
)
def test_other_modules_of_a_like_name_make_no_package(tmp_path: Path, code: str) -> None:
    with pytest.raises(AuditError, match="of no format"):
        audit(write_task(tmp_path / "app", {"app.py": code}))


def test_a_broken_line_is_a_finding_and_costs_no_other_row(tmp_path: Path) -> None:
    rows = PACKAGE[ROWS].replace("\n", '\n{"id": broken\n{"note": "no prompt"}\n', 1)
    found = audit(write_task(tmp_path / "sums", {**PACKAGE, ROWS: rows}))
    assert [task.task.id for task in found.tasks] == ["a", f"{ROWS}:2", f"{ROWS}:3", "b"]
    assert _list_readable(found) == {f"{ROWS}:2": Grade.CERTAIN, f"{ROWS}:3": Grade.DOUBTFUL}


def test_odd_separators_within_a_row_break_no_line(tmp_path: Path) -> None:
    rows = PACKAGE[ROWS].replace("20 + 22", "20\u2028+\x8522")
    assert _list_readable(audit(write_task(tmp_path / "sums", {**PACKAGE, ROWS: "\ufeff" + rows}))) == {}


def test_data_that_is_no_json_at_all_is_named(tmp_path: Path) -> None:
    found = audit(write_task(tmp_path / "sums", {**PACKAGE, ROWS: "a, b\n"}))
    assert _list_readable(found) == {"sums": Grade.DOUBTFUL}


def test_equal_ids_are_a_finding_and_positions_tell_them_apart(tmp_path: Path) -> None:
    rows = PACKAGE[ROWS].replace('"b"', '"a"')
    found = audit(write_task(tmp_path / "sums", {**PACKAGE, ROWS: rows}))
    assert [
        (one.check, one.grade) for one in found.tasks[1].findings if one.check is CheckName.DUPLICATE
    ] == [(CheckName.DUPLICATE, Grade.DOUBTFUL)]
    assert [task["position"] for task in to_json(found)["tasks"]] == [1, 2]


def test_many_large_files_of_a_package_are_not_held_together(tmp_path: Path) -> None:
    path = write_task(tmp_path / "sums", PACKAGE)
    for number in range(300):
        with (path / f"hole{number}.json").open("wb") as file:
            file.truncate(2**20)
    with (path / "all.jsonl").open("wb") as file:
        file.truncate(2**38)
    with tracing_memory() as read_most:
        found = audit(path)
        most = read_most()
    assert most < 200 * 2**20
    assert set(_list_readable(found).values()) == {Grade.DOUBTFUL}


def test_a_file_of_rows_with_a_hole_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"instruction": "x", "evaluate": "y"}))
    with path.open("r+b") as file:
        file.truncate(2**38)
    with tracing_memory() as read_most:
        with pytest.raises(Exception, match="more than"):
            audit(path)
        assert read_most() < 2**20
