"""Every manifest under examples/ is valid and says what it would do; siblings differ in one line alone."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.cli.estimate import estimate_cost
from selfchal.core.arena import Arena
from selfchal.core.sandbox import Limits
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.footprint import measure_footprint
from selfchal.pipeline.gpus import Gpus, parse_gpus
from selfchal.pipeline.manifest import Manifest, read_manifest, validate
from selfchal.plugins import load_plugins
from selfchal.testing.conformance import check_cases
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import CANCEL, Shop

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
MANIFESTS = sorted(EXAMPLES.rglob("*.yaml"))
# The manifests of packages that are installed on their own, and the plugin that each needs.
OF_PACKAGES = {
    EXAMPLES / "selfchal-library" / "manifest.yaml": ("environment", "library"),
    EXAMPLES / "selfchal-reinforce" / "manifest.yaml": ("trainer", "reinforce"),
}


def _name(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


def _validate(path: Path, *overrides: str) -> Manifest:
    """As where vLLM is installed: in another environment, which need not be there."""
    model = read_manifest(path)["model"]["name"]
    elsewhere = ["model.python=vllm/bin/python"] if model == "vllm" else []
    return validate(read_manifest(path, [*elsewhere, *overrides]), load_plugins())


def _find_gpus(path: Path) -> Gpus | None:
    """The GPUs that its comments say it is sized for."""
    found = re.search(r"^#.* for (\d+|one) GPUs? of (\d+) GB", path.read_text(), flags=re.M)
    return found and parse_gpus(f"{found[1].replace('one', '1')}x{found[2]}")


@pytest.mark.parametrize("path", MANIFESTS, ids=_name)
def test_every_manifest_is_valid_and_its_cost_known(path: Path) -> None:
    plugins = load_plugins()
    if path in OF_PACKAGES:
        kind, name = OF_PACKAGES[path]
        if name not in plugins.names(kind):
            pytest.skip(f"the package {path.parent.relative_to(ROOT)} is not installed here")
    manifest = _validate(path)
    cost = estimate_cost(manifest)
    assert cost.held_out_tasks > 0
    assert cost.proposals >= cost.wanted_tasks
    assert cost.wanted_tasks > 0 or manifest.settings.tasks is not None


SIZED = {path: found for path in MANIFESTS if (found := _find_gpus(path))}


@pytest.mark.parametrize("path", SIZED, ids=_name)
def test_every_manifest_fits_the_gpus_that_it_names(path: Path) -> None:
    gpus = SIZED[path]
    footprint = measure_footprint(_validate(path), gpus)
    assert footprint is not None
    assert footprint.refusal == ""
    assert (gpus.count > 1) == ("torchrun" in path.read_text() or path.parent.name == "paper")


def test_every_size_of_gpu_has_its_manifests() -> None:
    named = {(path.stem, str(gpus)) for path, gpus in SIZED.items() if path.parent.name == "gpu"}
    sizes = ("1 of 24 GB", "1 of 48 GB", "1 of 80 GB", "4 of 80 GB", "8 of 80 GB")
    stems = ("24gb", "48gb", "80gb", "4x80gb", "8x80gb")
    kinds = ("lora", "full")
    assert named == {
        (f"{kind}_{stem}", size) for kind in kinds for stem, size in zip(stems, sizes, strict=True)
    }


def test_the_page_about_gpus_says_what_each_manifest_takes() -> None:
    rows = re.findall(
        r"^\| `gpu/(\w+)\.yaml` \| (.+?) \|.*\| (.+?) \| (.+?) \|$",
        (ROOT / "docs" / "gpu.md").read_text(),
        re.M,
    )
    counted = []
    for path, gpus in SIZED.items():
        if path.parent.name == "gpu":
            footprint = measure_footprint(_validate(path), gpus)
            assert footprint is not None
            moments = (footprint.plan.updating, footprint.plan.sampling)
            counted.append((path.stem, str(gpus), *(f"{sum(parts.values()) / 1e9:.1f}" for parts in moments)))
    assert sorted(rows) == sorted(counted)


@pytest.mark.parametrize("environment", ["retail", "airline", "calculation", "web_browsing"])
def test_another_environment_is_one_line(environment: str) -> None:
    for path in (EXAMPLES / "gpu").glob("*.yaml"):
        found = _validate(path, f"environment.name={environment}")
        assert found.environments[0].name == environment
        assert "name: retail" in path.read_text()


@pytest.mark.parametrize("folder", ["paper", "one_gpu"])
def test_the_algorithm_is_one_section(folder: str) -> None:
    siblings: dict[str, dict[str, str]] = defaultdict(dict)
    for path in (EXAMPLES / folder).glob("*.yaml"):
        environment, _, algorithm = path.stem.rpartition("_")
        if environment and algorithm != "distillation":  # figures have no algorithm in their names
            text = re.sub(r"^# .*\n", "", path.read_text(), flags=re.M)
            siblings[environment][algorithm] = text
    assert set(siblings) == {"calculation", "web_browsing", "retail", "airline"}
    for found in siblings.values():
        assert set(found) == {"rft", "dpo", "ppo", "grpo"}
        sections = {
            name: re.split(r"^trainer:\n((?:  .*\n)+)", text, flags=re.M) for name, text in found.items()
        }
        for algorithm, (before, trainer, after) in sections.items():
            assert [before, after] == [sections["grpo"][0], sections["grpo"][2]]
            assert f"  name: {algorithm}\n" in trainer


@pytest.mark.parametrize("path", MANIFESTS, ids=_name)
def test_every_manifest_has_one_option_a_line(path: Path) -> None:
    assert not re.findall(r"^[^#\n]*\{", path.read_text(), flags=re.M)


def test_the_papers_hyperparameters_are_what_a_manifest_resolves_to() -> None:
    plugins = load_plugins()

    def trainer(algorithm: str) -> dict[str, object]:
        rows = read_manifest(EXAMPLES / "paper" / f"retail_{algorithm}.yaml")
        found: dict[str, object] = validate(rows, plugins).resolved()["trainer"]
        return found

    rft = {"learning_rate": 1e-5, "batch_size": 8, "epochs": 6, "group_size": 15}
    dpo = {"learning_rate": 2e-7, "batch_size": 8, "epochs": 6, "beta": 0.1}
    ppo = {
        "learning_rate": 1e-6,
        "critic_learning_rate": None,
        "tasks_per_step": 32,
        "group_size": 8,
        "kl": 0.001,
        "critic": "head",  # not the paper's: a second network of eight billion weights is not split
    }
    grpo = {
        "learning_rate": 1e-6,
        "clip_low": 0.1,
        "clip_high": 0.1,
        "tasks_per_step": 32,
        "group_size": 8,
        "kl": 0.001,
    }
    for algorithm, expected in {"rft": rft, "dpo": dpo, "ppo": ppo, "grpo": grpo}.items():
        assert expected.items() <= trainer(algorithm).items()


def test_the_papers_users_and_tasks_are_what_a_manifest_resolves_to() -> None:
    for name in ("retail_rft", "airline_ppo", "retail_distillation"):
        rows = validate(read_manifest(EXAMPLES / "paper" / f"{name}.yaml"), load_plugins()).resolved()
        assert rows["environment"]["user"] == "react"
        assert rows["evaluation_user"]["model"] == "gpt-4o"
        assert (rows["challenge"]["tasks"], rows["curriculum"]["validation"]) == (800, 0)


def test_the_given_tasks_are_kept_by_the_judge() -> None:
    calculation = selfchal.open_environment("calculation")
    rows = [json.loads(line) for line in (EXAMPLES / "paper" / "given_tasks.jsonl").read_text().splitlines()]
    assert len(rows) == 48
    assert [row["instruction"] for row in rows[::8] if not selfchal.judge(row, calculation).passed] == []


def test_a_dry_run_loads_no_model() -> None:
    code = (
        "import sys; from selfchal.cli.main import call;"
        "code = call(['run', 'examples/paper/retail_grpo.yaml', '--dry-run']);"
        "sys.exit(code or int(bool({'torch', 'transformers'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "Nothing was run" in done.stdout
    assert "until 800 tasks are kept" in done.stdout


@pytest.mark.slow
def test_the_notebook_runs_from_start_to_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "notebook.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the task: passed" in done.stdout
    assert "with a lenient verification function: failed" in done.stdout
    assert "these turns earn a reward of 1.0" in done.stdout
    assert "pass@1 before" in done.stdout
    drawn = (tmp_path / "runs" / "notebook" / "reward.png").exists()
    assert drawn or "mean reward of each update\n   1  " in done.stdout


@pytest.mark.parametrize("algorithm", ["grpo", "ppo", "rft", "dpo", "kto"])
def test_swapping_the_name_alone_is_enough(algorithm: str) -> None:
    validate(read_manifest(EXAMPLES / "algorithms.yaml", [f"trainer.name={algorithm}"]), load_plugins())


def _load_example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_checks_of_the_example_judge_and_compare() -> None:
    length, quota = _load_example("own_checks").register_checks()
    for case in (*check_cases(length), *check_cases(quota)):
        case()
    runner = SandboxTaskRunner(Arena(Shop(), InProcessSandbox(), Limits()))
    short = Judge(runner, [length(length.Config(words=10)), quota(quota.Config(each=1))])(CANCEL)
    assert short.reason == "the instruction has 17 words"
    judge = Judge(runner, [length(length.Config()), quota(quota.Config(each=2))])
    verdict = judge(CANCEL)
    assert verdict.diagnostics["length"] == {"words": 17}
    other = replace(CANCEL, context={})
    judged = [(task, verdict) for task in (CANCEL, CANCEL, other)]
    assert [v.passed for v in judge.compare(judged, [CANCEL], [])] == [True, False, True]
