"""Three settings of what decides an unsure value, for the benchmarks: nothing, the encoder, a model besides.

Readers only ever look at tasks in which something is unsure. So every task is judged once with nothing at
hand, and in the other settings those tasks are judged again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from threading import Lock
from typing import Any

import selfchal
from selfchal.core.arena import Arena
from selfchal.core.evidence import Solver
from selfchal.core.judge import Outcome
from selfchal.core.model import Model
from selfchal.core.sandbox import Limits
from selfchal.core.world import Json
from selfchal.judging import Judge, format_verdict, judge_each
from selfchal.judging.checks.completeness import Completeness, CompletenessConfig
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.context import solver_of
from selfchal.pipeline.manifest import RolloutSection
from selfchal.pipeline.roles import RATING_TEMPERATURE, chat_of

NOTHING, ENCODER, MODEL = "nothing", "encoder", "model"
LONGEST_ANSWER = 2  # tokens of a reader's reply, which is one letter

Row = dict[str, Json]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which settings are measured."""
    parser.add_argument("--encoder", action="store_true", help="measure with the sentence encoder too")
    parser.add_argument("--base-url", help="measure with the encoder and this OpenAI-compatible server too")
    parser.add_argument("--model", default="model", help="the model's name at that server")
    parser.add_argument("--attempts", type=int, default=0, help="attempts where the model cannot tell")


def list_settings(options: argparse.Namespace) -> list[str]:
    asked = [ENCODER] if options.encoder or options.base_url else []
    return [NOTHING, *asked, *([MODEL] if options.base_url else [])]


def judge_in_settings(
    tasks: Sequence[Any], environment: str, options: argparse.Namespace
) -> Mapping[str, list[Row]]:
    """The verdicts on these tasks by setting, each in order."""
    verdicts = list(selfchal.judge_rows(tasks, environment, processes=None))
    found = {NOTHING: verdicts}
    unsure = [i for i, verdict in enumerate(verdicts) if is_unsure(verdict)]
    for setting in list_settings(options)[1:]:
        again = _judge_again([tasks[i] for i in unsure], environment, setting, options)
        found[setting] = list(verdicts)
        for i, verdict in zip(unsure, again, strict=True):
            found[setting][i] = verdict
    return found


def is_unsure(verdict: Row) -> bool:
    """Is the task kept, and marked for a value about which nothing at hand can decide?"""
    completeness = verdict["diagnostics"].get("completeness", {})
    return verdict["outcome"] == Outcome.PASSED and "unsure" in completeness


def _judge_again(
    tasks: Sequence[Any], environment: str, setting: str, options: argparse.Namespace
) -> list[Row]:
    with ExitStack() as closing:
        made = selfchal.open_environment(environment)
        arena = Arena(made, closing.enter_context(selfchal.open_sandbox("process")), Limits())
        runner = SandboxTaskRunner(arena)
        asks_model = setting == MODEL
        if asks_model:
            section: dict[str, Json] = {
                "name": "openai", "base_url": options.base_url, "model": options.model
            }  # fmt: skip
            model = closing.enter_context(selfchal.open_model(section))
            solver = _make_solver(model, arena, Lock())
            runner = SandboxTaskRunner(arena, solver, chat_of(model, LONGEST_ANSWER, RATING_TEMPERATURE))
        config = CompletenessConfig(
            encoder=True, reader=asks_model, attempts=options.attempts if asks_model else 0
        )
        judge = Judge(runner, [Completeness(config)])
        return [format_verdict(*row) for row in judge_each(judge, made, tasks, [], 1)]


def _make_solver(model: Model, arena: Arena, lock: Lock) -> Solver:
    return solver_of(model, arena, None, RolloutSection(), lock)
