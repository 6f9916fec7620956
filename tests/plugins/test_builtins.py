"""The built-in plugins are what pyproject.toml says, and load without anything heavy."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import BaseModel

from selfchal.core import hookspecs
from selfchal.pipeline.requirements import requirements_of
from selfchal.plugins import load_plugins
from selfchal.plugins.kinds import KINDS, fault, members


def test_every_register_hook_has_a_kind_that_demands_something() -> None:
    class Bare:
        name = "bare"
        Config = BaseModel

    registering = {name for name in vars(hookspecs) if name.startswith("register_")}
    assert {kind.hook for kind in KINDS} == registering
    for kind in KINDS:
        assert {"name", "Config"} <= set(members(kind.protocol))
        assert fault(kind, Bare), kind.name


def test_the_extras_that_the_builtins_ask_for_are_those_of_pyproject() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = {f"selfchal[{extra}]" for extra in project["optional-dependencies"]}
    asked = {one.install for item in load_plugins().all() for one in requirements_of(item.cls)}
    assert {install for install in asked if install.startswith("selfchal")} <= extras
    assert "selfchal[train]" in asked


def test_the_installed_entry_points_are_those_of_pyproject() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "entry-points"
    ]["selfchal"]
    installed = {
        entry.name: entry.value
        for entry in entry_points(group="selfchal")
        if entry.dist is not None and entry.dist.name == "selfchal"
    }
    assert installed == declared, "run `pip install -e .` again"


def test_every_builtin_loads_in_a_fresh_process_without_anything_heavy() -> None:
    code = (
        "import json, sys; from selfchal.plugins import load_plugins; plugins = load_plugins();"
        "heavy = {'torch', 'transformers', 'docker', 'vllm', 'trl', 'peft', 'openai'} & set(sys.modules);"
        "print(json.dumps([sorted(heavy), [str(failure) for failure in plugins.failures]]))"
    )
    heavy, failures = json.loads(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    )
    assert heavy == []
    assert failures == []
