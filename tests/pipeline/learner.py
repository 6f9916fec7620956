"""A small world for the tests of the pipeline: held-out questions, a model that learns, a trainer of three updates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.model import Capability, Generation, Sampling
from selfchal.core.sandbox import Sandbox
from selfchal.core.task import TestTask
from selfchal.core.trainer import Training
from selfchal.pipeline.manifest import Choice, Kind, Manifest, validate
from selfchal.pipeline.store import Store
from selfchal.plugins import load_plugins
from selfchal.testing.scripted import ScriptedModel
from tests.support.shop import ShopEnvironment

PROPOSAL = """Answer:
<instruction>How many orders does user {user} have? Question {n}.</instruction>
<evaluation_function>
def evaluate(answer):
    return answer == {count}
</evaluation_function>
<solution>
result = len(get_user("{user}")["orders"])
</solution>
<failure_case>
result = 7
</failure_case>
<failure_case>
result = 8 + len(get_user("{user}")["orders"])
</failure_case>
<failure_case>
result = -1
</failure_case>
End Answer"""


class Empty(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Counter(ShopEnvironment):
    """The desk with four held-out questions."""

    name: ClassVar[str] = "counter"

    def __init__(self, config: BaseModel | None = None) -> None:
        pass

    def test_tasks(self, split: str) -> list[TestTask]:
        return [
            TestTask(f"t{i}", f"Orders of {u}? v{i}", {}, {"answer": n})
            for i, (u, n) in enumerate([("ann", "2"), ("bob", "1")] * 2)
        ]

    def grade(self, task, world, answer, replies):  # type: ignore[no-untyped-def]
        return answer == task.truth["answer"]

    def oracle(self, task: TestTask) -> list[str]:
        return [f"Answer: {task.truth['answer']}"]


class Learner(ScriptedModel):
    """Knows Ann's orders; learns Bob's by being trained. Writes tasks, of which every third is wrong."""

    name: ClassVar[str] = "learner"
    Config: ClassVar[type[BaseModel]] = Empty
    network: Any = None

    def __init__(self, config: BaseModel) -> None:
        super().__init__(self._speak)
        self.updates = 0
        self.seed = self.drawn = 0

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        """Same weights, prompts and seed, same result: what was said before does not matter."""
        self.seed, self.drawn = sampling.seed, 0
        return super().generate(prompts, sampling)

    @classmethod
    def provides(cls, config: BaseModel) -> frozenset[Capability]:
        return frozenset(Capability)

    def _speak(self, text: str) -> str:
        if "challenger" in text:
            self.drawn += 1
            n = (self.seed + self.drawn) % 97
            user, count = [("ann", 2), ("bob", 1)][n % 2]
            return PROPOSAL.format(user=user, n=n, count=count + (n % 3 == 0))
        if "End Action<" not in text and "Observation" not in text:
            return "Action:\nprint(get_user('ann'))\nEnd Action"
        return "Answer: 2" if "ann?" in text or self.updates < 2 else "Answer: 1"

    def on_weights_updated(self) -> None:
        pass

    def save(self, directory: Path) -> None:
        (directory / "weights").write_text(str(self.updates))

    def load(self, directory: Path) -> None:
        self.updates = int((directory / "weights").read_text())


class Steps:
    """A trainer of three updates, a checkpoint after each."""

    name: ClassVar[str] = "steps"
    Config: ClassVar[type[BaseModel]] = Empty
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.GRADIENTS})

    def __init__(self, config: BaseModel) -> None:
        pass

    def group_size(self) -> int:
        return 2

    def count_episodes(self, tasks: int) -> int:
        return 3 * 2 * min(tasks, 2)

    def one_pass(self, groups: int) -> Steps:
        return self

    def train(self, training: Training) -> None:
        training.progress.total(3)
        done = training.progress.latest()
        for step in range(done[0] + 1 if done else 1, 4):
            groups = training.collect(training.tasks[:2], 2, seed=step)
            training.model.updates += 1  # type: ignore[attr-defined]  # this test's own model
            training.progress.log(step, {"reward": sum(sum(g.rewards) for g in groups)})
            training.progress.save(step, {"step": step})


class Own:
    """This test's plugins first, then the installed ones."""

    own: ClassVar[dict[str, Any]] = {"counter": Counter, "learner": Learner, "steps": Steps}

    def find(self, kind: Kind, name: str) -> Any:
        return self.own.get(name) or load_plugins().find(kind, name)


def manifest_of(sandbox: Sandbox, **changes: Any) -> Manifest:
    """A manifest of the parts above; a change to None leaves a section out."""
    rows: dict[str, Any] = {
        "environment": {"name": "counter"},
        "model": {"name": "learner"},
        "trainer": {"name": "steps"},
        "synthesizer": {"name": "code_as_task", "revisions": 0},
        "challenge": {"tasks": 100, "proposals": 12},
        "rollout": {"batch": 4, "max_steps": 4},
        "evaluation": {"samples": 2},
        "curriculum": {"validation": 0.0},
    } | changes
    manifest = validate({key: value for key, value in rows.items() if value is not None}, Own())

    class Shared:
        """The sandbox of the whole test session: closing it is not the run's business."""

        def __new__(cls, config: BaseModel) -> Any:
            return _Unclosed(sandbox)

    return Manifest(**{**vars(manifest), "sandbox": Choice("process", Shared, manifest.sandbox.config)})


class _Unclosed:
    def __init__(self, sandbox: Sandbox) -> None:
        self.name, self.guarantees = sandbox.name, sandbox.guarantees
        self.run, self.session = sandbox.run, sandbox.session

    def close(self) -> None:
        pass


def facts(directory: Path) -> dict[str, Any]:
    """All that must not depend on interruptions."""
    with Store.read(directory) as store:
        return {
            "proposals": [p.to_json() for p in store.proposals()],
            "tasks": store.tasks(),
            "train": [(e.task, e.sample, e.ids, e.reward) for e in store.episodes("train")],
            "evaluate": [(e.task, e.sample, e.ids, e.reward) for e in store.episodes("evaluate")],
            "metrics": store.metrics(),
        }
