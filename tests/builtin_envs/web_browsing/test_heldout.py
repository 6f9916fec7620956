"""The held-out tasks on our own site: solved by the oracle, never by doing nothing, kept apart."""

from __future__ import annotations

import re

import pytest

from selfchal.builtin_envs.web_browsing.environment import WebBrowsing, WebBrowsingConfig
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import TestTask
from selfchal.rollout.actions import Act, Say, parse_turn

ENV = WebBrowsing(WebBrowsingConfig())
SPLITS = ("test", "dev")
DEFAULT_STEPS = 15


def play(task: TestTask, sandbox: Sandbox) -> tuple[list[str], str]:
    """What the oracle sees and answers: its actions run as an agent's do."""
    world = ENV.open(task.context)
    seen, answer = [], ""
    with sandbox.session(world, Limits()) as session:
        for turn in ENV.oracle(task):
            said = parse_turn(turn)
            if isinstance(said, Act):
                done = session.run(said.code)
                assert done.ok, done.error
                assert all(call.ok for call in done.calls if call.name == "click_url")
                seen.append(done.stdout)
            else:
                assert isinstance(said, Say)
                answer = said.text
    assert ENV.grade(task, world, answer, [])
    return seen, answer


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_the_oracle_solves_every_task_and_sees_what_it_answers(split: str, process_sandbox: Sandbox) -> None:
    for task in ENV.test_tasks(split):
        assert len(ENV.oracle(task)) <= DEFAULT_STEPS
        seen, answer = play(task, process_sandbox)
        if task.family in ("lookup", "hop"):
            assert shown(answer, "\n".join(seen)), task


def shown(answer: str, text: str) -> bool:
    """Is the fact on the screen, money with its two decimals?"""
    number = re.fullmatch(r"\d+\.\d", answer)
    return (f"{answer}0" if number else answer) in text


@pytest.mark.parametrize("split", SPLITS)
def test_doing_nothing_solves_none(split: str) -> None:
    for task in ENV.test_tasks(split):
        world = ENV.open(task.context)
        assert not ENV.grade(task, world, None, [])
        assert not ENV.grade(task, world, "", [])


@pytest.mark.parametrize(("split", "count"), [("test", 100), ("dev", 40)])
def test_facts_take_two_to_five_clicks_and_are_not_on_the_landing_page(split: str, count: int) -> None:
    tasks = ENV.test_tasks(split)
    assert len(tasks) == count
    for task in tasks:
        clicks = "\n".join(ENV.oracle(task)).count("click_url(")
        assert clicks >= 2
        if task.family in ("lookup", "hop"):
            assert clicks <= 7  # a hop back over a section and on


def test_splits_share_no_instruction_and_ids_are_unique() -> None:
    tasks = [task for split in SPLITS for task in ENV.test_tasks(split)]
    assert len({task.instruction for task in tasks}) == len({task.id for task in tasks}) == len(tasks)


def test_an_unknown_split_is_an_error_that_names_the_known() -> None:
    with pytest.raises(EnvironmentDataError, match="test, dev"):
        ENV.test_tasks("train")
