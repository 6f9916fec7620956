"""A run's worker: it makes the scenes of orders and judges tasks, where the run is or in another process.

A worker loads no model. Made elsewhere, out of a ``RunWorkerSpec``, it has an environment, a sandbox, a judge
and a synthesizer of its own, and asks the run for whatever a model would say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import cast

from selfchal.core.arena import Arena
from selfchal.core.engine import Ask, AttemptsQuestion, ChatQuestion, Order, ProposalOrder, Question, Role
from selfchal.core.environment import Environment
from selfchal.core.errors import ManifestError
from selfchal.core.evidence import Attempt
from selfchal.core.judge import Filter, Verdict
from selfchal.core.model import Message
from selfchal.core.sandbox import Sandbox
from selfchal.core.scene import Scene
from selfchal.core.synthesizer import Synthesizer
from selfchal.core.task import MIN_FAILURES, Task, TestTask
from selfchal.pipeline.environments import (
    EnvironmentContext,
    Speakers,
    limits_of,
    make_environment_context,
    open_environment,
    scene_of_task,
    scene_of_test,
)
from selfchal.pipeline.manifest import Choice, LimitsSection, Manifest, RolloutSection


@dataclass(frozen=True)
class RunWorker:
    """``selfchal.core.engine.Worker`` of a run. ``environments`` by name. ``closing`` holds what was opened
    for this worker alone: nothing where the run opened it."""

    environments: Mapping[str, EnvironmentContext]
    synthesizer: Synthesizer | None
    closing: ExitStack = field(default_factory=ExitStack)

    def make_scene(self, order: Order) -> Scene:
        of = self.environments[order.environment]
        if isinstance(order, ProposalOrder):
            assert self.synthesizer is not None, "only a run with a synthesizer asks for proposals"
            return self.synthesizer.scene(order.request, of.proposal_context)
        agent_config = of.measured_config if order.measured else of.agent_config
        if isinstance(order.task, TestTask):
            return scene_of_test(of.take_prefix(order.task), agent_config, order.task.id)
        return scene_of_task(order.task, agent_config, of.runner)

    def judge(
        self,
        environment: str,
        task: Task,
        filters: Filter = Filter.FULL,
        min_failures: int = MIN_FAILURES,
    ) -> Verdict:
        return self.environments[environment].judge(task, filters, min_failures)

    def close(self) -> None:
        self.closing.close()


@dataclass(frozen=True)
class RunWorkerSpec:
    """``selfchal.core.engine.WorkerSpec`` of a run: what a worker is made of, and no model.

    Wrong outcomes are drawn from the ``secret``, so that all workers of a run draw alike.
    """

    environments: tuple[Choice, ...]
    sandbox: Choice
    synthesizer: Choice | None
    checks: tuple[Choice, ...]
    rollout: RolloutSection
    limits: LimitsSection
    secret: str = field(repr=False)

    def open(self, ask: Ask) -> RunWorker:
        closing = ExitStack()
        with closing:
            arenas = self.open_arenas(closing)
            synthesizer = self.make_synthesizer()
            speakers = {name: _speak_through(ask, name) for name in arenas}
            return self.make_worker(arenas, synthesizer, speakers, closing.pop_all())

    def open_arenas(self, closing: ExitStack) -> dict[str, Arena]:
        """Each environment by its name, with one sandbox for all."""
        environments = self._open_environments(closing)
        sandbox: Sandbox = self.sandbox.make()
        closing.callback(sandbox.close)
        return {one.name: Arena(one, sandbox, limits_of(self.limits)) for one in environments}

    def _open_environments(self, closing: ExitStack) -> list[Environment]:
        """Raises ManifestError where one of several goes by another name than its plugin: tasks and episodes
        say the one, manifests the other."""
        opened = [open_environment(choice, closing) for choice in self.environments]
        for choice, environment in zip(self.environments, opened, strict=True):
            if len(opened) > 1 and environment.name != choice.name:
                raise ManifestError(
                    f"environment {choice.name!r} calls itself {environment.name!r}; in a run with several "
                    "environments the two names must be the same"
                )
        return opened

    def make_synthesizer(self) -> Synthesizer | None:
        """The challenger's; None where nothing is proposed."""
        return cast(Synthesizer, self.synthesizer.make()) if self.synthesizer else None

    def make_worker(
        self,
        arenas: Mapping[str, Arena],
        synthesizer: Synthesizer | None,
        speakers: Mapping[str, Speakers],
        closing: ExitStack,
    ) -> RunWorker:
        """The worker over what is open; ``speakers`` by environment."""
        environments = {
            name: make_environment_context(
                arena,
                self.rollout,
                [choice.make() for choice in self.checks],
                self.secret,
                speakers[name],
                f"{name}/" if len(arenas) > 1 else "",
            )
            for name, arena in arenas.items()
        }
        return RunWorker(environments, synthesizer, closing)


def spec_of(manifest: Manifest, secret: str) -> RunWorkerSpec:
    """What the workers of a run of this manifest are made of."""
    return RunWorkerSpec(
        manifest.environments,
        manifest.sandbox,
        manifest.synthesizer,
        manifest.checks,
        manifest.settings.rollout,
        manifest.settings.limits,
        secret,
    )


def _speak_through(ask: Ask, environment: str) -> Speakers:
    """Everything that a model would say is asked of the run."""
    return Speakers(
        _AskedChat(ask, "user"),
        _AskedChat(ask, "measured_user"),
        _AskedChat(ask, "judge"),
        _AskedSolver(ask, environment),
    )


@dataclass(frozen=True)
class _AskedChat:
    ask: Ask
    role: Role

    def __call__(self, messages: Sequence[Message]) -> str:
        return cast(str, self.ask(ChatQuestion(self.role, tuple(messages))))


@dataclass(frozen=True)
class _AskedSolver:
    ask: Ask
    environment: str

    def __call__(self, task: Task, attempts: int) -> list[Attempt]:
        return cast(list[Attempt], self.ask(AttemptsQuestion(self.environment, task, attempts)))


@dataclass(frozen=True)
class RunAnswers:
    """``selfchal.core.engine.Ask``, answered by the models of the run."""

    speakers: Mapping[str, Speakers]

    def __call__(self, question: Question) -> str | list[Attempt]:
        if isinstance(question, AttemptsQuestion):
            return list(self.speakers[question.environment].solver(question.task, question.attempts))
        speakers = next(iter(self.speakers.values()))  # the same models speak in every environment
        chats = {
            "user": speakers.user,
            "measured_user": speakers.measured_user,
            "judge": speakers.judge,
        }
        return chats[question.role](question.messages)
