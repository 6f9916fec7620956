"""An OpenEnv server as an environment: ours served and imported again, and a stranger's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets", reason="needs the extra openenv")

import selfchal
from selfchal.builtin_envs.remote.openenv import OpenEnv
from selfchal.core.environment import list_notes, list_unchecked
from selfchal.core.errors import EnvironmentDataError, ManifestError
from selfchal.small_envs.environment import small_environment
from selfchal.testing.endpoint import serve_oracle
from selfchal.testing.toys import ToyShelf
from tests.support.openenv_server import make_counting_app, serving, serving_app

EMMA = {"title": "Emma"}
TASK = {
    "instruction": "Lend Emma to Ada.",
    "evaluate": "def evaluate():\n    return find_book(title='Emma')['lent_to'] == 'Ada'",
    "solution": "lend(title='Emma', reader='Ada')",
    "failures": [
        "lend(title='Emma', reader='Bob')",
        "lend(title='Middlemarch', reader='Ada')",
        "take_back(title='Dracula')",
    ],
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(ToyShelf(ToyShelf.Config())) as url:
        yield url


@pytest.fixture
def shelf(address: str) -> Iterator[Any]:
    with selfchal.using_environment("openenv", url=address) as environment:
        yield environment


def test_worlds_are_apart_and_are_forked_by_making_their_calls_again(shelf: Any) -> None:
    one, other = shelf.open({}), shelf.open({})
    assert one.digest() == other.digest()
    assert one.call("lend", ("Emma", "Ada"), {}).value == "Ada has Emma now"
    twin = one.fork()
    assert twin.call("take_back", (), EMMA).ok
    lent = [world.call("find_book", (), EMMA).value["lent_to"] for world in (one, other, twin)]
    assert lent == ["Ada", None, None]
    assert len({world.digest() for world in (one, other, twin)}) == 3
    assert [change.after for change in one.difference()] == [["lend", {"reader": "Ada", **EMMA}]]
    one.reset()
    assert one.digest() == other.digest()
    assert one.call("find_book", (), EMMA).value["lent_to"] is None


def test_a_refused_call_raises_and_changes_nothing(shelf: Any) -> None:
    world = shelf.open({})
    before = world.digest()
    refused = world.call("find_book", ("Ulysses",), {})
    assert (refused.ok, refused.raises) == (False, True)
    assert "Ulysses" in refused.value
    assert not world.call("find_book", (), {"name": "Emma"}).ok
    assert not world.call("burn", (), {}).ok
    assert world.digest() == before


def test_held_out_tasks_are_rewarded_by_the_server(shelf: Any) -> None:
    own = ToyShelf(ToyShelf.Config()).test_tasks("test")
    tasks = shelf.test_tasks("test")
    assert [task.instruction for task in tasks] == [task.instruction for task in own]
    for task, known in zip(tasks, own, strict=True):
        world = shelf.open(task.context)
        for name, arguments in known.truth["calls"]:
            world.call(name, (), arguments)
        answer = known.truth["answer"]
        assert shelf.grade(task, world, str(answer), ())
        assert not shelf.grade(task, shelf.open(task.context), "no idea", ())
        assert task.truth == {}
        assert shelf.initial_observation(task.context) == ""
    assert "submit_answer" not in {tool.name for tool in shelf.tools}


def test_what_cannot_be_had_is_said_and_the_checks_that_need_it_are_left_out_by_name(shelf: Any) -> None:
    assert list(list_unchecked(shelf)) == ["strength", "completeness"]
    assert any("cannot be seen" in note and "strength" in note for note in list_notes(shelf))
    (verdict,) = selfchal.judge([TASK], shelf)
    assert verdict.passed, verdict.reason
    assert verdict.diagnostics["strength"] == {"left_out": "its contract shows no state"}
    lax = TASK | {"evaluate": "def evaluate():\n    return True"}
    (refused,) = selfchal.judge([lax], shelf)
    assert not refused.passed


def test_a_tool_that_shows_the_state_gives_every_check_back(address: str) -> None:
    state = {"tool": "find_book", "arguments": EMMA}
    with selfchal.using_environment("openenv", url=address, state=state) as environment:
        assert list_unchecked(environment) == {}
        world = environment.open({})
        world.call("lend", (), {"reader": "Ada", **EMMA})
        assert [(c.path, c.before, c.after) for c in world.difference()] == [(("lent_to",), None, "Ada")]
        world.call("take_back", (), EMMA)
        assert world.digest() == environment.open({}).digest()
        (verdict,) = selfchal.judge([TASK], environment)
        assert "left_out" not in verdict.diagnostics["strength"]


def test_a_server_with_actions_of_its_own_has_one_tool() -> None:
    with (
        serving_app(make_counting_app()) as url,
        selfchal.using_environment("openenv", url=url) as environment,
    ):
        (tool,) = environment.tools
        assert tool.signature.startswith("step(add: int")
        world = environment.open({})
        assert world.call("step", (4,), {}).value == {"total": 4}
        assert not world.ended
        assert not world.call("step", (), {"subtract": 1}).ok
        world.call("step", (6,), {})
        assert world.ended
        assert world.earn(None) == 1.0
        assert any("lists no tasks" in note for note in environment.notes)


def test_a_tool_that_answers_the_same_call_differently_is_refused() -> None:
    rolled = itertools.count()

    def roll(state: dict[str, Any]) -> int:
        """Roll a die."""
        return next(rolled)

    dice = small_environment("dice", start={"rolls": 0}, writes=[roll])
    with (
        serving(dice(dice.Config())) as url,
        selfchal.using_environment("openenv", url=url) as environment,
    ):
        assert environment.open({}).call("roll", (), {}).ok
        again = environment.open({}).call("roll", (), {})
        assert not again.ok
        assert "cannot be relied on" in again.value


@pytest.mark.parametrize(
    ("reset", "told"),
    [
        ({"type": "error", "data": {"message": "no disk", "code": "FACTORY_ERROR"}}, "no disk"),
        ([], "no object"),
    ],
)
def test_a_server_that_begins_no_episode_is_refused(reset: Any, told: str) -> None:
    with (
        serving_app(make_counting_app({"reset": reset})) as url,
        pytest.raises(EnvironmentDataError, match=told),
    ):
        selfchal.open_environment("openenv", url=url)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(EnvironmentDataError, match="no OpenEnv server answers"):
        selfchal.open_environment("openenv", url="http://127.0.0.1:9")
    with pytest.raises(ManifestError, match="begins with http"):
        selfchal.open_environment("openenv", url="file:///etc/passwd")


def test_tools_that_are_not_there_are_named(address: str) -> None:
    for options in ({"hide": ["burn"]}, {"reads": ["burn"]}, {"answer_tool": "burn"}):
        with pytest.raises(EnvironmentDataError, match="there is no tool 'burn'"):
            OpenEnv(OpenEnv.Config(url=address, **options))
    with pytest.raises(EnvironmentDataError, match="2 parameters"):
        OpenEnv(OpenEnv.Config(url=address, answer_tool="lend"))


@pytest.mark.slow
def test_a_run_measures_on_it_and_makes_tasks_for_it(address: str, tmp_path: Path) -> None:
    with serve_oracle(ToyShelf(ToyShelf.Config()), TASK) as url:
        manifest = {
            "run": {"name": "theirs"},
            "environment": {"name": "openenv", "url": address, "sessions": 2},
            "model": {"name": "openai", "base_url": url, "model": "scripted", "price_in": 0, "price_out": 0},
            "synthesizer": {"name": "code_as_task"},
            "challenge": {"tasks": 1, "proposals": 2},
            "rollout": {"batch": 4},
            "evaluation": {"samples": 1},
        }
        selfchal.run(manifest, out=tmp_path / "run")
    view = selfchal.open_run(tmp_path / "run")
    (kept,) = view.tasks()
    assert kept["diagnostics"]["strength"] == {"left_out": "its contract shows no state"}
    rewards = {row["reward"] for row in view.episodes("evaluate") if "sampled" in row["batch"]}
    assert rewards == {1.0}, "this endpoint knows the answers"
