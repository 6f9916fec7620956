"""All that commands write goes through one place, and nothing that a model wrote commands the terminal."""

from __future__ import annotations

import ast
import io
from pathlib import Path
from typing import Any

from rich.console import Console

import selfchal.cli
from selfchal.builtin_watchers.live_display import LiveDisplay
from selfchal.builtin_watchers.plain_display import PlainDisplay
from selfchal.cli.terminal import say_on
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import Store

FOLDER = Path(selfchal.cli.__file__).parent
EVIL = "\x1b]0;owned\x07\x1b[2Jred \x1b[31malert\u202e"
WRITERS = {("click", "echo"), ("click", "secho"), ("sys", "stdout"), ("sys", "stderr")}


def _write(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "print"
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in WRITERS
    )


def test_only_one_module_writes_to_the_terminal() -> None:
    found = {
        path.name
        for path in FOLDER.glob("*.py")
        if any(map(_write, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {"terminal.py"}


def test_a_task_that_holds_escape_sequences_shows_none(selfchal: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    manifest = {"environment": {"name": "calculation"}, "model": {"name": "seedling"}}
    task = Task("evil", "calculation", {}, EVIL, f"# {EVIL}", EVIL, (EVIL,))
    fell = Verdict(Outcome.FAILED, Stage.PARSED, EVIL, EVIL)
    with Store.create(run, manifest) as store:
        store.put_tasks(1, [(task, "train")])
        store.put_proposals(1, "1/0", [Proposal(0, 1, fell, raw=EVIL)], [])
    for arguments in (
        ("list", run),
        ("list", run, "--rejected"),
        ("show", run, "evil"),
        ("show", run, "proposal-1-0"),
    ):
        ended = selfchal("tasks", *arguments)
        assert ended.code == 0
        assert "red alert" in ended.out
        assert not {"\x1b", "\x07", "\u202e"} & set(ended.out + ended.err)
    named = selfchal("sandbox", "exec", EVIL, "nowhere.py")
    assert (named.code, "\x1b" in named.err) == (2, False)


def test_displays_of_progress_show_none_either() -> None:
    plain, live, lines = io.StringIO(), io.StringIO(), io.StringIO()
    PlainDisplay(Console(file=plain)).note(EVIL)
    LiveDisplay(Console(file=live)).note(EVIL)
    say_on(Console(file=lines), EVIL)
    for shown in (plain, live, lines):
        assert "alert" in shown.getvalue()
        assert not {"\x07", "\u202e"} & set(shown.getvalue())
        assert "owned" not in shown.getvalue()
