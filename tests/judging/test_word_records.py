"""Verifiers over records that go by a word and stand in a list: lenient ones fall, sound ones are kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.arena import Arena
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner

DESK = Path(__file__).parents[2] / "examples" / "todo_desk"
FAILURES = (
    "postpone_todo('water the tomatoes', '2026-06-01')",
    "move_todo('book the train', 'home')",
    "postpone_todo('pay the rent', '2026-06-01')",
)
POSTPONE = ("Postpone 'order paper' to 2026-05-25.", "postpone_todo('order paper', '2026-05-25')")
MOVE = ("Move 'order paper' to the home list.", "move_todo('order paper', 'home')")
FINISH = ("Mark 'order paper' as done.", "finish_todo('order paper')")
HOME = ("Finish everything on the home list.", "for t in list_todos('home'):\n    finish_todo(t['title'])")
ADD = (
    "Add a to-do 'buy milk' to the home list, due 2026-05-12.",
    "add_todo('buy milk', 'home', '2026-05-12')",
)
MILK = "{'title': 'buy milk', 'list': 'home', 'due': '2026-05-12', 'done': False}"
LENIENT = [
    (POSTPONE, "find_todo('order paper')['due'] > '2026-05-20'"),
    (POSTPONE, "find_todo('order paper')['due'][-2:] == '25'"),
    (POSTPONE, "find_todo('order paper')['due'][:7] == '2026-05' and find_todo('order paper')['due'] != '2026-05-20'"),
    (POSTPONE, "any(t['due'] == '2026-05-25' for t in list_todos())"),
    (MOVE, "find_todo('order paper')['list'] != 'office'"),
    (MOVE, "len(list_todos('home')) == 4"),
    (FINISH, "len([t for t in list_todos() if t['done']]) == 3"),
    (FINISH, "any(t['done'] for t in list_todos('office'))"),
    (HOME, "sum(t['done'] for t in list_todos()) == 4"),
    (ADD, "any(t['title'] == 'buy milk' for t in list_todos())"),
    (ADD, "find_todo('buy milk')['list'] == 'home'"),
]  # fmt: skip
SOUND = [
    (POSTPONE, "find_todo('order paper')['due'] == '2026-05-25'"),
    (MOVE, "find_todo('order paper')['list'] == 'home'"),
    (MOVE, "'order paper' in [t['title'] for t in list_todos('home')]"),
    (FINISH, "find_todo('order paper')['done']"),
    (HOME, "all(t['done'] for t in list_todos('home'))"),
    (ADD, f"{MILK} in list_todos()"),
    (ADD, "[t['due'] for t in list_todos('home') if t['title'] == 'buy milk'] == ['2026-05-12']"),
]


@pytest.fixture(scope="module")
def desk() -> Iterator[Any]:
    sys.path.insert(0, str(DESK))
    try:
        from desk import Environment  # type: ignore[import-not-found]  # the tutorial's
    finally:
        sys.path.remove(str(DESK))
    with selfchal.using_environment(Environment) as opened:
        yield opened


def judge(desk: Any, sandbox: Sandbox, asked: tuple[str, str], condition: str) -> Any:
    task = Task("t", desk.name, {}, asked[0], f"def evaluate():\n    return {condition}", asked[1], FAILURES)
    return Judge(SandboxTaskRunner(Arena(desk, sandbox, Limits())), secret="s")(task)


@pytest.mark.parametrize(
    ("asked", "condition"), LENIENT, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_lenient_verifier_falls(
    asked: tuple[str, str], condition: str, desk: Any, process_sandbox: Sandbox
) -> None:
    assert not judge(desk, process_sandbox, asked, condition).passed


@pytest.mark.parametrize(
    ("asked", "condition"), SOUND, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_sound_verifier_is_kept(
    asked: tuple[str, str], condition: str, desk: Any, process_sandbox: Sandbox
) -> None:
    verdict = judge(desk, process_sandbox, asked, condition)
    assert verdict.passed, verdict.reason
