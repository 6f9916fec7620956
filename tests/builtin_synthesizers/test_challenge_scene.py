"""The challenger's scene, played by scripted models: exploring, answering, revising, every bound."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.builtin_synthesizers.challenge_scene import LAST_STEP, LOOK_FIRST, ChallengeScene
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.core.arena import Arena
from selfchal.core.episode import End
from selfchal.core.judge import Outcome, Stage
from selfchal.core.sandbox import Limits
from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import CANCEL, Shop

EXPLORE = "Let me look.\nAction:\nprint(get_user('ann'))\nEnd Action"


def written(task: Task = CANCEL, **changes: Any) -> str:
    parts = {"instruction": task.instruction, "evaluate": task.evaluate, "solution": task.solution} | changes
    failures = "".join(f"<failure_case>\n{source}\n</failure_case>\n" for source in task.failures)
    return (
        f"Answer:\n<instruction>{parts['instruction']}</instruction>\n"
        f"<evaluation_function>\n{parts['evaluate']}\n</evaluation_function>\n"
        f"<solution>\n{parts['solution']}\n</solution>\n{failures}End Answer"
    )


@pytest.fixture
def sandbox() -> InProcessSandbox:
    return InProcessSandbox()


def scene(sandbox: InProcessSandbox, focus: tuple[str, ...] = (), **config: Any) -> ChallengeScene:
    arena = Arena(Shop(), sandbox, Limits())
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    return CodeAsTask(CodeAsTaskConfig(**config)).scene(ProposalRequest(7, 1, 0, focus), context)


def play(scene: ChallengeScene, *texts: str) -> tuple[Proposal, list[str]]:
    heard = [message.content for message in scene.start()]
    for text in texts:
        message = scene.step(text)
        if message is None:
            break
        heard.append(message.content)
    else:
        pytest.fail(f"the scene went on after {texts[-1]!r}: {heard[-1]}")
    scene.finish(None)
    return scene.proposal, heard[2:]


def test_the_first_line_says_challenger_and_the_prompt_is_filled(sandbox: InProcessSandbox) -> None:
    system, first = scene(sandbox, focus=("set_city",)).start()
    assert "challenger" in system.content.splitlines()[0]
    assert "cancel_order(order_id: str, reason: str)" in system.content
    assert "user_id: ann" in first.content
    assert "set_city" in first.content
    for slot in ("{tools}", "{policy}", "{example}", "{start}", "{focus}", "{failure_form}"):
        assert slot not in system.content + first.content


def test_explores_then_answers(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox), EXPLORE, written())
    assert heard[0].startswith("Observation:\n")
    assert "Ann Lee" in heard[0]
    assert proposal.verdict.passed, proposal.verdict.reason
    assert proposal.task is not None
    assert proposal.task.context == {"user_id": "ann"}
    assert proposal.task.provenance["index"] == 7
    assert proposal.diagnostics["explored"] == 1


def test_variables_stay_between_exploring_turns(sandbox: InProcessSandbox) -> None:
    first = "Action:\nuser = get_user('ann')\nEnd Action"
    second = "Action:\nprint(user['name'])\nEnd Action"
    _, heard = play(scene(sandbox), first, second, written())
    assert "Ann Lee" in heard[1]


def test_tracebacks_go_back_and_the_mended_task_counts(sandbox: InProcessSandbox) -> None:
    broken = written(solution='cancel_order("W109", reason="x")')
    proposal, heard = play(scene(sandbox), broken, EXPLORE, written())
    assert heard[0].startswith("Observation:\n")
    assert "there is no 'W109'" in heard[0]
    assert proposal.verdict.passed
    assert proposal.revisions == 1


def test_a_refused_task_may_be_followed_by_another_look(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox), written(solution="get_order('W109')"), EXPLORE, written())
    assert LOOK_FIRST in heard[0]
    assert proposal.verdict.passed
    _, heard = play(scene(sandbox, exploration=False), written(solution="get_order('W109')"), written())
    assert LOOK_FIRST not in heard[0]


def test_revisions_are_bounded(sandbox: InProcessSandbox) -> None:
    broken = written(solution="1 / 0")
    proposal, heard = play(scene(sandbox, revisions=2), broken, broken, broken, broken)
    assert (proposal.verdict.outcome, proposal.verdict.stage) == (Outcome.FAILED, Stage.RAN)
    assert len(heard) == 2
    proposal, heard = play(scene(sandbox, revisions=0), broken, broken)
    assert not heard


VAGUE = "You are Ann Lee. Cancel your order because you no longer need it."
CLEAR = "Answer:\n<instruction>You are Ann Lee. Cancel your order of the blue chair because you no longer need it."
CLEAR += "</instruction>\nEnd Answer"


def test_an_incomplete_instruction_is_repaired_alone(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox), written(instruction=VAGUE), CLEAR)
    assert "the instruction alone" in heard[0]
    assert CANCEL.solution in heard[0]
    assert proposal.verdict.passed, proposal.verdict.reason
    assert proposal.task is not None
    assert proposal.task.solution == CANCEL.solution
    assert proposal.task.instruction.endswith("the blue chair because you no longer need it.")
    assert (proposal.revisions, proposal.task.provenance["repaired"]) == (1, 1)


def test_repairs_are_bounded_and_off_without_revisions(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox, revisions=0), written(instruction=VAGUE), CLEAR)
    assert (proposal.verdict.stage, heard) == (Stage.COMPLETE, [])
    still = CLEAR.replace(" of the blue chair", "")
    proposal, heard = play(scene(sandbox, revisions=2), written(instruction=VAGUE), still, still, CLEAR)
    assert (proposal.verdict.stage, len(heard)) == (Stage.COMPLETE, 2)


def test_an_instruction_alone_is_no_task(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox), CLEAR, written())
    assert "<evaluation_function>" in heard[0]
    assert proposal.verdict.passed


def test_exploration_is_bounded(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox, exploration_steps=2), EXPLORE, EXPLORE, EXPLORE)
    assert LAST_STEP in heard[1]
    assert proposal.verdict.stage == Stage.PARSED
    assert proposal.task is None


def test_chatter_gets_a_reminder_and_is_bounded(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox, exploration_steps=3), *["What a fine day."] * 9)
    assert len(heard) == 3
    assert proposal.verdict.reason == "no task was proposed"


def test_exploration_off_takes_no_action(sandbox: InProcessSandbox) -> None:
    proposal, heard = play(scene(sandbox, exploration=False), EXPLORE)
    assert (proposal.task, heard, sandbox.runs) == (None, [], 0)


def test_failures_off_asks_for_none_and_needs_none(sandbox: InProcessSandbox) -> None:
    one = scene(sandbox, failures=False)
    assert "failure" not in one.start()[0].content.lower()
    proposal, _ = play(one, written())
    assert proposal.verdict.passed, proposal.verdict.reason
    assert proposal.task is not None
    assert proposal.task.failures == ()


def test_filters_off_keeps_what_parses(sandbox: InProcessSandbox) -> None:
    proposal, _ = play(scene(sandbox, filters="none"), written(solution="1 / 0"))
    assert proposal.verdict.passed
    assert sandbox.runs == 0


def test_the_instruction_is_redacted(sandbox: InProcessSandbox) -> None:
    text = written(instruction="Cancel W102, the blue chair, because I no longer need it")
    proposal, _ = play(scene(sandbox), text)
    assert proposal.task is not None
    assert proposal.task.instruction == "Cancel the order, the blue chair, because I no longer need it"
    assert proposal.task.provenance["redacted"] is True


def test_a_broken_sandbox_could_not_check(sandbox: InProcessSandbox) -> None:
    sandbox.broken = True
    one = scene(sandbox)
    proposal, _ = play(one, written())
    assert proposal.verdict.outcome is Outcome.COULD_NOT_CHECK
    other = scene(sandbox)
    proposal, _ = play(other, EXPLORE)
    assert proposal.verdict.outcome is Outcome.COULD_NOT_CHECK
    result = other.finish(None)
    assert (result.end, result.reward) == (End.INFRA, None)


def test_cut_by_length_says_so(sandbox: InProcessSandbox) -> None:
    one = scene(sandbox)
    one.start()
    one.step(EXPLORE)
    assert "context was full" in one.finish(End.LENGTH).reason


def test_a_challenger_that_an_endpoint_refuses_says_why(sandbox: InProcessSandbox) -> None:
    one = scene(sandbox)
    one.start()
    result = one.finish(End.REFUSED, "its filter objects")
    assert result.reason == "no task was proposed: its filter objects"
    assert result.end is End.REFUSED


def test_proposals_survive_json(sandbox: InProcessSandbox) -> None:
    proposal, _ = play(scene(sandbox), written())
    assert Proposal.from_json(proposal.to_json()) == proposal
