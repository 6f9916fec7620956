"""Checks that the program writes: they fit what the solution does, and the judge decides as about any task."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from selfchal.builtin_synthesizers.answer import Draft, Refusal
from selfchal.builtin_synthesizers.challenge_scene import ChallengeScene
from selfchal.builtin_synthesizers.close_attempts import write_comparison
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig, Prompt
from selfchal.builtin_synthesizers.written_checks import NOT_SHOWN, write_checks
from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.judge import Stage
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.synthesizer import ProposalContext, ProposalRequest
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.testing.in_process import InProcessSandbox
from tests.builtin_synthesizers.test_close_attempts import AskingShop
from tests.builtin_synthesizers.test_prompts import environment_of
from tests.support.shop import Shop


def make_scene(environment: Environment, sandbox: Sandbox, revisions: int = 0) -> ChallengeScene:
    arena = Arena(environment, sandbox, Limits())
    config = CodeAsTaskConfig(prompt=Prompt.SHOWN, write_checks=True, revisions=revisions)
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    scene = CodeAsTask(config).scene(ProposalRequest(0, 1, 0), context)
    scene.start()
    return scene


def hand_in(instruction: str, solution: str) -> str:
    return (
        f"Answer:\n<instruction>{instruction}</instruction>\n<solution>\n{solution}\n</solution>\nEnd Answer"
    )


@pytest.mark.parametrize(
    ("environment", "instruction", "solution", "evaluate"),
    [
        (
            Shop(),
            "You are 'ann'. Send your order with the red lamp to Rome.",
            "set_city('W101', 'Rome')",
            "def evaluate():\n    return get_order(order_id='W101')['city'] == 'Rome'",
        ),
        (
            AskingShop(),
            "In which city is the order of user 'bob' with the green table? Answer with its name.",
            "found = get_user('bob')['orders']\ncity = get_order(found[0])['city']",
            "def evaluate(answer):\n    return answer == 'Rome'",
        ),
        (
            environment_of("calculation"),
            "A lamp costs 30 dollars. Convert the price with the rate 1.1, and work out a tariff of 7 percent "
            "on the converted price. How much is the tariff?",
            "price = convert_currency(30, 1.1)\nresult = calculate_tariff(price, 7)",
            "def evaluate(answer):\n    return abs(answer - 2.31) < 0.01",
        ),
    ],
    ids=["about the state", "an answer that nobody assigned", "a number"],
)
def test_instruction_and_solution_become_a_task_that_the_judge_keeps(
    process_sandbox: Sandbox, environment: Environment, instruction: str, solution: str, evaluate: str
) -> None:
    scene = make_scene(environment, process_sandbox)
    assert scene.step(hand_in(instruction, solution)) is None
    task, verdict = scene.proposal.task, scene.proposal.verdict
    assert task is not None
    assert verdict.passed, verdict.reason
    assert task.evaluate == evaluate.replace("2.31)", f"{30 * 1.1 * 7 / 100!r})")
    assert len(task.failures) == 3
    assert (task.provenance["drawn_failures"], task.provenance["written_checks"]) == (3, True)


def test_an_instruction_that_leaves_a_value_out_falls_as_ever(process_sandbox: Sandbox) -> None:
    scene = make_scene(environment_of("calculation"), process_sandbox, revisions=1)
    solution = "price = convert_currency(30, 1.1)\nresult = calculate_tariff(price, 7)"
    heard = scene.step(hand_in("A lamp costs 30 dollars. How much is the tariff of 7 percent?", solution))
    assert scene.proposal.verdict.stage == Stage.COMPLETE
    assert heard is not None
    assert "1.1" in heard.content


@pytest.mark.parametrize(
    ("solution", "stage", "said"),
    [
        ("set_city('W999', 'Rome')", Stage.RAN, "there is no 'W999'"),
        ("get_order('W101')", Stage.SOLUTION_PASSED, "changes nothing"),
    ],
)
def test_a_solution_that_comes_to_nothing_is_refused(solution: str, stage: Stage, said: str) -> None:
    draft = Draft("Send it to Rome.", "", solution, ())
    refused = write_checks(draft, Arena(Shop(), InProcessSandbox(), Limits()), {}, 0)
    assert isinstance(refused, Refusal)
    assert refused.stage == stage
    assert said in refused.reason + refused.feedback


def test_a_change_that_a_tool_refused_is_told_what_the_tool_said() -> None:
    retail = environment_of("retail")
    arena = Arena(retail, InProcessSandbox(), Limits())
    draft = Draft("Cancel my order.", "", "cancel_pending_order('#W0', 'no longer needed')", ())
    refused = write_checks(draft, arena, retail.exploration_context(0), 0)
    assert isinstance(refused, Refusal)
    assert "changes nothing" in refused.reason
    assert (
        "cancel_pending_order('#W0', 'no longer needed') answered 'Error: order not found'"
        in refused.feedback
    )


def test_a_tool_whose_results_do_not_count_for_the_answer_is_named() -> None:
    arena = Arena(environment_of("calculation"), InProcessSandbox(), Limits())
    unused = "price = convert_currency(30, 1.1)\nresult = calculate_tariff(30, 7)"
    refused = write_checks(Draft("Convert 30 at 1.1. Then the tariff.", "", unused, ()), arena, {}, 0)
    assert isinstance(refused, Refusal)
    assert "does not hang on what convert_currency gave" in refused.reason
    used = unused.replace("tariff(30", "tariff(price")
    assert isinstance(write_checks(Draft("The same.", "", used, ()), arena, {}, 0), Draft)


def test_a_change_that_no_tool_shows_is_refused() -> None:
    class BlindShop(Shop):
        """Nothing can be read."""

        tools = tuple(tool for tool in Shop().tools if not tool.only_reads)

    draft = Draft("Send W101 to Rome.", "", "set_city('W101', 'Rome')", ())
    refused = write_checks(draft, Arena(BlindShop(), InProcessSandbox(), Limits()), {}, 0)
    assert isinstance(refused, Refusal)
    assert refused.reason == NOT_SHOWN


@pytest.mark.parametrize("value", [True, False, 3, "word", ["a", 2], 0.1 + 0.2, {"a": None}])
def test_a_comparison_is_true_of_the_value_and_of_no_other(value: object) -> None:
    def holds(answer: object) -> object:
        return eval(write_comparison(value), {"answer": answer, "abs": abs})

    assert holds(value) is True
    if isinstance(value, float):
        assert holds(round(value, 2)) is True
        assert holds(value + 0.02) is False
    else:
        assert holds("another") is False


def test_the_prompt_asks_for_two_parts_and_shows_two() -> None:
    scene = make_scene(environment_of("calculation"), InProcessSandbox())
    said = "\n".join(message.content for message in scene.start())
    assert "<solution>" in said
    for left_out in ("evaluation_function", "evaluate(", "failure", "{evaluate_rule}", "{advice}"):
        assert left_out not in said


def test_it_needs_the_prompt_that_asks_for_two_parts() -> None:
    with pytest.raises(ValidationError, match="write_checks needs prompt: shown"):
        CodeAsTaskConfig(write_checks=True)
