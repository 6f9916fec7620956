"""The funnel of a challenger by variant: counted right, made through a real endpoint, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import selfchal
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.testing.endpoint import serve_oracle
from tests.benchmarks.loading import load_benchmark

TASK = {
    "instruction": "A lamp costs 40 euros. Convert the price with the rate 1.5, then work out the tariff on the "
    "converted price at 10 percent. What is the tariff? Answer with a number.",
    "evaluate": "def evaluate(answer):\n    return abs(answer - 6.0) < 0.01",
    "solution": "result = calculate_tariff(convert_currency(40, 1.5), 10)",
    "failures": [
        "result = calculate_tariff(40, 10)",
        "result = convert_currency(40, 1.5)",
        "result = convert_currency(40, 1.5) + calculate_tariff(convert_currency(40, 1.5), 10)",
    ],
}


@pytest.fixture(scope="module")
def benchmark() -> Any:
    return load_benchmark("challenger")


def proposal(index: int, verdict: Verdict, revisions: int = 0) -> Proposal:
    return Proposal(index, 1, verdict, revisions=revisions)


def kept(*tools: str) -> Verdict:
    uses = [use for tool in tools for use in (tool, f"{tool}.x")]
    return Verdict(Outcome.PASSED, Stage.NEW, diagnostics={"uses": uses})


def fallen(stage: Stage, reason: str, check: str = "") -> Verdict:
    return Verdict(Outcome.FAILED, stage, reason, check=check)


def test_a_funnel_counts_what_is_kept_and_why_the_others_fell(benchmark: Any) -> None:
    made = [
        proposal(0, kept("add", "double"), revisions=1),
        proposal(1, kept("add")),
        proposal(2, fallen(Stage.RAN, "the solution does not run: NameError: name 'x' is not defined")),
        proposal(3, fallen(Stage.RAN, "the solution does not run: NameError: name 'yy' is not defined")),
        proposal(4, fallen(Stage.STRONG, "evaluate accepts 19.5 for 20", "strength")),
    ]
    funnel = benchmark.count(made, "calculation", "shown", {})
    assert (funnel.proposals, funnel.kept, funnel.share) == (5, 2, 0.4)
    assert funnel.interval[0] < 0.4 < funnel.interval[1]
    assert (funnel.chained, funnel.revised) == (1, 1)
    assert funnel.falls == {"ran": 2, "strong (strength)": 1}
    assert funnel.reasons == {
        "the solution does not run: NameError: name … is not defined": 2,
        "evaluate accepts N for N": 1,
    }


def test_the_table_has_a_column_for_each_stage_at_which_any_variant_fell(benchmark: Any) -> None:
    one = benchmark.count([proposal(0, fallen(Stage.RAN, "it raised"))], "retail", "described", {})
    other = benchmark.count([proposal(0, fallen(Stage.PARSED, "no task"))], "retail", "shown", {})
    table = benchmark.write_table([one, other])
    head, _, first, second = [line for line in table.splitlines() if line.startswith("|")]
    assert "not ran | not parsed" in head
    assert "| 1 | 0 (0.0%)" in first
    assert first.count("|") == second.count("|") == head.count("|")
    assert "- 1 times: no task" in table


def test_every_variant_is_made_of_options_that_a_manifest_takes(benchmark: Any) -> None:
    for name in benchmark.VARIANTS:
        CodeAsTaskConfig(**benchmark.read_variant(name))
    assert benchmark.read_variant("{revisions: 5}")["revisions"] == 5


def test_an_unknown_variant_is_an_error_that_lists_them(
    benchmark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.yaml").write_text("model: {name: seedling}\n")
    assert benchmark.main([str(tmp_path / "model.yaml"), "--variants", "shwon"]) == 2
    assert "suggested" in capsys.readouterr().err


def test_an_environment_of_ones_own_is_the_manifests(
    benchmark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section = {"name": "todo", "greeting": "hello"}
    assert benchmark.choose_environment({"environment": section}, "own") == section
    assert benchmark.choose_environment({"environment": section}, "retail") == {"name": "retail"}
    (tmp_path / "model.yaml").write_text("model: {name: seedling}\n")
    assert benchmark.main([str(tmp_path / "model.yaml"), "--environments", "own"]) == 2
    assert "needs a section environment:" in capsys.readouterr().err


@pytest.fixture
def manifest(tmp_path: Path) -> Iterator[Path]:
    with serve_oracle(selfchal.open_environment("calculation"), TASK) as address:
        model = {"name": "openai", "base_url": address, "model": "scripted"}
        file = tmp_path / "model.yaml"
        file.write_text(yaml.safe_dump({"model": model, "rollout": {"batch": 1}}))
        yield file


def test_proposals_of_an_endpoint_are_judged_stored_and_gone_on_with(
    benchmark: Any, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        str(manifest),
        "--variants",
        "unrevised",
        "--out",
        str(tmp_path / "out"),
        "--json",
        "--proposals",
    ]
    assert benchmark.main([*command, "1"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["kept"], first["chained"], first["falls"]) == (1, 1, {})
    assert benchmark.main([*command, "2"]) == 0
    (directory,) = (tmp_path / "out" / "calculation").iterdir()
    second = json.loads(capsys.readouterr().out)
    assert (second["proposals"], second["kept"]) == (2, 1)
    assert second["falls"] == {"new (novelty)": 1}
    with selfchal.open_context(directory / "manifest.yaml", directory) as context:
        assert [p.index for p in context.store.proposals(1)] == [0, 1]
