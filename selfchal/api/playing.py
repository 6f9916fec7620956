"""One episode of one task: by a model, or by turns that are written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import NoneType
from typing import cast

from selfchal.api.arguments import expect, expect_number, expect_whole
from selfchal.api.opening import (
    EnvironmentLike,
    ModelLike,
    SandboxLike,
    open_model,
    open_sandbox,
    using_environment,
)
from selfchal.core.arena import Arena
from selfchal.core.environment import Chat, Environment
from selfchal.core.episode import Episode
from selfchal.core.errors import ManifestError
from selfchal.core.model import Sampling
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json
from selfchal.judging.rows import read_row
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.environments import scene_of_task, scene_of_test
from selfchal.pipeline.roles import RATING_TEMPERATURE, USER_TEMPERATURE, chat_of
from selfchal.rollout.actions import STOPS
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.rollout.given_turns import play_turns
from selfchal.rollout.rollout import Rollout


def play(
    task: Task | TestTask | Mapping[str, Json],
    environment: EnvironmentLike,
    agent: ModelLike | Sequence[str],
    sandbox: SandboxLike = "process",
    *,
    max_steps: int = 15,
    max_tokens: int = 512,
    temperature: float = 1.0,
    seed: int = 0,
    limits: Limits | None = None,
) -> Episode:
    """One episode of an agent at work on a task, with its reward.

    ``task`` is a task, a held-out test task, or a row with a task's parts as for ``judge``.
    ``agent`` is a model (a name, a section, a class, or one that ``open_model`` opened), or a list of the
    agent's turns as texts, each an action or an answer as a model writes them; an environment's ``oracle``
    gives those that solve a held-out task. Agents act in code.

    The episode has ``messages``, ``end``, ``answer`` and ``reward``: 0 or 1 by the task's ``evaluate`` or the
    environment's ``grade``, None where the sandbox failed. Of a model it also has ``ids``, ``mask`` and
    ``logprobs``, one entry a token.

    ``max_steps`` is turns, ``max_tokens`` tokens of one turn; ``temperature`` 0 is greedy, and equal seeds
    give equal episodes. ``limits`` hold for one execution, as for ``judge``.

    Raises ManifestError for a row that is no task and for a task of another environment, ModelError where
    the first prompt and one turn are longer than the model's context, and what ``open_environment``,
    ``open_sandbox`` and ``open_model`` raise.
    """
    expect_whole(max_steps, 1, "max_steps")
    expect_whole(max_tokens, 1, "max_tokens")
    expect_number(temperature, 0, "temperature")
    expect(seed, (int,), "a whole number for seed")
    expect(limits, (Limits, NoneType), "a selfchal.Limits for limits")
    turns = list(agent) if isinstance(agent, Sequence) and not isinstance(agent, str) else None
    for turn in turns or ():
        expect(turn, (str,), "a text for each of the agent's turns")
    with ExitStack() as closing:
        made = closing.enter_context(using_environment(environment))
        task = _read_task(task, made)
        opened = closing.enter_context(open_sandbox(sandbox))
        arena = Arena(made, opened, limits or Limits())
        if turns is not None:
            config = AgentConfig(arena, max_steps)
            return play_turns(_make_scene(task, config), turns)
        model = closing.enter_context(open_model(cast(ModelLike, agent)))
        config = AgentConfig(arena, max_steps, chat=chat_of(model, max_tokens, USER_TEMPERATURE))
        sampling = Sampling(temperature, max_tokens=max_tokens, stop=STOPS, seed=seed)
        scene = _make_scene(task, config, chat_of(model, max_tokens, RATING_TEMPERATURE))
        (episode,) = Rollout(model, sampling).roll([scene])
        return episode


def _read_task(task: Task | TestTask | Mapping[str, Json], environment: Environment) -> Task | TestTask:
    expect(task, (Task, TestTask, Mapping), "a task, a held-out test task or a row with a task's parts")
    read = task if isinstance(task, Task | TestTask) else read_row(task)
    if isinstance(read, str):
        raise ManifestError(f"this row is no task: {read}")
    if read.environment not in ("", environment.name):
        raise ManifestError(f"the task is for environment {read.environment!r}, not for {environment.name!r}")
    if isinstance(read, TestTask) and not _is_held_out(read, environment):
        raise ManifestError(f"{read.id!r} is none of the held-out tasks of {environment.name!r}")
    return read


def _is_held_out(task: TestTask, environment: Environment) -> bool:
    ids = (one.id for split in environment.splits() for one in environment.test_tasks(split))
    return task.id in ids


def _make_scene(task: Task | TestTask, config: AgentConfig, judge: Chat | None = None) -> AgentScene:
    """``judge`` rates the episode of a task that has no ``evaluate``."""
    if isinstance(task, TestTask):
        return scene_of_test(task, config)
    return scene_of_task(task, config, SandboxTaskRunner(config.arena, chat=judge))
