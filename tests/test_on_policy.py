"""``selfchal.on_policy``: what a third party's algorithm may rely on, and nothing else does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from selfchal import on_policy
from tests.support.lazy_names import check_name, check_names_alike

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "write_a_trainer.md").read_text()
# What somebody else's package looks like: the examples, and what `selfchal plugins new` writes.
THEIRS = [
    *sorted((ROOT / "examples").rglob("*.py")),
    *sorted((ROOT / "selfchal" / "plugins" / "scaffolds").rglob("*.py.txt")),
]


def test_the_names_are_those_of_the_page() -> None:
    table = PAGE.partition("## The names of `selfchal.on_policy`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, flags=re.M)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(on_policy.__all__)


@pytest.mark.torch
@pytest.mark.parametrize("name", on_policy.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    check_name(on_policy, name)


def test_type_checkers_and_python_see_the_same_names() -> None:
    check_names_alike(on_policy)
    assert sorted(on_policy.__all__) == on_policy.__all__


def test_the_options_come_without_torch() -> None:
    code = "import sys; from selfchal.on_policy import ClippedOptions, OnPolicyOptions; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_name_that_there_is_not_is_no_attribute() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        exec("from selfchal.on_policy import Nothing")


@pytest.mark.parametrize("path", THEIRS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_package_of_somebody_else_imports_a_built_in_room(path: Path) -> None:
    imported = re.findall(r"^\s*(?:from|import) (selfchal\.builtin_\w+)", path.read_text(), flags=re.M)
    assert imported == []
