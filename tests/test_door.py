"""``import selfchal``: every public name is there, has its type, and costs nothing until it is used."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import selfchal
from tests.support.lazy_names import check_name, check_names_alike

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "numpy", "pydantic", "yaml", "rich", "click", "pluggy", "jinja2")


def run_python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_loads_nothing_but_itself() -> None:
    code = "import json, sys; before = set(sys.modules); import selfchal; print(json.dumps(sorted(set(sys.modules) - before)))"
    assert set(json.loads(run_python(code))) <= {"selfchal", "__future__"}


def test_nothing_heavy_is_loaded_by_the_import() -> None:
    code = f"import selfchal, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_no_name_is_that_of_a_module_below_selfchal() -> None:
    # importing selfchal.judging sets the attribute judging of selfchal, and would overwrite a name like that
    children = {module.name for module in pkgutil.iter_modules(selfchal.__path__)}
    assert children >= {"api", "core", "judging", "sandbox"}
    assert not children & set(selfchal.__all__)


IMPORT_EVERYTHING = """
import importlib, pkgutil, selfchal

imported = []
for module in pkgutil.walk_packages(selfchal.__path__, "selfchal."):
    if not module.name.endswith("__main__"):
        try:
            imported.append(importlib.import_module(module.name))
        except (ImportError, selfchal.SelfchalError) as error:  # an extra is not installed
            assert "install" in str(error) or error.name.partition(".")[0] != "selfchal", (module.name, error)
assert len(imported) > 200, len(imported)
for name in selfchal.__all__:
    home = importlib.import_module(selfchal._MODULES[name])
    assert getattr(selfchal, name) is getattr(home, name), name
print("all names are what they were")
"""


@pytest.mark.slow
def test_every_name_is_itself_after_all_modules_were_imported() -> None:
    assert "all names are what they were" in run_python(IMPORT_EVERYTHING)


@pytest.mark.parametrize("name", selfchal.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    check_name(selfchal, name)


def test_type_checkers_and_python_see_the_same_names() -> None:
    check_names_alike(selfchal)


def test_dir_lists_the_names_before_they_are_used() -> None:
    listed = json.loads(run_python("import json, selfchal; print(json.dumps(dir(selfchal)))"))
    assert {*selfchal.__all__, "__version__"} <= set(listed)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'selfchal' has no attribute 'juge'"):
        selfchal.juge  # type: ignore[attr-defined]  # noqa: B018 — the attribute is what is asked for


def test_the_version_is_that_of_the_package() -> None:
    assert selfchal.__version__.count(".") == 2


TYPED = """
import selfchal

reveal_type(selfchal.judge({}, "calculation"))
reveal_type(selfchal.judge([{}], "calculation"))
reveal_type(selfchal.open_run("runs/x").metrics())
reveal_type(selfchal.Task)
selfchal.no_such_name
selfchal.run(3)
"""


@pytest.mark.slow
def test_a_type_checker_sees_real_types_and_refuses_unknown_names(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines() if "program.py" in line]
    revealed = [line.split('"')[1] for line in lines if line.startswith("note: Revealed")]
    assert [text.replace("builtins.", "") for text in revealed[:3]] == [
        "selfchal.core.judge.Verdict",
        "list[selfchal.core.judge.Verdict]",
        "list[dict[str, Any]]",
    ]
    assert "selfchal.core.task.Task" in revealed[3]
    errors = [line for line in lines if line.startswith("error")]
    assert len(errors) == 2
    assert 'no attribute "no_such_name"' in errors[0]
    assert 'Argument 1 to "run"' in errors[1]
