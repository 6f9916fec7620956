"""The prompts that a challenger gets: filled, short, and with exemplars that our own judge lets pass."""

from __future__ import annotations

import hashlib

import pytest

from selfchal.builtin_synthesizers.answer import Draft, parse_answer
from selfchal.builtin_synthesizers.challenge_scene import ChallengeScene
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.builtin_synthesizers.prompting import write_example
from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.synthesizer import ProposalContext, ProposalRequest
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.checks.near_duplicates import NEAR, HeldOutTexts
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.plugins.registry import load_plugins
from selfchal.rollout.agent import system_prompt

CONTEXTS = {
    "calculation": {},
    "web_browsing": {"page": "/"},
    "retail": {"user_id": "bruno_meyer_9458"},
    "airline": {"user_id": "dario_vogel_5490"},
}
# sha256 of the challenger's two messages and of the agent's prompt in both action formats. The seedlings know
# these texts by heart and their figures hang on them, so a change here means pretraining them again.
SEEDLING_PROMPTS = {
    "calculation": ["5bdb7b90a084a06c", "70c5e00bbbba56e6", "dc93528cbf456663", "e129c744d22a178a"],
    "web_browsing": ["4368fbab8dd487de", "d6ca4f67ec1fac99", "dae4383419d96cf9", "6ba6f81f515c2a6e"],
}
MOST_WORDS = 1_500  # some 2,500 tokens: room for ten exploring turns in the context of an 8B model


def environment_of(name: str) -> Environment:
    kind = load_plugins().find("environment", name)
    environment: Environment = kind(kind.Config())
    return environment


def exemplar(name: str) -> Task:
    draft = parse_answer(write_example(name, None))
    assert isinstance(draft, Draft)
    assert draft.forgiven == ()
    return Task(name, name, CONTEXTS[name], draft.instruction, draft.evaluate, draft.solution, draft.failures)


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_exemplar_passes_the_judge(process_sandbox: Sandbox, name: str) -> None:
    environment = environment_of(name)
    task = exemplar(name)
    verdict = Judge(SandboxTaskRunner(Arena(environment, process_sandbox, Limits())))(task)
    assert verdict.passed, (verdict.stage, verdict.reason)
    assert verdict.diagnostics["strength"]["noop_failures"] == []
    assert environment.redact(task.instruction, task.context) == task.instruction


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_exemplar_is_no_held_out_task(name: str) -> None:
    environment = environment_of(name)
    tasks = [task for split in environment.splits() for task in environment.test_tasks(split)]
    nearest = HeldOutTexts.of(tasks).nearest(exemplar(name))
    assert nearest is not None
    assert nearest[1] < NEAR / 2, nearest


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_prompt_is_filled_and_short(process_sandbox: Sandbox, name: str) -> None:
    arena = Arena(environment_of(name), process_sandbox, Limits())
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    scene: ChallengeScene = CodeAsTask(CodeAsTaskConfig()).scene(ProposalRequest(0, 1, 0), context)
    system, first = scene.start()
    assert write_example(name, None) in system.content
    for slot in ("{tools}", "{policy}", "{advice}", "{example}", "{start}", "{focus}", "{steps}"):
        assert slot not in system.content + first.content
    assert len(f"{system.content} {first.content}".split()) < MOST_WORDS


@pytest.mark.parametrize("name", SEEDLING_PROMPTS)
def test_the_prompts_of_the_seedlings_stay_as_they_are(process_sandbox: Sandbox, name: str) -> None:
    environment = environment_of(name)
    arena = Arena(environment, process_sandbox, Limits())
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    said = CodeAsTask(CodeAsTaskConfig()).scene(ProposalRequest(0, 1, 0), context).start()
    texts = [message.content for message in said]
    texts += [system_prompt(environment, 15), system_prompt(environment, 15, "tools")]
    assert [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts] == SEEDLING_PROMPTS[name]
