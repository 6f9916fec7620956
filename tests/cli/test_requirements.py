"""What is not installed is said before anything runs: by every command, and by doctor and plugins list."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Selfchal = Callable[..., Any]
MANIFEST = """
environment: {name: calculation}
model: {name: seedling}
trainer: {name: trl_dpo}
sandbox: {name: monty}
checks: [{name: strength, enabled: false}]
"""
SENTENCE = (
    "Error: 'seedling', 'monty' and 'trl_dpo' need the Python modules torch, transformers, safetensors, "
    "pydantic_monty and trl, which are not installed: "
    "pip install 'selfchal[train]' 'selfchal[monty]' 'selfchal[trl]'\n"
)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``pip install selfchal`` with no extra."""
    for module in ("torch", "transformers", "safetensors", "trl", "peft", "docker", "pydantic_monty"):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.yaml"
    path.write_text(MANIFEST)
    return path


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("command", [["validate"], ["run"], ["run", "--dry-run"]], ids=" ".join)
def test_a_manifest_that_cannot_run_here_is_refused(
    selfchal: Selfchal, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = selfchal(*command, manifest)
    assert (ended.code, ended.err) == (2, SENTENCE)
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("bare")
def test_to_measure_needs_the_model_and_no_trainer(selfchal: Selfchal, manifest: Path) -> None:
    ended = selfchal("eval", manifest, "--set", "sandbox.name=process")
    assert ended.code == 2
    assert "'seedling' needs" in ended.err
    assert "trl" not in ended.err
    assert "pass@1 0.0 %" in selfchal("eval", "calculation", "--policy", "nothing").out


@pytest.mark.usefixtures("bare")
def test_a_plugin_that_a_command_names_is_refused_in_the_same_words(
    selfchal: Selfchal, tmp_path: Path
) -> None:
    (tmp_path / "one.py").write_text("result = 1")
    ended = selfchal("sandbox", "exec", "docker", tmp_path / "one.py")
    assert ended.code == 2
    assert "'docker' needs the Python module docker" in ended.err
    assert "'selfchal[docker]'" in ended.err


@pytest.mark.usefixtures("bare")
def test_plugins_list_says_which_cannot_be_used_yet(selfchal: Selfchal) -> None:
    lines = selfchal("plugins", "list").out.splitlines()
    (dpo,) = [line for line in lines if line.startswith("  trl_dpo ")]
    assert dpo.endswith("; needs pip install 'selfchal[train]' 'selfchal[trl]')")
    (process,) = [line for line in lines if line.startswith("  process ")]
    assert "needs" not in process
    missing = {
        (row["kind"], row["name"]): row["missing"]
        for row in selfchal("plugins", "list", "--json").json["plugins"]
    }
    assert missing["trainer", "trl_dpo"] == ["torch", "trl"]
    assert missing["model", "openai"] == []  # torch is only for its option tokenizer


@pytest.mark.usefixtures("bare")
def test_doctor_says_who_needs_what_is_missing(selfchal: Selfchal) -> None:
    out = selfchal("doctor").out
    assert "torch      not installed: models behind endpoints can be used, and nothing can be trained" in out
    assert (
        "extra      selfchal[trl]: not installed, needed by trl_dpo, trl_grpo, trl_kto "
        "(pip install 'selfchal[trl]')" in out
    )
