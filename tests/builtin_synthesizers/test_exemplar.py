"""The challenger's exemplar is made of the environment's own tools, and the judge would keep it."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from selfchal import HeldOut, judge, open_environment, open_sandbox, small_environment
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.builtin_synthesizers.exemplar import Exemplar, make_exemplar
from selfchal.core.arena import Arena
from selfchal.core.judge import Stage
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.synthesizer import ProposalContext, ProposalRequest
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.held_out_calls import HeldOutCalls
from selfchal.testing.conformance import synthesizer_cases

State = dict[str, Any]
EXAMPLES = Path(__file__).parents[2] / "examples"


def rooms(state: State) -> dict[str, Any]:
    """Show each room with its guest."""
    return dict(state["rooms"])


def book(state: State, room: str, guest: str) -> str:
    """Book a free room for a guest."""
    if state["rooms"][room]["guest"]:
        raise ValueError("it is taken")
    state["rooms"][room]["guest"] = guest
    return "booked"


def close(state: State, room: str) -> str:
    """Close a room."""
    state["rooms"][room]["open"] = False
    return "closed"


START = {"rooms": {name: {"guest": None, "open": True} for name in ("red", "blue", "green", "attic")}}
HELD_OUT = [
    HeldOut(f"Close the {name} room.", [("close", {"room": name})]) for name in ("red", "blue", "green")
]


def make(**changes: Any) -> Any:
    parts: dict[str, Any] = {"start": START, "reads": [rooms], "writes": [book, close]}
    return open_environment(small_environment("inn", **{**parts, **changes}))


def know_none(tool: str, arguments: Any) -> bool:
    return False


def task_of(exemplar: Exemplar) -> dict[str, Any]:
    return {
        "instruction": exemplar.instruction,
        "evaluate": exemplar.evaluate,
        "solution": exemplar.solution,
        "failures": list(exemplar.failures),
    }


def test_it_is_about_what_a_tool_changes_and_a_reader_shows() -> None:
    exemplar = make_exemplar(make(), know_none)
    assert exemplar is not None
    assert exemplar.evaluate.startswith("def evaluate():\n    return rooms()[")
    assert re.match(r"(book|close)\(", exemplar.solution)
    assert len(set(exemplar.failures)) == 3
    verdict = judge(task_of(exemplar), make())
    assert verdict.passed, verdict.reason


def test_it_is_the_same_each_time() -> None:
    assert make_exemplar(make(), know_none) == make_exemplar(make(), know_none)


def find_room(state: State, name: str) -> dict[str, Any]:
    """Show one room."""
    return {"name": name, **state["rooms"][name]}


def test_before_the_task_stands_the_exploring_turn_that_found_what_it_is_about() -> None:
    exemplar = make_exemplar(make(), know_none)
    assert exemplar is not None
    assert exemplar.look is not None
    call, shown = exemplar.look
    assert call == "rooms()"
    assert shown == str(rooms(START))[: len(shown)]
    written = exemplar.write()
    assert written.startswith("Action:\nprint(rooms())\nEnd Action\nObservation:\n")
    assert written.index("Answer:\n<instruction>") > written.index(shown)
    assert written.endswith("</failure_case>\nEnd Answer")


def test_a_reader_that_is_asked_for_the_thing_itself_is_preferred() -> None:
    def close(state: State, name: str) -> str:
        """Close a room."""
        state["rooms"][name]["open"] = False
        return "closed"

    exemplar = make_exemplar(make(reads=[rooms, find_room], writes=[close]), know_none)
    assert exemplar is not None
    assert "return find_room(name=" in exemplar.evaluate


def test_it_never_solves_a_held_out_task() -> None:
    environment = make(writes=[close], test_tasks=HELD_OUT)
    exemplar = make_exemplar(environment, HeldOutCalls(environment))
    assert exemplar is not None
    assert exemplar.solution == "close(room='attic')"


def test_where_nothing_changes_it_is_about_what_a_reader_shows() -> None:
    exemplar = make_exemplar(make(writes=[]), know_none)
    assert exemplar is not None
    assert exemplar.evaluate.startswith("def evaluate(answer):\n    return answer == rooms()[")
    assert len(set(exemplar.failures)) == 3


def test_where_no_call_works_there_is_none() -> None:
    def broken(state: State) -> str:
        """Say nothing."""
        raise ValueError("never")

    assert make_exemplar(make(reads=[broken], writes=[]), know_none) is None


@pytest.mark.parametrize("module", ["coffee_bar", "selfchal_library"])
def test_the_examples_get_one(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (EXAMPLES, EXAMPLES / "selfchal-library" / "src"):
        monkeypatch.syspath_prepend(str(folder))
    (cls,) = importlib.import_module(module).register_environments()
    sys.modules.pop(module)
    exemplar = make_exemplar(open_environment(cls), know_none)
    assert exemplar is not None
    assert len(exemplar.failures) == 3


def first_prompt(environment: Any) -> str:
    with open_sandbox("process") as sandbox:
        context = ProposalContext(Arena(environment, sandbox, Limits()), judge=None)  # type: ignore[arg-type]  # nothing is judged
        scene = CodeAsTask(CodeAsTaskConfig()).scene(ProposalRequest(0, 0, 0), context)
        return "\n".join(message.content for message in scene.start())


def test_the_challenger_is_shown_it() -> None:
    exemplar = make_exemplar(make(), know_none)
    assert exemplar is not None
    assert exemplar.write() in first_prompt(make())


def test_a_proposal_that_repeats_it_is_refused_as_not_new(process_sandbox: Sandbox) -> None:
    arena = Arena(make(), process_sandbox, Limits())
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    scene = CodeAsTask(CodeAsTaskConfig(revisions=1)).scene(ProposalRequest(0, 0, 0), context)
    scene.start()
    assert scene.exemplar is not None
    heard = scene.step(f"Answer:\n{scene.exemplar.write().partition('Answer:')[2]}")
    assert heard is not None
    assert "This is the example. Write another task" in heard.content
    assert scene.proposal.verdict.stage == Stage.NEW
    other = "".join(
        f"<{tag}>\n{text}\n</{tag}>\n"
        for tag, text in [
            ("instruction", "Book the attic for Ann."),
            ("evaluation_function", "def evaluate():\n    return rooms()['attic']['guest'] == 'Ann'"),
            ("solution", "book('attic', 'Ann')"),
            ("failure_case", "book('attic', 'Bob')"),
            ("failure_case", "book('red', 'Ann')"),
            ("failure_case", "close('attic')"),
        ]
    )
    assert scene.step(f"Answer:\n{other}End Answer") is None
    assert scene.proposal.verdict.passed, scene.proposal.verdict.reason


def test_the_hand_written_ones_of_the_built_in_environments_stay() -> None:
    assert "A chair costs 80 euros." in first_prompt(open_environment("calculation"))


def test_the_challenger_does_not_look_at_held_out_tasks_for_it() -> None:
    inn = small_environment("inn", start=START, reads=[rooms], writes=[book, close], test_tasks=HELD_OUT)
    (case,) = [case for case in synthesizer_cases(CodeAsTask, environment=inn) if "held-out" in case.rule]
    case()


def show(state: State, names: list[str]) -> list[dict[str, Any]]:
    """Show some rooms."""
    return [{"name": name, **state["rooms"][name]} for name in names if name in state["rooms"]]


def close_all(state: State, room_names: list[str]) -> str:
    """Close rooms."""
    for name in room_names:
        state["rooms"].get(name, {})["open"] = False
    return "closed"


def test_lists_are_as_short_as_the_change_allows_and_the_thing_itself_is_read() -> None:
    exemplar = make_exemplar(make(reads=[rooms, show], writes=[close_all]), know_none)
    assert exemplar is not None
    found = re.fullmatch(r"close_all\(room_names=\['(\w+)'\]\)", exemplar.solution)
    assert found
    assert f"show(names=['{found[1]}'])" in exemplar.evaluate
    assert exemplar.uses == ("close_all", "show")
    assert all(failure.count("'") == 2 for failure in exemplar.failures)
    assert exemplar.look is not None
