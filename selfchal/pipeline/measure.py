"""One measurement on held-out tasks, outside of a run: a model or checkpoint, the oracle, doing nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from selfchal.core.arena import Arena
from selfchal.core.episode import Episode
from selfchal.core.errors import ManifestError, ModelError
from selfchal.core.sandbox import Sandbox
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json
from selfchal.pipeline.context import open_context
from selfchal.pipeline.environments import agent_config_of, limits_of, open_environment, scene_of_test
from selfchal.pipeline.evaluation import Mode, Score, do_nothing, evaluate, score_of
from selfchal.pipeline.manifest import Choice, Manifest
from selfchal.pipeline.results import summary
from selfchal.pipeline.roles import USER_TEMPERATURE, chat_of, open_model
from selfchal.pipeline.statistics import estimate
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import SetName, TestSet, held_out, list_test_tasks
from selfchal.pipeline.unjudged import describe_unjudged
from selfchal.pipeline.watch import Watchers, watching
from selfchal.rollout.agent import AgentConfig
from selfchal.rollout.given_turns import play_turns


class Policy(StrEnum):
    """Who acts."""

    MODEL = "model"
    ORACLE = "oracle"  # the environment's own solution of each task
    NOTHING = "nothing"  # says ``ok`` and calls no tool


def measure_model(
    manifest: Manifest,
    store: Store,
    watchers: Watchers,
    checkpoint: Path | None = None,
    exam: Sequence[Task] = (),
) -> dict[str, Json]:
    """pass@1, pass@k and greedy of the manifest's model, or of a checkpoint of it.

    On the held-out tasks, and under ``exam`` on these self-made ones, where there are any. The watchers that
    the manifest names are for runs, and hear nothing of it.
    Raises ModelError for a checkpoint that is none, ManifestError where there is nothing to measure with.
    """
    if checkpoint is not None and not checkpoint.is_dir():
        raise ModelError(f"{checkpoint} is no checkpoint: a directory of weights is needed")
    # without a checkpoint the weights stay as they are, and a user that is the policy needs no copy of them
    trainer = manifest.trainer if checkpoint else None
    with open_context(replace(manifest, watchers=(), trainer=trainer), store, watchers) as context:
        if checkpoint is not None:
            context.trainable_model.load(checkpoint)
        when = str(checkpoint.resolve()) if checkpoint else "start"
        sets = [TestSet(SetName.HELD_OUT, held_out(context)), TestSet(SetName.EXAM, exam)]
        samples = manifest.settings.evaluation.samples
        found = {
            one.name: summary(evaluate(context, when, (Mode.SAMPLED, Mode.GREEDY), one), samples)
            for one in sets
            if one.tasks
        }
        if not found:
            raise ManifestError(_describe_nothing(context.environments))
        of_exam = found.get(SetName.EXAM)
        return found.get(SetName.HELD_OUT, {}) | ({"exam": of_exam} if of_exam else {})


def measure_policy(manifest: Manifest, policy: Policy, watchers: Watchers) -> dict[str, Json]:
    """What the oracle or doing nothing scores. Loads no model but ``user``, where the manifest names one."""
    choice, (asked,) = _expect_one(manifest), manifest.splits
    section = manifest.settings.evaluation
    with ExitStack() as closing:
        environment = open_environment(choice, closing)
        tasks = list_test_tasks(environment, asked, section.tasks)
        if not tasks:
            raise ManifestError(_describe_nothing([environment.name]))
        split = asked or environment.splits()[0]
        if policy is Policy.NOTHING:
            return _summarize(Score(do_nothing(environment, tasks)), split)
        watch = closing.enter_context(watching(replace(manifest, watchers=()), None, watchers))
        sandbox: Sandbox = manifest.sandbox.make()
        closing.callback(sandbox.close)
        user = manifest.evaluation_user or manifest.user
        tokens = manifest.settings.rollout.max_tokens
        chat = chat_of(open_model(user, closing), tokens, USER_TEMPERATURE) if user else None
        arena = Arena(environment, sandbox, limits_of(manifest.settings.limits))
        agent_config = agent_config_of(manifest.settings.rollout, arena, chat)
        with watch.stage("oracle", len(tasks), "episodes"):
            episodes = play_oracle(agent_config, tasks, watch.progress)
        return _summarize(score_of(episodes), split)


def _expect_one(manifest: Manifest) -> Choice:
    """The only environment. Raises ManifestError where there are several."""
    if len(manifest.environments) > 1:
        raise ManifestError(
            f"this manifest has several environments ({manifest.name_environments()}); name one of them: "
            "selfchal eval NAME --policy oracle"
        )
    return manifest.environments[0]


def _describe_nothing(names: Iterable[str]) -> str:
    return (
        f"{' and '.join(names)} has no held-out tasks in that split, so there is nothing to measure with; "
        "give it some (test_tasks), or measure a run that set an exam apart (evaluation.exam)"
    )


def play_oracle(
    agent_config: AgentConfig, tasks: Sequence[TestTask], on_done: Callable[[int], None]
) -> list[Episode]:
    """Every task played by its environment's own solution, through the agent's scene and sandbox.

    ``on_done`` hears how many were.
    """
    episodes = []
    for done, task in enumerate(tasks, start=1):
        # an environment's own solutions are code, whatever the models of the manifest write
        scene = scene_of_test(task, replace(agent_config, action_format="code"))
        episodes.append(play_turns(scene, agent_config.arena.environment.oracle(task)))
        on_done(done)
    return episodes


def _summarize(score: Score, split: str) -> dict[str, Json]:
    part = estimate(score.rows)
    failed = [task for task, rewards in score.rows.items() if 0.0 in rewards]
    return {"split": split, "pass@1": part.mean, "interval": [part.low, part.high], "tasks": part.tasks,
            "warning": part.warning, "failed": failed, **describe_unjudged([score])}  # fmt: skip
