"""An agent that hides where it does not know: real sandbox, real reward, and its score does not rise.

Episodes that could not be judged are left out of a score. So an agent that could make its own episodes
unjudged, where it does not know the answer, would be left with those that it solves.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from selfchal.core.arena import Arena
from selfchal.core.episode import End, Episode
from selfchal.core.sandbox import Limits, Sandbox, Status
from selfchal.core.task import Task
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.evaluation import score_of
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.testing.attacks import infrastructure
from tests.support.shop import ShopEnvironment

LIMITS = Limits(seconds=0.5)
# Every way of the attack suite, each as an action of its own.
HIDING = [
    f"{attack.source}\ntry:\n    attack({{}})\nexcept BaseException:\n    pass"
    for attack in infrastructure.ATTACKS
]
KNOWN = 20


def _make_task(name: str) -> Task:
    return Task(
        id=name,
        environment="shop",
        context={},
        instruction="How many orders has ann?",
        evaluate="def evaluate(answer):\n    return answer == 2",
        solution="result = len(get_user('ann')['orders'])",
        failures=("result = 1",) * 3,
        diagnostics={"answer_type": "int"},
    )


def _play(sandbox: Sandbox, task: Task, turns: Sequence[str]) -> Episode:
    arena = Arena(ShopEnvironment(), sandbox, LIMITS)
    runner = SandboxTaskRunner(arena)
    config = AgentConfig(arena, max_steps=len(turns))
    scene = AgentScene(
        task.id,
        task.instruction,
        {},
        config,
        lambda world, answer, _: runner.reward(task, world, answer),
    )
    scene.start()
    for turn in turns:
        if scene.step(turn) is None:
            break
    episode = Episode(task.id, 0)
    episode.close(scene.finish(None))
    return episode


def _act(code: str) -> str:
    return f"Action:\n{code}\nEnd Action"


@pytest.mark.slow
@pytest.mark.parametrize("first", [[], [_act("orders = get_user('ann')['orders']\nprint(orders)")]])
def test_an_agent_that_forges_failures_of_the_sandbox_scores_as_one_that_guesses_wrong(
    process_sandbox: Sandbox, first: list[str]
) -> None:
    """In its first action, when a failure would be retried, and after a tool call, when it would not be."""
    honest = [_play(process_sandbox, _make_task(f"known {n}"), ["Answer: 2"]) for n in range(KNOWN)]
    tasks = [_make_task(f"unknown {number}") for number in range(len(HIDING))]
    guessed = [_play(process_sandbox, task, ["Answer: 3"]) for task in tasks]
    with ThreadPoolExecutor(4) as threads:
        hidden = list(
            threads.map(
                lambda number: _play(process_sandbox, tasks[number], [*first, _act(HIDING[number])]),
                range(len(HIDING)),
            )
        )
    fair, forged = score_of([*honest, *guessed]), score_of([*honest, *hidden])
    assert fair.unjudged == forged.unjudged == 0
    assert [episode.end for episode in hidden if episode.end is End.INFRA] == []
    rates = [sum(map(sum, score.rows.values())) / len(score.rows) for score in (fair, forged)]
    assert rates[0] == rates[1] == pytest.approx(KNOWN / (KNOWN + len(HIDING)))


@pytest.mark.slow
def test_a_task_whose_code_forges_failures_of_the_sandbox_is_judged(process_sandbox: Sandbox) -> None:
    """A challenger that hides its solution or its verifier gets a verdict, not another try."""
    runner = SandboxTaskRunner(Arena(ShopEnvironment(), process_sandbox, LIMITS))
    for source in HIDING[:8]:
        trial = runner.try_code(_make_task("hidden"), source)  # raises SandboxError for a failure
        assert trial.execution.status is not Status.INFRA_ERROR
        hiding = Task.from_json(
            {**_make_task("hidden").to_json(), "evaluate": f"{source}\ndef evaluate():\n    return True"}
        )
        evaluation = runner.try_nothing(hiding).evaluation
        assert evaluation is not None
        assert not evaluation.ok
