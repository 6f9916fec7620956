"""The prompt that plays an example: what it shows is true, nothing in it invites to be copied."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.builtin_synthesizers.challenge_scene import COPIED, NO_OUTPUT, UNDONE, ChallengeScene
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig, Prompt
from selfchal.builtin_synthesizers.prompting import read_look, write_example
from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.model import Message
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.synthesizer import ProposalContext, ProposalRequest
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.rollout.agent import observation_of
from selfchal.testing.in_process import InProcessSandbox
from tests.builtin_synthesizers.test_prompts import CONTEXTS, environment_of
from tests.support.shop import Shop


def make_scene(
    environment: Environment, sandbox: Sandbox, request: ProposalRequest, **config: Any
) -> ChallengeScene:
    arena = Arena(environment, sandbox, Limits())
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    return CodeAsTask(CodeAsTaskConfig(prompt=Prompt.SHOWN, **config)).scene(request, context)


def start(environment: Environment, seed: int = 0, **config: Any) -> list[Message]:
    return list(make_scene(environment, InProcessSandbox(), ProposalRequest(0, 1, seed), **config).start())


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_actions_of_the_example_give_the_observations_that_stand_there(
    process_sandbox: Sandbox, name: str
) -> None:
    environment = environment_of(name)
    world = environment.open(CONTEXTS[name])
    _, uses, turns = read_look(name, None)
    with process_sandbox.session(world, Limits()) as session:
        for action, observation in turns:
            assert observation_of(session.run(action), 4_000) == observation
    assert set(uses) <= {tool.name for tool in environment.tools}
    assert all(tool in write_example(name, None, ("failure_case",)) for tool in uses)


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_example_is_a_conversation_that_ends_with_its_task(name: str) -> None:
    system, *turns = start(environment_of(name))
    assert system.role == "system"
    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2) + ["user"]
    assert turns[1].content.startswith("Action:\n")
    assert write_example(name, None) in turns[-2].content
    assert turns[-1].content.endswith("write one task of your own.")


@pytest.mark.parametrize("name", CONTEXTS)
def test_no_tag_stands_outside_the_example_and_no_slot_stays_open(name: str) -> None:
    system, *turns = start(environment_of(name))
    assert "<instruction>" not in system.content + turns[-1].content
    for slot in (
        "{tools}",
        "{policy}",
        "{advice}",
        "{start}",
        "{focus}",
        "{steps}",
        "{signature}",
        "{assign}",
    ):
        assert slot not in system.content + turns[0].content + turns[-1].content


def test_without_exploring_the_example_answers_at_once() -> None:
    _, asked, answered, _ = start(environment_of("calculation"), exploration=False)
    assert asked.role == "user"
    assert answered.content.startswith("Answer:\n")


def test_without_failure_cases_none_is_shown() -> None:
    assert "failure" not in " ".join(m.content for m in start(Shop(), failures=False)).lower()


def test_an_environment_of_ones_own_shows_the_look_that_was_made_of_its_tools() -> None:
    _, _, looked, seen, answered, _ = start(Shop())
    assert looked.content.startswith("Action:\nprint(get_")
    assert seen.content.startswith("Observation:\n")
    assert answered.content.startswith("Answer:\n<instruction>")


def test_tools_are_suggested_by_seed_and_one_that_changes_something_comes_first() -> None:
    retail = environment_of("retail")
    reading = {tool.name for tool in retail.tools if tool.only_reads}
    suggested = set()
    for seed in range(20):
        said = start(retail, seed, suggested_tools=1)[-1].content
        (line,) = [line for line in said.splitlines() if line.startswith("Use ")]
        suggested.add(line.removeprefix("Use ").partition(",")[0])
    assert len(suggested) > 3
    assert not suggested & reading
    assert start(retail, 3, suggested_tools=1) == start(retail, 3, suggested_tools=1)
    assert "Use " not in start(retail, suggested_tools=0)[-1].content


def test_a_copy_of_the_example_is_refused_with_that_sentence() -> None:
    scene = make_scene(environment_of("calculation"), InProcessSandbox(), ProposalRequest(0, 1, 0))
    scene.start()
    answer = scene.step(f"Answer:\n{write_example('calculation', None)}\nEnd Answer")
    assert answer is not None
    assert COPIED in answer.content
    assert not scene.proposal.verdict.passed


def test_after_a_tool_that_changes_something_one_that_looks_is_suggested() -> None:
    said = start(environment_of("retail"), 3, suggested_tools=2)[-1].content
    (line,) = [line for line in said.splitlines() if line.startswith("Use ")]
    first, second = line.removeprefix("Use ").partition(",")[0].split(" and ")
    only_reads = {tool.name: tool.only_reads for tool in environment_of("retail").tools}
    assert (only_reads[first], only_reads[second]) == (False, True)


def test_the_made_example_says_which_tools_it_was_asked_to_use() -> None:
    _, asked, *_, answered, _ = start(Shop(), suggested_tools=2)
    uses = asked.content.partition("Use ")[2].partition(",")[0].split(" and ")
    assert len(uses) == 2
    assert all(f"{tool}(" in answered.content for tool in uses)


def hear(scene: ChallengeScene, action: str) -> str:
    answer = scene.step(f"Action:\n{action}\nEnd Action")
    assert answer is not None
    return answer.content


def test_exploring_is_told_what_it_did_not_print_and_what_it_changed() -> None:
    scene = make_scene(Shop(), InProcessSandbox(), ProposalRequest(0, 1, 0))
    scene.start()
    assert NO_OUTPUT in hear(scene, "get_user('ann')")
    shown = hear(scene, "print(set_city('W101', 'Rome'))")
    assert UNDONE in shown
    assert NO_OUTPUT not in shown
    looked = hear(scene, "print(get_order('W101'))")
    assert UNDONE not in looked
    assert "'city': 'Rome'" in looked


def test_after_a_task_was_handed_in_exploring_begins_on_a_fresh_world() -> None:
    scene = make_scene(Shop(), InProcessSandbox(), ProposalRequest(0, 1, 0))
    scene.start()
    hear(scene, "print(set_city('W101', 'Rome'))")
    assert scene.step("Answer:\n<instruction>Nothing.</instruction>\nEnd Answer") is not None
    assert "'city': 'Oslo'" in hear(scene, "print(get_order('W101'))")


@pytest.mark.parametrize("complete", [True, False])
def test_failure_cases_are_completed_where_that_is_asked_for(complete: bool) -> None:
    scene = make_scene(Shop(), InProcessSandbox(), ProposalRequest(0, 1, 0), complete_drafts=complete)
    scene.start()
    scene.step(
        "Answer:\n<instruction>Send the order W101 of user 'ann' to Rome.</instruction>\n<evaluation_function>\n"
        "def evaluate():\n    return get_order('W101')['city'] == 'Rome'\n</evaluation_function>\n<solution>\n"
        "set_city('W101', 'Rome')\n</solution>\nEnd Answer"
    )
    task = scene.proposal.task
    assert task is not None
    assert (len(task.failures), task.provenance["drawn_failures"]) == ((3, 3) if complete else (0, 0))


def test_a_solution_that_does_not_pass_is_told_of_a_condition_that_it_makes_true() -> None:
    scene = make_scene(Shop(), InProcessSandbox(), ProposalRequest(0, 1, 0), complete_drafts=True)
    scene.start()
    answer = scene.step(
        "Answer:\n<instruction>Send the order W101 of user 'ann' to Rome.</instruction>\n<evaluation_function>\n"
        "def evaluate():\n    return get_order('W101') == {'city': 'Rome'}\n</evaluation_function>\n<solution>\n"
        "set_city('W101', 'Rome')\n</solution>\nEnd Answer"
    )
    assert answer is not None
    assert "before it was not: get_order(order_id='W101')['city'] == 'Rome'\n" in answer.content
