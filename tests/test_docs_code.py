"""Every code block of the documentation: Python runs or compiles, manifests are manifests, commands exist.

The tutorial's commands are run by tests/scripts/test_try_as_newcomer.py, docs/python.md by tests/test_docs.py, and the examples that
`make docs` puts into pages by the tests of examples/.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

import selfchal
from selfchal.cli.main import cli
from selfchal.pipeline.manifest import ManifestModel

ROOT = Path(__file__).parents[1]
WRITTEN = ("docs/reference/", "docs/results/", "docs/cli.md", "docs/manifest.md")  # by programs
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not page.relative_to(ROOT).as_posix().startswith(WRITTEN)
]
ENDPOINT = {"name": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
BASE = {"environment": {"name": "calculation"}, "model": {"name": "seedling"}}
# What a part of a manifest may lack here: packages, files, a trainer, and plugins that the page itself writes.
LACKS = (
    "which is not installed",
    "which are not installed",
    "tasks.jsonl is neither a file",
    "mcp.json cannot be read",
    "no watcher named 'heartbeat'",
    "no check named 'length'",
    "no environment named 'todo'",
    "needs a trainer; name one",
    "measures the updates of a trainer",
)


def list_blocks(*languages: str) -> list[tuple[Path, str]]:
    """Every block of these languages with its page; contracts, which are signatures alone, left out."""
    found = []
    for page in PAGES:
        text = re.sub(r"<!-- begin contract -->.*?<!-- end -->", "", page.read_text("utf-8"), flags=re.S)
        found += [(page, *block) for block in re.findall(r"^ *```(\w*)\n(.*?)```", text, re.S | re.M)]
    return [(page, code) for page, language, code in found if language in languages]


def test_the_task_of_the_explanation_is_judged_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "explain" / "code-as-task.md").read_text("utf-8")
    namespace: dict[str, object] = {}
    for snippet in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(snippet, "docs/explain/code-as-task.md", "exec"), namespace)
    first, *falls = capsys.readouterr().out.splitlines()
    assert first in text
    assert "\n".join(falls) == re.findall(r"```text\n(.*?)```", text, re.S)[0].strip()


@pytest.mark.parametrize(("page", "code"), list_blocks("python"), ids=lambda part: getattr(part, "stem", ""))
def test_python_compiles(page: Path, code: str) -> None:
    compile(code, str(page), "exec", dont_inherit=True)


@pytest.mark.parametrize(("page", "code"), list_blocks("yaml"), ids=lambda part: getattr(part, "stem", ""))
def test_a_manifest_has_options_that_there_are(page: Path, code: str) -> None:
    found = yaml.safe_load(code)
    if not isinstance(found, dict) or not set(found) <= set(ManifestModel.model_fields):
        pytest.skip("part of another file")
    named = found.get("environments") or [found.get("environment", BASE["environment"])]
    elsewhere = [one["name"] for one in named] != ["calculation"]
    base = {**BASE, "model": ENDPOINT} if elsewhere else BASE  # the seedling knows calculation alone
    if "environments" in found:
        base = {key: value for key, value in base.items() if key != "environment"}
    try:
        selfchal.load_manifest({**base, **found})
    except selfchal.SelfchalError as error:
        if not any(lack in str(error) for lack in LACKS):
            raise


@pytest.mark.parametrize(
    ("page", "code"), list_blocks("", "console", "sh", "bash"), ids=lambda part: getattr(part, "stem", "")
)
def test_a_command_has_the_options_that_it_is_given(page: Path, code: str) -> None:
    lines = code.replace("\\\n", " ").splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines
    for line in commands:
        if not line.startswith(("selfchal ", "python ")):
            continue
        words = shlex.split(line, comments=True)
        if words and words[0] == "selfchal":
            parse(words[1:])
        elif words and words[0] == "python" and len(words) > 1 and "/" in words[1]:
            assert (ROOT / words[1]).exists() or words[1].startswith("bundle/"), f"{page.name}: {line}"


def parse(words: list[str]) -> None:
    """Raises click.UsageError for a command or an option that is not there."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        while words[0].startswith("--plugin"):
            words = words[2:]
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.parse_args(click.Context(command, resilient_parsing=True), words)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known, f"{command.name} has no {used - known}"
