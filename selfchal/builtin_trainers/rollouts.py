"""Which tasks a trainer rolls out next, and what their groups say before any gradient is taken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from selfchal.core.episode import End, Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.model import Metrics
from selfchal.core.task import Task
from selfchal.core.trainer import Training


@dataclass
class TaskSampler:
    """Shuffled passes over the tasks. ``drawn``, ``passes`` and ``calls`` are all there is to resume."""

    tasks: Sequence[Task]
    seed: int
    drawn: int = 0  # tasks of the present pass already handed out
    passes: int = 0
    calls: int = 0

    def next_tasks(self, count: int) -> list[Task]:
        """``count`` different tasks (all of them where there are fewer).

        A pass that has too few left is ended early: the next one has another order, so no task loses.
        """
        count = min(count, len(self.tasks))
        if self.drawn + count > len(self.tasks):
            self.drawn, self.passes = 0, self.passes + 1
        order = list(self.tasks)
        random.Random(f"{self.seed}/{self.passes}").shuffle(order)
        self.drawn += count
        return order[self.drawn - count : self.drawn]

    def next_seed(self) -> int:
        """Another one for each call of ``collect``."""
        self.calls += 1
        return self.seed * 1_000_000 + self.calls


def sampler_for(training: Training) -> TaskSampler:
    """Raises TrainingError when there is nothing to train on."""
    if not training.tasks:
        raise TrainingError(
            "there is no task to train on: no proposal survived the judge; ask the synthesizer for more "
            "tasks, or look at why proposals fell in the funnel"
        )
    return TaskSampler(training.tasks, training.seed)


def has_signal(group: Group) -> bool:
    """Whether its rewards differ; equal ones cancel against their mean and give no gradient."""
    return len(set(group.rewards)) > 1


def collect_groups(
    training: Training, sampler: TaskSampler, tasks: int, samples: int, resample: int
) -> list[Group]:
    """Roll out ``tasks`` tasks, and up to ``resample`` times as many further ones as had no signal."""
    groups: list[Group] = []
    missing = tasks
    for _ in range(1 + resample):
        groups += training.collect(sampler.next_tasks(missing), samples, seed=sampler.next_seed())
        missing = min(tasks, len(sampler.tasks)) - sum(map(has_signal, groups))
        if missing <= 0:
            break
    return groups


def judged(groups: Sequence[Group]) -> list[Episode]:
    """The episodes that have a reward; all others are left out (CONTRIBUTING.md#invariant-2)."""
    return [episode for group in groups for episode in group.episodes if episode.reward is not None]


def rollout_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """What a person watches for collapse, over judged episodes; lengths in the agent's own tokens."""
    episodes = judged(groups)
    lengths = [float(sum(episode.mask)) for episode in episodes]
    rewards = [episode.reward or 0.0 for episode in episodes]
    steps = sum(episode.steps for episode in episodes)
    uniform = [group.rewards[0] for group in groups if group.rewards and not has_signal(group)]
    return {
        "reward": mean(rewards),
        "pass_rate": mean([float(reward >= 1) for reward in rewards]),
        "episodes": float(len(episodes)),
        "unjudged": float(sum(len(group.episodes) for group in groups) - len(episodes)),
        "groups": float(len(groups)),
        "zero_std_groups": float(sum(not has_signal(group) for group in groups)),
        "groups_all_passed": float(sum(reward >= 1 for reward in uniform)),
        "groups_all_failed": float(sum(reward <= 0 for reward in uniform)),
        "length": mean(lengths),
        "tokens": sum(lengths),
        "steps_per_episode": steps / max(len(episodes), 1),
        "invalid_actions": sum(episode.invalid_actions for episode in episodes) / max(steps, 1),
        "forgiven_turns": sum(episode.forgiven_turns for episode in episodes) / max(steps, 1),
        "cut_turns": sum(len(episode.cut_turns) for episode in episodes) / max(steps, 1),
        "truncated": mean([float(episode.end is End.LENGTH) for episode in episodes]),
    }


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def explain_zero_signal(metrics: Metrics) -> str:
    """In plain words, why no group of this batch gave a gradient, the likeliest cause first."""
    groups = metrics["groups"]
    if not metrics["episodes"]:
        return (
            "no episode could be judged: the sandbox or the simulated user failed every time; "
            "run `selfchal sandbox exec` to see whether it works on this machine"
        )
    if metrics["groups_all_passed"] == groups:
        return (
            "every episode passed: the tasks are too easy for the policy by now; make harder tasks, "
            "for example in a further round"
        )
    if metrics["groups_all_failed"] < groups:
        return (
            "every group had equal rewards, some all passed and some all failed: take a larger "
            "group_size, or sample at a higher temperature"
        )
    if metrics["invalid_actions"] > 0.5:
        return (
            "every episode failed and most of the agent's turns were no valid action: the model does not "
            "follow the environment's format; look at an episode, or start from a stronger model"
        )
    if metrics["truncated"] > 0.5:
        return (
            "every episode failed and most of them filled the context: raise the model's context length or "
            "max_tokens, or ask for shorter tasks"
        )
    return (
        "every episode failed: the tasks are too hard for the policy; take a larger group_size, easier "
        "tasks (a pass-rate band), or a stronger model"
    )
