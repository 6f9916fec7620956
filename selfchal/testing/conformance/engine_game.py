"""What the kit for engines plays: a desk whose user is a model, orders for it, and a worker to compare with.

The desk has a tool that kills the process it runs in, once, and never the kit's own.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfchal.core.engine import Engine, Finished, Order, ProposalOrder, TaskOrder
from selfchal.core.evidence import Attempt
from selfchal.core.model import Message, Sampling
from selfchal.core.synthesizer import ProposalRequest
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.pipeline.environments import Speakers
from selfchal.pipeline.manifest import (
    CheckSection,
    Kind,
    LimitsSection,
    PluginSection,
    RolloutSection,
    choose,
    choose_checks,
)
from selfchal.pipeline.worker import RunAnswers, RunWorker, RunWorkerSpec
from selfchal.plugins.registry import load_plugins
from selfchal.rollout.rollout import Rollout
from selfchal.small_envs.environment import small_environment
from selfchal.small_envs.held_out import HeldOut
from selfchal.testing.conformance.case import demand_type, make
from selfchal.testing.scripted import ScriptedModel, write_proposal

State = dict[str, Any]
DESK = "kit_desk"
MARKER = "lost by the kit"


def find_key(state: State, room: str) -> dict[str, Json]:
    """Say who has the key of a room.

    Args:
        room: The room's name.
    """
    if room not in state["keys"]:
        raise ValueError(f"there is no room called {room!r}")
    return {"room": room, "with": state["keys"][room]}


def hand_out(state: State, room: str, person: str) -> str:
    """Hand out the key of a room.

    Args:
        room: The room's name.
        person: Who gets it.
    """
    if find_key(state, room)["with"] is not None:
        raise ValueError(f"the key of {room} is out already")
    state["keys"][room] = person
    return f"{person} has the key of {room} now"


def lose_process(state: State, marker: str, kit: int) -> str:
    """End the process that this runs in, unless it is the kit's or the marker is there already.

    Args:
        marker: A file that is made first, of the kit's own name: a challenger may try any other.
        kit: The number of the kit's process.
    """
    path = Path(marker)
    if path.name == MARKER and path.parent.is_dir() and os.getpid() != kit and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "still here"


KeyDesk = small_environment(
    DESK,
    start={"keys": {"attic": None, "cellar": "Mina", "hall": None}},
    reads=[find_key],
    writes=[hand_out, lose_process],
    test_tasks=[
        HeldOut("Ann wants the key of the attic.", [("hand_out", {"room": "attic", "person": "Ann"})]),
        HeldOut("Bob wants the key of the hall.", [("hand_out", {"room": "hall", "person": "Bob"})]),
    ],
    policy="You hand out keys.",
    user="llm",
)
TASK: Mapping[str, Any] = {
    "instruction": "Ann wants the key of the attic.",
    "evaluate": "def evaluate():\n    return find_key('attic')['with'] == 'Ann'",
    "solution": "hand_out('attic', 'Ann')",
    "failures": ["hand_out('attic', 'Bob')", "hand_out('hall', 'Ann')", "hand_out('hall', 'Bob')"],
}
CHALLENGER = PluginSection.model_validate({"name": "code_as_task", "exploration_steps": 1, "revisions": 0})
WRONG = {**TASK, "solution": "hand_out('hall', 'Ann')"}


@dataclass(frozen=True)
class _Catalog:
    """The installed plugins, and the desk."""

    def find(self, kind: Kind, name: str) -> Any:
        return KeyDesk if name == DESK else load_plugins().find(kind, name)


@dataclass
class Game:
    """One engine that is open, the worker of this process, and what was asked of the run's models."""

    engine: Engine
    here: RunWorker
    rollout: Rollout
    asked: list[str] = field(default_factory=list)

    def play(self, orders: Sequence[Order]) -> list[Finished]:
        """By the engine, as they come."""
        given = self.engine.play(orders, self.rollout)
        demand_type(given, Iterable, "play()")
        return list(given)

    def play_here(self, orders: Sequence[Order]) -> list[Finished]:
        """The same orders without the engine."""
        scenes: list[Any] = [self.here.make_scene(order) for order in orders]
        played = self.rollout.play(scenes, [order.sample for order in orders])
        return [
            Finished(i, episode, scenes[i].proposal if isinstance(orders[i], ProposalOrder) else None)
            for i, episode in played
        ]


@contextmanager
def open_game(cls: type[Any], options: Mapping[str, Json], marker: Path | None = None) -> Iterator[Game]:
    """``marker``: the agents call the tool that kills their process once."""
    asked: list[str] = []
    catalog = _Catalog()
    spec = RunWorkerSpec(
        (choose(catalog, "environment", PluginSection(name=DESK), DESK),),
        choose(catalog, "sandbox", PluginSection(name="process"), "sandbox"),
        choose(catalog, "synthesizer", CHALLENGER, "synthesizer"),
        choose_checks(catalog, [CheckSection(name="attempts")], "checks"),
        RolloutSection(max_steps=4),
        LimitsSection(),
        secrets.token_hex(16),
    )
    rollout = Rollout(ScriptedModel(_make_agent(marker)), Sampling(max_tokens=2_000), batch=16)  # type: ignore[arg-type]  # all that a rollout uses
    with ExitStack() as closing:
        speakers = _make_speakers(asked)
        here = spec.make_worker(
            spec.open_arenas(closing), spec.make_synthesizer(), {DESK: speakers}, ExitStack()
        )
        engine: Engine = make(cls, options)
        closing.callback(engine.close)
        engine.open(here, spec, RunAnswers({DESK: speakers}))
        yield Game(engine, here, rollout, asked)


def list_orders(count: int) -> list[Order]:
    """Held-out tasks, synthetic ones and proposals, in turns."""
    task = Task.from_json({**TASK, "environment": DESK})
    (test, *_) = (
        replace(one, environment=DESK)
        for one in KeyDesk(KeyDesk.Config()).test_tasks(KeyDesk(KeyDesk.Config()).splits()[0])
    )
    kinds: list[Callable[[int], Order]] = [
        lambda n: TaskOrder(DESK, task, n),
        lambda n: ProposalOrder(DESK, ProposalRequest(n, 1, seed=n)),
        lambda n: TaskOrder(DESK, test, n, measured=True),
    ]
    return [kinds[n % 3](n) for n in range(count)]


def list_tasks(count: int) -> list[Task]:
    """Sound ones and ones whose solution is wrong, in turns."""
    return [Task.from_json({**(WRONG if n % 2 else TASK), "environment": DESK}) for n in range(count)]


def _make_agent(marker: Path | None) -> Any:
    """What the model says: a proposal, or one action and a reply to the user."""
    stumble = f"lose_process({str(marker)!r}, {os.getpid()})\n" if marker else ""

    def say(text: str) -> str:
        if "hand out keys" not in text or "evaluation_function" in text:
            return write_proposal(TASK)
        if "Observation" not in text.rsplit("<assistant>", 2)[-2]:
            return f"Action:\n{stumble}print(hand_out('attic', 'Ann'))\nEnd Action"
        return "Answer: Ann has it now."

    return say


def _make_speakers(asked: list[str]) -> Speakers:
    def speak(role: str) -> Any:
        def chat(messages: Sequence[Message]) -> str:
            asked.append(role)
            return "###STOP###" if len(messages) > 3 else "Ann wants the key of the attic."

        return chat

    def solve(task: Task, attempts: int) -> list[Attempt]:
        asked.append("attempts")
        return [Attempt(True, "same")] * attempts

    return Speakers(speak("user"), speak("measured_user"), speak("judge"), solve)
