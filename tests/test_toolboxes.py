"""``selfchal.worlds``, ``decoding`` and ``memory``: what environments and models of a third party are made of."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import selfchal
from selfchal import decoding, memory, worlds
from selfchal.plugins import load_plugins
from selfchal.plugins.plugin_files import FILES_VARIABLE, use_plugin_files
from selfchal.testing.checking import Result, list_cases, run_cases
from selfchal.testing.conformance import CaseLevel
from selfchal.testing.conformance.public_names import MODULES, find_private_imports
from tests.support.lazy_names import check_name, check_names_alike

ROOT = Path(__file__).parents[1]
PAGES = {worlds: "environment", decoding: "model"}  # docs/plugins/*.md, where a table names each
LAZY = list(PAGES)


def list_documented(module: ModuleType) -> list[str]:
    """The names in the table of the section that speaks of the module."""
    text = (ROOT / "docs" / "plugins" / f"{PAGES[module]}.md").read_text()
    section = text.partition(f"\n`{module.__name__}` has ")[2].partition("<!-- begin examples/")[0]
    return re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, flags=re.M)))


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_the_names_are_those_of_the_page_and_alike_for_type_checkers(module: ModuleType) -> None:
    assert sorted(list_documented(module)) == sorted(module.__all__)
    check_names_alike(module)


@pytest.mark.torch
@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_every_name_is_there_and_documented(module: ModuleType) -> None:
    for name in module.__all__:
        check_name(module, name)
    for name in memory.__all__:
        assert (getattr(memory, name).__doc__ or "").strip()


def test_importing_them_loads_no_torch_and_an_unknown_name_is_none() -> None:
    listed = ", ".join(MODULES)
    code = f"import sys, {listed}; print(sorted({{'torch', 'transformers', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match=r"module 'selfchal\.worlds' has no attribute 'Tabel'"):
        worlds.Tabel  # noqa: B018 — the attribute is what is asked for


def test_what_is_public_is_on_the_page_of_public_names() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            assert f"### `{module}.{name}`" in page


@pytest.fixture
def use_example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``use_example("own_loop", "trainer", "imitation")`` is the class that a file of examples/ registers."""
    monkeypatch.setenv(FILES_VARIABLE, "")

    def use(file: str, kind: str, name: str) -> type[Any]:
        use_plugin_files([ROOT / "examples" / f"{file}.py"])
        return load_plugins().find(kind, name)

    return use


def list_broken(kind: str, cls: type[Any], options: dict[str, Any]) -> list[str]:
    reports = run_cases(list_cases(kind, cls, options, CaseLevel.SEMANTIC), 120)
    assert len(reports) > 10
    return [f"{one.rule}: {one.seen}" for one in reports if one.result is not Result.KEPT]


@pytest.mark.slow
def test_the_environment_over_tables_keeps_the_rules_of_its_kind(use_example: Any) -> None:
    cls = use_example("bike_rental", "environment", "bike_rental")
    assert list_broken("environment", cls, {"bikes": 30}) == []


def test_its_worlds_hold_only_what_they_changed(use_example: Any) -> None:
    environment = use_example("bike_rental", "environment", "bike_rental")
    with selfchal.using_environment(environment) as opened:
        one, other = opened.open({}), opened.open({})
        (bike, *_) = one.call("find_bikes", ("city",), {}).value
        assert one.call("rent", (bike, "Bela"), {"days": 1}).ok
        assert list(one.overlay.tables["bikes"].changed) == [bike]
        assert not other.overlay.changed
        assert [change.path for change in one.difference()] == [
            ("bikes", bike, "rented_by"),
            ("customers", "Bela", "balance"),
        ]
        refused = one.call("rent", (bike, "Bela"), {"days": 1})
        assert (refused.ok, refused.value) == (False, f"Error: there is no bike {bike} to rent")
        one.reset()
        assert one.digest() == other.digest()


def test_a_tool_of_tables_takes_plain_json_alone() -> None:
    def book(tables: worlds.Overlay, day: date) -> str:
        """Book a day."""
        return "ok"

    with pytest.raises(
        selfchal.EnvironmentDataError, match="the tool book: day must be of a plain JSON type"
    ):
        worlds.checked_toolset(reads=[], writes=[book])


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An untrained network and its tokenizer, as somebody would have them on disk."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    from tests.builtin_models.tiny import SIZES, tokenizer

    words = tokenizer()
    sizes = {**SIZES, "num_key_value_heads": 2, "num_hidden_layers": 1, "max_position_embeddings": 512}
    ids = {"vocab_size": len(words), "pad_token_id": 0, "eos_token_id": 2, "bos_token_id": None}
    AutoModelForCausalLM.from_config(LlamaConfig(**ids, **sizes)).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.torch
def test_the_model_of_own_weights_keeps_the_rules_of_its_kind(use_example: Any, weights: Path) -> None:
    cls = use_example("own_weights", "model", "own_weights")
    assert list_broken("model", cls, {"path": str(weights), "context": 512}) == []


@pytest.mark.torch
def test_its_turns_join_while_others_go_on_and_its_memory_is_known(use_example: Any, weights: Path) -> None:
    cls = use_example("own_weights", "model", "own_weights")
    options = cls.Config(path=weights, context=512)
    model = cls(options)
    stream = model.stream(selfchal.Sampling(temperature=1.0, max_tokens=24, seed=3))
    stream.join(0, model.render_prompt([selfchal.Message("user", "one")]))
    stream.advance()  # the first has begun when the second joins
    stream.join(1, model.render_prompt([selfchal.Message("user", "two")]))
    ended = dict(turn for _ in range(12) for turn in stream.advance())
    assert sorted(ended) == [0, 1]
    plan = cls.plan_memory(options)
    assert isinstance(plan, memory.ModelPlan)
    assert plan.shape.parameters == sum(weight.numel() for weight in model.network.parameters())
    assert cls.find_obstacle(cls.Config(path=weights / "gone")).startswith(
        f"{weights / 'gone'} has no config"
    )


@pytest.mark.slow
@pytest.mark.torch
def test_the_trainer_with_a_loop_of_its_own_keeps_the_rules_of_its_kind(use_example: Any) -> None:
    assert list_broken("trainer", use_example("own_loop", "trainer", "imitation"), {}) == []


@pytest.mark.parametrize(
    "path", [one for one in sorted((ROOT / "examples").rglob("*.py")) if "tests" not in one.parts], ids=str
)
def test_the_plugins_of_the_examples_use_public_names_alone(path: Path) -> None:
    assert list(find_private_imports(path)) == []
