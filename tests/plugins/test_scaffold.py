"""A new plugin's own tests are green as it is written, and it can be installed and found."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfchal import load_manifest, open_environment, run
from selfchal.core.errors import ManifestError, PluginError
from selfchal.plugins.kinds import KINDS
from selfchal.plugins.scaffold import SCAFFOLDS, scaffold
from selfchal.testing.endpoint import serve_oracle
from selfchal.testing.toys import TOY_TASK

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.timeout(600)
def test_a_new_plugin_of_every_kind_is_green_from_the_start() -> None:
    program = [sys.executable, str(ROOT / "scripts" / "check_scaffolds.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(KINDS)} scaffolds are green" in done.stdout


def test_there_is_a_scaffold_for_every_kind() -> None:
    assert {kind.name for kind in KINDS} == SCAFFOLDS


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    for kind in SCAFFOLDS:
        folder = scaffold(kind, "demo", tmp_path / kind)
        texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
        assert texts
        assert not [text for text in texts if re.search(r"__[A-Z]{3,}__", text)]


@pytest.mark.parametrize(("kind", "name"), [("environment", "retail"), ("check", "novelty")])
def test_names_of_installed_plugins_are_refused(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"the {kind} '{name}' of package selfchal has that name already"):
        scaffold(kind, name, tmp_path / "there")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new environment as ``pip install`` would install it."""
    folder = scaffold("environment", "desk", tmp_path / "desk")
    info = folder / "src" / "selfchal_desk-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: selfchal-desk\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[selfchal]\ndesk = selfchal_desk\n")
    monkeypatch.syspath_prepend(str(folder / "src"))
    yield folder
    sys.modules.pop("selfchal_desk", None)


def test_its_manifest_stops_at_validation_and_says_what_to_put_there(desk: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        load_manifest(desk / "manifest.yaml")
    assert str(caught.value).startswith("model: 'seedling' with these options knows calculation alone")
    assert "name: openai with base_url and model of an endpoint" in str(caught.value)


PROPOSAL = TOY_TASK  # of the same shelf


@pytest.mark.slow
def test_its_manifest_makes_tasks_with_a_model_behind_an_endpoint(desk: Path, tmp_path: Path) -> None:
    with serve_oracle(open_environment("desk"), PROPOSAL) as address:
        endpoint = ["model.name=openai", f"model.base_url={address}", "model.model=scripted"]
        few = ["challenge.tasks=1", "challenge.proposals=2"]
        results = run(load_manifest(desk / "manifest.yaml", [*endpoint, *few]), tmp_path / "run")
    assert results["funnel"]["kept"] == 1
    assert results["before"]["pass@1"] == 1.0
    assert results["tool_calls"]["lend"]["calls"] > 0


@pytest.mark.parametrize("name", ["Demo", "../up", "a b", ""])
def test_names_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="lower-case letters"):
        scaffold("check", name, tmp_path / "there")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="is there already"):
        scaffold("check", "demo", tmp_path)
