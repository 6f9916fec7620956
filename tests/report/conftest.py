"""A stored run made through the store's own interface, with texts that try to break out of the page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.episode import End, Episode
from selfchal.core.judge import FUNNEL, Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import Store

EVIL = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">{{ 7*7 }}"
)
MANIFEST = {
    "run": {"name": "demo <b>run</b>", "seed": 3},
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "synthesizer": {"name": "code_as_task"},
    "sandbox": {"name": "process"},
    "trainer": {"name": "grpo"},
    "rounds": 1,
}


def rates(low: float) -> dict[str, Any]:
    names = {"pass@1": low, "pass@4": low + 0.2, "pass^4": low / 3, "greedy": low + 0.05}
    spread = {name: [rate - 0.04, rate + 0.04] for name, rate in names.items()}
    return {**names, "intervals": spread, "could_not_judge": 0, "too_many_not_judged": False}


def interval(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05}


def results(funnel: dict[str, int]) -> dict[str, Any]:
    baselines = {"greedy": interval(0.2), "forced": interval(0.25), "forced_greedy": interval(0.31)}
    return {
        "before": rates(0.14),
        "after": rates(0.41),
        "difference": interval(0.27),
        "elicitation": {"baselines": baselines, "best": "forced_greedy", "difference": interval(0.1)},
        "by_family": {
            "decoding": {"tasks": 100, "before": 0.1, "after": 0.5},
            "trade": {"tasks": 100, "before": 0.18, "after": 0.32},
        },
        "do_nothing": 0.0,
        "held_out_tasks": 200,
        "costs": {
            "challenge": {"episodes": 64, "sampled": 9_000, "read": 40_000, "money": 0.31},
            "all": {"episodes": 64, "sampled": 9_000, "read": 40_000, "money": 0.31, "seconds": 173.6},
        },
        "funnel": funnel,
        "tool_calls": {"convert": {"calls": 7, "errors": {"NameError": 7}}},
        "peak_memory_bytes": 1_234_567_890,
        "versions": {"python": "3.11.7", "vllm": None, "selfchal": "0.1.0"},
    }


def _task(index: int) -> Task:
    return Task(
        id=f"task{index:04d}",
        environment="calculation",
        context={},
        instruction=f"Task {index}: what is {index} + 1? {EVIL if index == 0 else ''}",
        evaluate="def evaluate(answer):\n    return answer == '<2>'",
        solution=f"result = {index} + 1",
        failures=("result = 1", "result = 2", "result = 3"),
    )


def _episode(index: int, reward: float | None, sample: int = 0) -> Episode:
    said = f"Action:\nprint(add({index}, 1)) # {EVIL}\nEnd Action"
    messages = [
        Message("system", "Tools: add"),
        Message("user", f"What is {index} + 1?"),
        Message("assistant", said),
    ]
    mask = [0] * 40 + [1] * 12 + [0] * 6 + [1] * 5
    return Episode(
        f"task{index:04d}",
        sample,
        messages,
        list(range(63)),
        mask,
        [0.0] * 63,
        "2",
        [],
        End.ANSWER,
        reward,
        "",
        2,
        1,
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An ended run."""
    directory = tmp_path / "run"
    with Store.create(directory, MANIFEST) as store:
        _fill(store)
    kept, proposed = 40, 120
    steps = len(FUNNEL) - 1
    funnel = {str(stage): round(proposed - (proposed - kept) * i / steps) for i, stage in enumerate(FUNNEL)}
    (directory / "results.json").write_text(json.dumps(results(funnel)))
    return directory


def _fill(store: Store) -> None:
    store.put_fact("seconds", {"evaluate before": 12.0, "challenge 1": 61.4, "train 1": 100.2})
    store.put_fact(
        "guarantees",
        {
            "sandbox": "process",
            "tier": "A",
            "levels": {"network": "full", "determinism": "partial"},
            "notes": "",
        },
    )
    passed = Verdict(Outcome.PASSED, Stage.KEPT)
    fell = [
        Verdict(Outcome.FAILED, Stage.SOLUTION_PASSED, f"evaluate returned False {EVIL}"),
        Verdict(Outcome.FAILED, Stage.STRONG, "a value is not looked at", check="field_values"),
    ]
    proposals = [Proposal(i, 1, passed if i % 3 == 0 else fell[i % 3 - 1], _task(i)) for i in range(120)]
    store.put_proposals(1, "1/000000", proposals, [_episode(i, None) for i in range(120)])
    store.put_tasks(1, [(_task(i), "validation" if i % 10 == 0 else "train") for i in range(0, 120, 3)])
    for when, rate in {"before": 5, "after": 2}.items():
        episodes = [_episode(i, float(i % rate == 0), sample) for i in range(60) for sample in range(2)]
        store.put_episodes("evaluate", f"{when}/sampled/000000", episodes)
    for step in range(1, 41):
        store.put_episodes("train", f"1/{step:010d}", [_episode(i, float(i % 2)) for i in range(8)])
        reward = 0.2 + 0.5 * (1 - math.exp(-step / 15)) + 0.05 * math.sin(step * 2.3)
        store.put_metrics("train 1", step, {"reward": reward, "kl": 0.001 * step, "entropy": 1.2 - step / 60})
