"""``pip install selfchal`` brings no torch, and all that needs none works with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from selfchal.builtin_envs.calculation.environment import Calculation
from selfchal.testing.endpoint import serve_oracle

ROOT = Path(__file__).parents[1]
MEGABYTES = 150
# Imports every module, without what the extras bring, and says which cannot be imported.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
for extra in ("torch", "transformers", "safetensors", "trl", "peft", "vllm", "docker", "pydantic_monty", "mcp",
              "jsonschema", "httpx2"):
    sys.modules[extra] = None
import selfchal
failed = []
for module in pkgutil.walk_packages(selfchal.__path__, "selfchal."):
    if module.name.rpartition(".")[2] in ("__main__", "bare"):
        continue  # programs
    try:
        importlib.import_module(module.name)
    except ImportError:
        failed.append(module.name)
print(json.dumps(failed))
"""
TASK = {
    "instruction": "Decode the Caesar message 'khoor' that was shifted by 3.",
    "evaluate": "def evaluate(answer):\n    return answer == caesar_decode('khoor', 3)",
    "solution": "result = caesar_decode('khoor', 3)",
    "failures": [f"result = caesar_decode('khoor', {shift})" for shift in (1, 2, 4)],
}
MANIFEST = """
environment: {name: calculation}
model: {name: openai, base_url: URL, model: oracle}
challenge: {tasks: 1, proposals: 2}
evaluation: {tasks: 8, samples: 2}
"""


def test_only_the_models_and_trainers_of_this_process_import_what_the_extras_bring() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True)
    failed = json.loads(done.stdout)
    rooms = ("selfchal.builtin_models.", "selfchal.builtin_trainers.")
    plays = "selfchal.testing.conformance.game"  # trains a tiny network, for the kit of trainers
    heavy = [name for name in failed if name.startswith(rooms) or name == plays]
    assert failed == heavy
    endpoints = {"openai_model", "remote", "endpoint", "chat", "plugin"}
    assert not {f"selfchal.builtin_models.{name}" for name in endpoints} & set(heavy)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the built wheel and nothing but what it asks for."""
    directory = tmp_path_factory.mktemp("fresh")
    wheels = directory / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", f"--wheel-dir={wheels}", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0 and "No matching distribution" in built.stderr:
        pytest.skip("no package index can be reached")
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.iterdir()
    subprocess.run([sys.executable, "-m", "venv", str(directory / "venv")], check=True)
    python = directory / "venv" / "bin" / "python"
    subprocess.run([str(python), *pip[1:], "install", str(wheel)], check=True)
    return directory / "venv"


@pytest.fixture(scope="module")
def selfchal(fresh: Path) -> Callable[..., str]:
    """Runs a command line with the fresh installation and gives what it printed."""

    def run(*arguments: object, code: int = 0) -> str:
        command = [str(fresh / "bin" / "selfchal"), *map(str, arguments)]
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=fresh, env=environ)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fresh_installation_is_light(fresh: Path) -> None:
    packages = next((fresh / "lib").glob("python*")) / "site-packages"
    beside = ("pip", "setuptools", "pkg_resources", "_distutils_hack")  # what venv itself puts there
    folders = [path for path in packages.iterdir() if not path.name.startswith(beside)]
    files = [file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("*"))]
    size = sum(file.lstat().st_blocks * 512 for file in files)
    print(
        f"{size / 1e6:.0f} MB: {', '.join(sorted(folder.name for folder in folders if '-' not in folder.name))}"
    )
    assert size < MEGABYTES * 1e6
    assert not (packages / "torch").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_fresh_installation_lists_judges_attacks_measures_and_makes_tasks(
    selfchal: Callable[..., str], tmp_path: Path
) -> None:
    assert "sandbox" in selfchal("--help")
    assert "  calculation  " in selfchal("plugins", "list")

    (tmp_path / "tasks.jsonl").write_text(json.dumps(TASK) + "\n")
    verdict = json.loads(selfchal("tasks", "judge", "calculation", tmp_path / "tasks.jsonl", "--json"))
    assert (verdict["outcome"], verdict["stage"]) == ("passed", "kept")

    assert ", 0 surprises" in selfchal("sandbox", "check", "process")

    (tmp_path / "calls.jsonl").write_text('{"name": "string_length", "args": ["four"]}\n')
    assert json.loads(selfchal("env", "replay", "calculation", tmp_path / "calls.jsonl"))["obs"] == "4"

    with serve_oracle(Calculation(Calculation.Config()), TASK) as url:
        (tmp_path / "manifest.yaml").write_text(MANIFEST.replace("URL", url))
        found = json.loads(selfchal("eval", tmp_path / "manifest.yaml", "--json").splitlines()[0])
        selfchal("run", tmp_path / "manifest.yaml", "--out", tmp_path / "run")
    assert found["pass@1"] == 1.0
    assert TASK["instruction"] in selfchal("tasks", "list", tmp_path / "run")
    assert (tmp_path / "run" / "report.html").exists()
    assert "pass@1 100.0 %" in selfchal("eval", "calculation", "--policy", "oracle")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_fresh_installation_refuses_to_train_and_names_the_extra(selfchal: Callable[..., str]) -> None:
    assert "Now:" in selfchal("init", "quickstart", "quick")  # out of the wheel: it runs in another folder
    for command in ("validate", "run"):
        told = selfchal(command, "quick/quickstart.yaml", code=2)
        assert told.startswith("Error: 'seedling' and 'grpo' need the Python modules torch")
        assert told.endswith("pip install 'selfchal[train]'\n")
