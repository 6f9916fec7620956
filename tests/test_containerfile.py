"""The container file names what is there. Building it needs a registry, which CI does not have."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Containerfile").read_text()


def test_all_that_it_copies_is_there_and_all_that_the_wheel_holds_is_copied() -> None:
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", TEXT, re.MULTILINE) for name in line.split()]
    assert all((ROOT / name).exists() for name in copied)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    held = {name.split("/")[0] for name in (*build["packages"], *build["force-include"])}
    assert {*held, "pyproject.toml", "README.md"} <= set(copied)


def test_the_extras_that_it_installs_and_names_are_those_of_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (default,) = re.findall(r"^ARG EXTRAS=(\S+)$", TEXT, re.MULTILINE)
    named = re.findall(r"EXTRAS=([\w,]+)", (ROOT / "docs" / "install.md").read_text())
    for chosen in (default, *named):
        assert set(chosen.split(",")) <= set(extras)
