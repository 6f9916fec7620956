"""The held-out tasks of calculation: 240 in the split ``test``, 120 in ``dev``, always the same ones.

Nine in ten (of dev: five in six) take two or three tool calls, each fed by the one before, over all four
families; their phrases, their connectors and about a third of the pairs of steps occur in nothing that the
embedded model was pretrained on. ``dev`` is for choosing settings; ``test`` is for measuring alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from selfchal.builtin_envs.calculation.chains import FAMILIES, Chain, Pairs, held_out, sample_chain
from selfchal.builtin_envs.calculation.wording import DEV, TEST, Wording
from selfchal.core.task import TestTask

# Tasks a family, by number of steps.
_TEST_COUNTS = {1: 4, 2: 36, 3: 20}
_DEV_COUNTS = {1: 5, 2: 15, 3: 10}


@cache
def test_tasks(split: str) -> tuple[TestTask, ...]:
    """The tasks of ``test`` or ``dev``. ``truth`` holds ``answer`` (text) and ``turns``, the agent's
    turns that solve the task. Raises KeyError for another split."""
    wording, counts, seed = {"test": (TEST, _TEST_COUNTS, 7003), "dev": (DEV, _DEV_COUNTS, 7002)}[split]
    rng = random.Random(seed)
    tasks: dict[str, TestTask] = {}
    for family in FAMILIES:
        for steps, count in counts.items():
            wanted = len(tasks) + count
            while len(tasks) < wanted:
                chain = sample_chain(rng, family, steps, accept=_draw_pairs(rng))
                if steps == 1 and chain.steps[0].kind.first:
                    continue  # the answer is one of the numbers given
                task = _make_task(rng, f"{split}-{len(tasks):03d}", chain, wording)
                tasks.setdefault(task.instruction, task)
    return tuple(tasks.values())


def _draw_pairs(rng: random.Random) -> Callable[[Pairs], bool]:
    """Half of the tasks of several steps hold a held-out pair of steps, half hold none."""
    wanted = rng.random() < 0.5
    return lambda pairs: not pairs or any(map(held_out, pairs)) == wanted


def _make_task(rng: random.Random, name: str, chain: Chain, wording: Wording) -> TestTask:
    plural = "step" if len(chain.steps) == 1 else "steps"
    return TestTask(
        id=name,
        instruction=worded(rng, chain, wording),
        context={},
        truth={"answer": str(chain.answer), "turns": agent_turns(chain)},
        family=f"{chain.family}/{len(chain.steps)} {plural}",
    )


def worded(rng: random.Random, chain: Chain, wording: Wording) -> str:
    """The chain as an instruction."""
    phrases = []
    for index, step in enumerate(chain.steps):
        slots = {"x": rng.choice(wording.references) if index else "", **step.literals}
        phrases.append(rng.choice(wording.phrases[step.kind.name]).format(**slots))
    return rng.choice(wording.frames[len(phrases)]).format(*phrases)


def agent_turns(chain: Chain) -> list[str]:
    """What an agent that solves the chain says, turn by turn."""
    actions = [f"Action:\nprint({call})\nEnd Action" for call in chain.calls()]
    return [*actions, f"Answer: {chain.answer}"]
