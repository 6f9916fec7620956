"""The context of a run: everything that it is made with, loaded once and closed at the end."""

from __future__ import annotations

import platform
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from selfchal.core.arena import Arena
from selfchal.core.engine import Engine, Finished, Order, SpansNodes
from selfchal.core.environment import list_notes
from selfchal.core.errors import PluginError
from selfchal.core.evidence import Attempt, Solver
from selfchal.core.model import Model, Sampling, TrainableModel
from selfchal.core.sandbox import Sandbox
from selfchal.core.seeds import seed_of
from selfchal.core.synthesizer import Synthesizer
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.hosting import ReservesRoom, reserve_nothing
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.costs import Clock, Ledger
from selfchal.pipeline.environments import EnvironmentContext, Speakers, agent_config_of, scene_of_task
from selfchal.pipeline.manifest import Choice, Manifest, RolloutSection
from selfchal.pipeline.node_work import NodeBook
from selfchal.pipeline.roles import Roles, open_model, open_roles
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watch, Watchers, watching
from selfchal.pipeline.worker import RunAnswers, spec_of
from selfchal.rollout.actions import STOPS
from selfchal.rollout.rollout import Rollout
from selfchal.rollout.tool_calls import STOPS as TOOL_STOPS

GREEDY = 0.0
LOGS = "logs"  # the directory of what workers elsewhere print
SECRET = "secret"  # the fact that holds it


@dataclass(frozen=True)
class RunContext:
    """What the stages of a run share. ``environments`` by name; a task's ``environment`` is such a name."""

    manifest: Manifest
    store: Store
    watch: Watch
    environments: Mapping[str, EnvironmentContext]
    model: Model
    challenger: Model
    teacher: Model | None
    synthesizer: Synthesizer | None
    engine: Engine
    ledger: Ledger
    clock: Clock
    nodes: NodeBook

    @property
    def shares(self) -> Mapping[str, float]:
        """How much of the wanted tasks is of each environment, beside the others."""
        sections = self.manifest.environment_sections
        return {name: section.share for name, section in zip(self.environments, sections, strict=True)}

    @property
    def splits(self) -> Mapping[str, str | None]:
        """The held-out split that each environment is asked for; None: its first one."""
        return dict(zip(self.environments, self.manifest.splits, strict=True))

    @property
    def trainer(self) -> Choice:
        """The trainer; a run without one never asks."""
        assert self.manifest.trainer is not None, "only a stage of training asks for the trainer"
        return self.manifest.trainer

    @property
    def trainable_model(self) -> TrainableModel:
        """The model as one whose weights can be changed: validation has seen to it that it is one."""
        if not isinstance(self.model, TrainableModel):
            kind = type(self.model).__name__
            raise PluginError(f"the model {kind} says that it can be trained, and lacks what that takes")
        return self.model

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that all environments share."""
        return next(iter(self.environments.values())).arena.sandbox

    @property
    def comparing_judge(self) -> Judge:
        """One that compares tasks with each other: that it does with those of all environments alike."""
        return next(iter(self.environments.values())).judge

    def seed(self, *purpose: object) -> int:
        """The seed of a random choice, made of the run's seed and of what it is for."""
        return seed_of(self.manifest.settings.run.seed, *purpose)

    def sampling(self, temperature: float, seed: int, *, challenge: bool = False) -> Sampling:
        rollout = self.manifest.settings.rollout
        tokens = rollout.challenge_tokens if challenge else rollout.max_tokens
        top_p = rollout.top_p if temperature != GREEDY else 1.0
        code = challenge or rollout.action_format == "code"
        return Sampling(temperature, top_p, tokens, stop=STOPS if code else TOOL_STOPS, seed=seed)

    def describe_sandbox(self) -> dict[str, Json]:
        """The sandbox's guarantees, stored with the verdicts that it gave."""
        guarantees = self.sandbox.guarantees
        return {**asdict(guarantees), "levels": dict(guarantees.levels)}

    def play(
        self, orders: Sequence[Order], rollout: Rollout, on_done: Callable[[int], None] | None = None
    ) -> list[Finished]:
        """What came of each order, in their order. ``on_done`` hears how many are done."""
        finished: dict[int, Finished] = {}
        for one in self.engine.play(orders, rollout):
            finished[one.index] = one
            if on_done:
                on_done(len(finished))
        self.nodes.write()
        return [finished[index] for index in range(len(orders))]


@contextmanager
def open_context(manifest: Manifest, store: Store, watchers: Watchers) -> Iterator[RunContext]:
    """Make the plugins of a manifest, cheapest first so that mistakes show early; close them at the end."""
    with ExitStack() as closing:
        watch = closing.enter_context(watching(manifest, store.directory, watchers))
        spec = spec_of(manifest, _keep_secret(store))
        arenas = spec.open_arenas(closing)
        for note in (note for arena in arenas.values() for note in list_notes(arena.environment)):
            watch.note(note)
        synthesizer = spec.make_synthesizer()
        engine: Engine = manifest.engine.make()
        closing.callback(engine.close)  # after the models, whose servers may live with it
        reserve = engine.reserve if isinstance(engine, ReservesRoom) else reserve_nothing
        model = open_model(manifest.model, closing, reserve)
        challenger = open_model(manifest.challenger, closing, reserve) if manifest.challenger else model
        teacher = open_model(manifest.teacher, closing, reserve) if manifest.teacher else None
        roles, lock = open_roles(manifest, model, closing, reserve), threading.Lock()
        speakers = {
            name: _speakers_of(roles, solver_of(model, arena, roles, manifest.settings.rollout, lock))
            for name, arena in arenas.items()
        }
        here = spec.make_worker(arenas, synthesizer, speakers, ExitStack())
        if isinstance(engine, SpansNodes):
            engine.keep_logs(store.directory / LOGS)
        engine.open(here, spec, RunAnswers(speakers))
        yield RunContext(
            manifest,
            store,
            watch,
            here.environments,
            model,
            challenger,
            teacher,
            synthesizer,
            engine,
            Ledger(store),
            Clock.start(store),
            NodeBook(store, engine),
        )


def _keep_secret(store: Store) -> str:
    """What the judge draws wrong outcomes from. It is drawn once a run, so a resumed one judges as before."""
    secret: str = store.fact(SECRET) or secrets.token_hex(16)
    store.put_fact(SECRET, secret)
    return secret


def _speakers_of(roles: Roles, solver: Solver) -> Speakers:
    return Speakers(roles.user, roles.measured_user, roles.judge, solver)


def solver_of(
    model: Model,
    arena: Arena,
    roles: Roles | None,
    rollout: RolloutSection,
    lock: threading.Lock,
) -> Solver:
    """Attempts at a task from its instruction alone, for checks of the judge; one task at a time.

    Without ``roles`` no model speaks in them but the solver."""
    agent_config = agent_config_of(rollout, arena, roles.user if roles else None)
    runner = SandboxTaskRunner(arena, chat=roles.judge if roles else None)

    def solve(task: Task, attempts: int) -> list[Attempt]:
        seed = seed_of("attempts", task.id)
        sampling = Sampling(rollout.temperature, rollout.top_p, rollout.max_tokens, STOPS, seed)
        scenes = [scene_of_task(task, agent_config, runner) for _ in range(attempts)]
        with lock:
            episodes = Rollout(model, sampling, rollout.batch).roll(scenes)
        ends = zip(episodes, scenes, strict=True)
        return [Attempt(e.reward == 1.0, scene.world.digest(), e.answer) for e, scene in ends]

    return solve


def describe_versions() -> dict[str, Json]:
    """Versions of what decides a run's numbers."""
    found: dict[str, Json] = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("selfchal", "torch", "transformers", "trl", "numpy", "pydantic", "vllm"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
