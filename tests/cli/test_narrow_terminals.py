"""What commands list stays readable in a narrow terminal: lines end between words, and labels stand out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfchal.cli.terminal import wrap_lines
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import Store
from tests.cli.conftest import Selfchal
from tests.support.misbehaving import NO_PROMPT, serving

MANIFEST = """
environment: {name: calculation}
model: {name: openai, base_url: "URL", model: m}
"""
SENTENCE = "Reverse the word that stands in front of the number three, and count its letters after that. "
LISTINGS = (
    ("plugins", "list"),
    ("examples",),
    ("doctor",),
    ("validate", "m.yaml"),
    ("run", "m.yaml", "--dry-run"),
    ("eval", "calculation", "--policy", "nothing"),
    ("tasks", "list", "made"),
    ("tasks", "list", "made", "--rejected"),
    ("tasks", "coverage", "made"),
    ("tasks", "judge", "calculation", "tasks.jsonl"),
    ("mcp", "inspect", "servers.json"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with a manifest, a run of one kept and one refused task, tasks, and a server."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.jsonl").write_text('{"instruction": "x"}\n')
    server = Path(__file__).parents[1] / "support" / "mcp_server.py"
    command = f'{{"command": "{sys.executable}", "args": ["{server}", "memory"]}}'
    (tmp_path / "servers.json").write_text(f'{{"mcpServers": {{"items": {command}}}}}')
    task = Task("a1b2", "calculation", {}, SENTENCE, "", "result = string_length('abc')", ("", "", ""))
    fell = Verdict(Outcome.FAILED, Stage.PARSED, SENTENCE, SENTENCE)
    with Store.create(
        tmp_path / "made", {"environment": {"name": "calculation"}, "model": {"name": "m"}}
    ) as store:
        store.put_tasks(1, [(task, "train")])
        store.put_proposals(1, "1/0", [Proposal(0, 1, fell, raw=SENTENCE)], [])
    with serving(NO_PROMPT) as endpoint:
        (tmp_path / "m.yaml").write_text(MANIFEST.replace("URL", endpoint.url))
        yield tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", LISTINGS, ids=" ".join)
@pytest.mark.parametrize("columns", [40, 50])
def test_no_line_is_longer_than_the_terminal(
    selfchal: Selfchal, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], columns: int
) -> None:
    """A path, a name or a command that is longer stands alone in its line, whole, so that it can be copied."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ended = selfchal(*command)
    assert ended.out.strip()
    too_long = [line for line in ended.out.splitlines() if len(line) > columns and len(line.split()) > 2]
    assert [line for line in too_long if not _is_code(line)] == []


def _is_code(line: str) -> bool:
    """How a server is started, and what is to be typed."""
    return any(word in line for word in (sys.executable, "selfchal ", "--set", "state: {", "reset: {"))


def test_in_a_pipe_each_row_is_one_line(selfchal: Selfchal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [line for line in selfchal("plugins", "list").out.splitlines() if "(selfchal " in line]
    assert any(len(row) > 100 for row in rows)
    assert all(row.startswith("  ") for row in rows)


def test_text_stays_beside_its_label_or_goes_below_it() -> None:
    row = "  grpo  Group-relative policy optimisation, with Dr. GRPO as an option."
    assert (
        wrap_lines(row, 40)
        == "  grpo  Group-relative policy\n        optimisation, with Dr. GRPO as\n        an option."
    )
    assert (
        wrap_lines(row, 28)
        == "  grpo\n      Group-relative policy\n      optimisation, with Dr.\n      GRPO as an option."
    )
    assert wrap_lines(row, 200) == row
    assert wrap_lines("see https://example.org/a-long-address for it", 12) == (
        "see\nhttps://example.org/a-long-address\nfor it"
    )
