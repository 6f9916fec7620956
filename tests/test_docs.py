"""The documentation says what the code does: help texts, options, hooks, examples, links."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selfchal import open_environment
from selfchal.core import hookspecs
from selfchal.core.judge import STAGES
from selfchal.plugins import load_plugins
from selfchal.plugins.kinds import KINDS
from selfchal.testing.conformance import Case, environment_cases

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOOKS = [
    name
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, "selfchal_spec")
]


@pytest.mark.torch  # the page of public names has those that need it
def test_what_the_program_writes_is_up_to_date() -> None:
    program = [sys.executable, str(ROOT / "scripts" / "write_docs.py"), "--check"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments(hook: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"`{hook}({arguments})`" in (ROOT / "docs" / "plugins.md").read_text()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_called_by_a_test(hook: str) -> None:
    tests = (ROOT / "tests" / "pipeline" / "test_watch.py").read_text()
    assert hook in tests or hook in {kind.hook for kind in KINDS}  # those are walked by the registry's tests


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for named in re.findall(r"`((?:examples|scripts|benchmarks|docs|selfchal)/[\w./-]+\.\w+)`", text):
        assert (ROOT / named).exists(), f"{page.name} names {named}"


def test_every_invariant_that_the_code_names_has_an_anchor() -> None:
    anchors = set(re.findall(r'<a id="(invariant-\d+)">', (ROOT / "CONTRIBUTING.md").read_text()))
    named = {}
    for path in (ROOT / "selfchal").rglob("*.py"):
        text = path.read_text()
        assert not re.findall(r"(?i)\binvariant \d", text), f"{path} names an invariant without its anchor"
        named |= dict.fromkeys(re.findall(r"CONTRIBUTING\.md#(invariant-\d+)", text), path)
    assert named.keys() <= anchors
    assert len(anchors) == 9


@pytest.mark.slow
@pytest.mark.torch
def test_the_snippets_of_the_python_page_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/python.md", "exec"), namespace)
    said = capsys.readouterr().out
    for expected in (
        "passed complete",
        "failed failure case 1 passes evaluate",
        "ok 42",
        "{'tea': 2, 'mocha': 4}",
        "answer Hi 1.0",
        "did you mean 'calculation'?",
    ):
        assert expected in said


def _coffee_bar() -> type:
    """The README's example, run as it stands there."""
    block = re.search(
        r"<!-- begin examples/coffee_bar.py -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    assert block, "the README has no example"
    namespace: dict[str, object] = {}
    exec(compile(block[1], "README.md", "exec"), namespace)
    (cls,) = namespace["register_environments"]()  # type: ignore[operator]
    return cls


@pytest.mark.parametrize("case", environment_cases(_coffee_bar(), calls=200), ids=str)
def test_the_example_of_the_readme_keeps_the_contract(case: Case) -> None:
    case()


def test_the_example_of_the_environments_page_is_as_the_page_says() -> None:
    page = (ROOT / "docs" / "environments.md").read_text()
    block = re.search(r"```python\n(.*?)```", page, re.S)
    assert block
    namespace: dict[str, Any] = {}
    exec(compile(block[1], "docs/environments.md", "exec"), namespace)
    environment = open_environment(namespace["Calendar"])
    schedule = next(tool for tool in environment.tools if tool.name == "schedule")
    assert schedule.signature in page
    wrong = environment.open({}).call("schedule", ("Choir", "2026-05-04", 24), {})
    assert "hour: input should be less than or equal to 23" in wrong.value


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 106


def test_the_example_of_the_readme_has_twenty_lines_of_code() -> None:
    lines = (ROOT / "examples" / "coffee_bar.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 20


def test_what_the_troubleshooting_page_quotes_is_what_the_program_says() -> None:
    """The second column of the funnel's table and the first of the others, in the program's own source."""
    page = (ROOT / "docs" / "howto" / "troubleshooting.md").read_text()
    source = "".join(path.read_text() for path in sorted((ROOT / "selfchal").rglob("*.py")))
    joined = re.sub(r'"\s*f?"', "", source)  # sentences that go over several lines
    quoted = re.findall(r"^\|(?: [a-z -]+ \|)? `([^`]+)` \|", page, re.M)
    assert len(quoted) > 20
    assert not [words for words in quoted if words not in joined]


def test_every_stage_of_the_funnel_is_in_the_troubleshooting_table() -> None:
    page = (ROOT / "docs" / "howto" / "troubleshooting.md").read_text()
    assert set(re.findall(r"^\| ([a-z -]+) \| (?:`|\|)", page, re.M)) >= {str(stage) for stage in STAGES}


def test_every_builtin_plugin_has_a_summary() -> None:
    assert not [f"{item.kind} {item.name}" for item in load_plugins().all() if not item.summary]
