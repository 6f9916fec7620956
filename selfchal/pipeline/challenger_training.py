"""Training the challenger too (``curriculum.train_challenger``): its proposals are episodes with a reward.

The round's own proposals are the episodes, so each is learnt from once. They are made in groups that share
a context, and with it a prompt, so a group's mean is a fair baseline. The same trainer takes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.model import Capability
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.trainer import Trainer
from selfchal.pipeline.challenger_reward import challenger_reward, repeated_task
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.selection import candidates, pass_rates
from selfchal.pipeline.training import Recorder, checkpoints_of, run_trainer

_PASSED = 0.5  # of the reward, for trainers that only know passed and failed


def train_challenger(context: RunContext, round_: int) -> None:
    """One pass over the round's proposals; a round that was trained before only loads its weights."""
    proposals = list(context.store.proposals(round_))
    rewards = _compute_rewards(context, round_, proposals)
    trainer: Trainer = context.trainer.make()
    size = trainer.group_size()
    groups = [list(range(first, first + size)) for first in range(0, len(rewards) - size + 1, size)]
    if not groups:
        context.watch.note(f"fewer than {size} proposals, so there is no group to train the challenger on")
        return
    names = [f"proposals-{round_}-{number}" for number in range(len(groups))]
    environments = [proposals[indices[0]].environment for indices in groups]
    tasks = [Task(*both, {}, "", "", "", ()) for both in zip(names, environments, strict=True)]
    stored = [e for key in _list_keys(context, round_) for e in context.store.episodes("challenge", key)]
    rewarded = [replace(episode, reward=reward) for episode, reward in zip(stored, rewards, strict=True)]
    by_name = {name: [rewarded[p] for p in indices] for name, indices in zip(names, groups, strict=True)}
    collect = _Proposals(by_name)
    directory = checkpoints_of(context, f"round_{round_}_challenger")
    recorder = Recorder(context, f"train challenger {round_}", directory)
    seed = context.seed("train challenger", round_)
    try:
        run_trainer(context, trainer.one_pass(len(groups)), recorder, tasks, (), collect, seed)
    except TrainingError as error:
        context.watch.note(f"the challenger is left as it is: {error}")


def _list_keys(context: RunContext, round_: int) -> list[str]:
    return [key for key in context.store.keys("challenge") if key.startswith(f"{round_}/")]


@dataclass(frozen=True)
class _Proposals:
    """Collects what is there already: the stored episodes, with the challenger's rewards."""

    episodes: Mapping[str, Sequence[Episode]]

    def __call__(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        return [Group(task.id, tuple(self.episodes[task.id])) for task in tasks]


def _compute_rewards(context: RunContext, round_: int, proposals: Sequence[Proposal]) -> list[float | None]:
    """A reward for each proposal; None where the judge could not check it."""
    tasks = candidates(context, round_)
    rates = dict(zip([task.id for task in tasks], pass_rates(context, round_, tasks), strict=True))
    first = {p.index: repeated_task(p.verdict) or (p.task.id if p.task else "") for p in proposals}
    alike = Counter(first.values())
    graded = Capability.LOGPROBS in context.trainer.plugin.needs
    rewards: list[float | None] = []
    for proposal in proposals:
        verdict, original = proposal.verdict, first[proposal.index]
        if verdict.outcome == "could_not_check":
            rewards.append(None)
            continue
        reward = challenger_reward(verdict, rates.get(original, []), alike[original] - 1)
        rewards.append(reward if graded else float(reward >= _PASSED))
    return rewards
