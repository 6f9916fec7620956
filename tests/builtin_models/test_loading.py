"""What is refused when a model is loaded: weights that are not finite, and code that comes with a model."""

from __future__ import annotations

import ast
import json
import logging
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from selfchal.builtin_models.config import TransformersConfig, VllmConfig
from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.errors import ModelError
from selfchal.core.model import Message
from tests.builtin_models.tiny import CHATML, tokenizer, write_model

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[2]
LLAMA_DATE = "{%- if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"


def copy_of(tiny_path: Any, directory: Path) -> Path:
    return shutil.copytree(tiny_path("llama"), directory / "model")


def load(path: Path | str, **options: Any) -> TransformersModel:
    return TransformersModel(TransformersConfig(path=str(path), **options))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_an_error_that_names_the_tensor(
    value: float, tiny_path: Any, tmp_path: Path
) -> None:
    path = copy_of(tiny_path, tmp_path)
    weights = load_file(path / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 4] = value
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=r"1 of \d+ values of model\.layers\.1\.mlp\.up_proj\.weight are NaN"
    ):
        load(path)
    model = load(tiny_path("llama"))
    with pytest.raises(ModelError, match=r"model\.layers\.1\.mlp\.up_proj\.weight"):
        model.load(path)


def test_large_weights_are_no_fault(tiny_path: Any, tmp_path: Path) -> None:
    """Their sum overflows, they themselves do not."""
    path = copy_of(tiny_path, tmp_path)
    weights = load_file(path / "model.safetensors")
    weights["model.norm.weight"][:] = torch.finfo(torch.float32).max / 2
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    load(path)


def test_a_tokenizer_larger_than_the_embedding_is_an_error_with_both_sizes(
    tiny_path: Any, tmp_path: Path
) -> None:
    path = copy_of(tiny_path, tmp_path)
    rows = load_file(path / "model.safetensors")["model.embed_tokens.weight"].shape[0]
    tokens = tokenizer(CHATML)
    tokens.add_tokens([f"<extra{n}>" for n in range(40)])
    tokens.save_pretrained(path)
    with pytest.raises(
        ModelError, match=f"has {rows + 40} ids, and the network has embeddings for {rows} alone"
    ):
        load(path)


def test_a_home_directory_may_be_written_as_a_tilde(tiny_path: Any, tmp_path: Path, monkeypatch: Any) -> None:
    copy_of(tiny_path, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("~/model").context_length == 512
    by_ids = OpenAIModel(OpenAIConfig(base_url="http://127.0.0.1:1/v1", model="m", tokenizer="~/model"))
    assert by_ids.render_prompt([Message("user", "x")])
    by_ids.close()


# --- no remote code ---

CODELESS = {"GenerationConfig"}  # reads JSON, and takes no such argument


def calls_of_from_pretrained() -> Iterator[tuple[str, ast.Call]]:
    for folder in ("selfchal", "scripts", "benchmarks", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = ast.unparse(node.func.value)
                    if node.func.attr in ("from_pretrained", "from_config") and owner not in CODELESS:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_call_that_could_run_code_of_a_model_says_that_it_must_not() -> None:
    calls = dict(calls_of_from_pretrained())
    assert len(calls) >= 5, "they are still found"
    trusting = [
        where
        for where, call in calls.items()
        if "trust_remote_code=False"
        not in [f"{word.arg}={ast.unparse(word.value)}" for word in call.keywords]
    ]
    assert trusting == []


REMOTE_CODE = "from pathlib import Path\nPath(__file__).parent.joinpath('ran').touch()\nraise SystemExit(9)\n"
LOADER = """
import sys
from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.errors import ModelError
try:
    TransformersModel(TransformersConfig(path=sys.argv[1]))
except ModelError as error:
    print("REFUSED", error)
"""


def write_model_with_code(directory: Path, tiny_path: Any) -> Path:
    """A repository whose configuration, tokenizer and network each come with code."""
    path = copy_of(tiny_path, directory)
    for name in ("configuration_own", "modeling_own", "tokenization_own"):
        (path / f"{name}.py").write_text(REMOTE_CODE)
    config = json.loads((path / "config.json").read_text())
    config |= {"model_type": "own", "architectures": ["OwnForCausalLM"]}
    config["auto_map"] = {
        "AutoConfig": "configuration_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnForCausalLM",
        "AutoTokenizer": ["tokenization_own.OwnTokenizer", None],
    }
    (path / "config.json").write_text(json.dumps(config))
    tokens = json.loads((path / "tokenizer_config.json").read_text())
    tokens |= {
        "tokenizer_class": "OwnTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]},
    }
    (path / "tokenizer_config.json").write_text(json.dumps(tokens))
    return path


@pytest.mark.slow
def test_code_that_comes_with_a_model_is_refused_without_a_question_even_at_a_terminal(
    tiny_path: Any, tmp_path: Path
) -> None:
    path = write_model_with_code(tmp_path, tiny_path)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", LOADER, str(path)]
    program = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "HF_HOME": str(tmp_path)}
    )
    os.close(theirs)
    os.write(ours, b"y\ny\ny\n")  # what a person in a hurry says
    said = _read_until_end(ours, program)
    assert "REFUSED" in said
    assert "never runs such code" in said.replace("\r\n", " ")
    assert "Do you wish to run" not in said
    assert not list(tmp_path.rglob("ran"))


def _read_until_end(terminal: int, program: subprocess.Popen[bytes]) -> str:
    said, until = b"", time.monotonic() + 120
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 0.5)
        try:
            said += os.read(terminal, 65536) if ready else b""
        except OSError:  # the other end is closed
            break
        if not ready and program.poll() is not None:
            break
    program.wait(timeout=10)
    return said.decode("utf-8", "replace")


@pytest.mark.parametrize("name", ["trust_remote_code", "trust-remote-code"])
def test_vllm_cannot_be_told_to_run_it(name: str) -> None:
    with pytest.raises(ValidationError, match="never run"):
        VllmConfig(path="m", engine={name: True})


# --- dated templates ---


def dated_model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "dated", "llama", template=f"{LLAMA_DATE}{{{{ date_string }}}}\n{CHATML}")


def text_of(model: TransformersModel) -> str:
    ids = model.render_prompt([Message("user", "x")])
    return model._loaded.renderer.decode(ids)


def test_a_template_that_writes_the_date_is_named_when_it_is_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = load(dated_model(tmp_path))
    assert "template_date" in caplog.text
    assert text_of(model).startswith(date.today().strftime("%d %b %Y"))


def test_its_date_can_be_fixed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = dated_model(tmp_path)
    with caplog.at_level(logging.WARNING):
        local = load(path, template_date="2026-11-28")
        options = {"tokenizer": str(path), "template_date": "2026-11-28"}
        by_ids = OpenAIModel(OpenAIConfig(base_url="http://127.0.0.1:1/v1", model="m", **options))
    assert text_of(local).startswith("28 Nov 2026\n")
    assert by_ids.render_prompt([Message("user", "x")]) == local.render_prompt([Message("user", "x")])
    by_ids.close()
    assert caplog.text == ""


def test_a_checkpoint_keeps_the_template_as_it_was(tmp_path: Path) -> None:
    path = dated_model(tmp_path)
    load(path, template_date="2026-11-28").save(tmp_path / "saved")
    assert "strftime_now('%d %b %Y')" in (tmp_path / "saved" / "chat_template.jinja").read_text()


def test_a_date_that_cannot_be_fixed_is_an_error(tmp_path: Path) -> None:
    template = "{% set form = '%Y' %}{{ strftime_now(form) }}\n" + CHATML
    path = write_model(tmp_path / "dated", "llama", template=template)
    with pytest.raises(ModelError, match="template_date"):
        load(path, template_date="2026-11-28")


def test_other_templates_are_loaded_without_a_word(tiny_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    load(tiny_path("llama"))
    assert "template_date" not in caplog.text
