"""A small run with two held-out tasks, training episodes and proposals, stored through the store's own door."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfchal.core.episode import End, Episode
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import Store

MANIFEST = {
    "run": {"name": "small", "seed": 0},
    "environment": {"name": "desk"},
    "model": {"name": "seedling"},
}
SYSTEM = "You have the tool caesar."


def make_episode(
    task: str,
    said: str,
    reward: float | None,
    sample: int = 0,
    seen: str = "Observation:\n7",
    end: End = End.ANSWER,
) -> Episode:
    """An agent that acts once and then answers; 12 tokens, 5 of them its own."""
    messages = [
        Message("system", SYSTEM),
        Message("user", f"Please do {task}."),
        Message("assistant", said),
        Message("user", seen),
        Message("assistant", "Answer: 7"),
    ]
    mask = [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1]
    return Episode(
        task, sample, messages, list(range(12)), mask, [-0.5 * bit for bit in mask], "7", end=end, reward=reward,
        steps=2, tool_calls=1, seconds=0.5, environment="desk",
    )  # fmt: skip


def make_task(number: int) -> Task:
    return Task(f"t{number}", "desk", {}, f"Task {number}", "def evaluate(): ...", "s", ("a", "b", "c"))


def write_stored_run(directory: Path, manifest: Mapping[str, Any] = MANIFEST) -> Path:
    """11 episodes: two held-out tasks before and after, three proposals, one training group of four."""
    with Store.create(directory, manifest) as store:
        store.put_fact("secret", str(directory))
        tests = {name: {"family": kind, "instruction": f"Do {name}", "truth": {"answer": 7}} for name, kind in
                 {"one": "easy", "two": "hard"}.items()}  # fmt: skip
        store.put_fact("test_tasks", tests)
        before = [make_episode("one", "print(alpha_beta(1))", 0.0), make_episode("two", "print(gamma)", 1.0)]
        store.put_episodes("evaluate", "before/sampled/000000", before)
        kept = Proposal(0, 1, Verdict(Outcome.PASSED, Stage.KEPT), make_task(0))
        reason = Verdict(Outcome.FAILED, Stage.STRONG, "too lenient\nmore", "Traceback", check="strength")
        fell = Proposal(1, 1, reason, make_task(1), revisions=2)
        unread = Proposal(2, 1, Verdict(Outcome.FAILED, Stage.PARSED, "no tags"), raw="nothing")
        talks = [make_episode(f"proposal-1-{i}", "I propose", float(i == 0)) for i in range(3)]
        store.put_proposals(1, "1/000000", [kept, fell, unread], talks)
        group = [make_episode("t0", f"try {i}", float(i % 2), i, end=End.STEPS) for i in range(4)]
        store.put_episodes("train", "1/0000000001", group)
        after = [make_episode("one", "print(delta)", 1.0), make_episode("two", "print(caesar)", None)]
        store.put_episodes("evaluate", "after/sampled/000000", after)
    return directory
