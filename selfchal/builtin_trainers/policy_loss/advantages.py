"""The seam ``advantage``: what each episode of a group is worth, by the rewards of the group alone.

Pure functions of ``rewards`` [G], of the G judged episodes of one task, which are not all equal. The sign
says whether an episode is made likelier; tokens of an episode share its advantage.
"""

from __future__ import annotations

from torch import Tensor

STABLE = 1e-4  # keeps a nearly equal group from exploding; as in TRL


def normalise(rewards: Tensor) -> Tensor:
    """(reward - mean) / deviation of the group: GRPO (arXiv 2402.03300, section 4.1)."""
    return centre(rewards) / (rewards.std() + STABLE)  # [G], deviation with G - 1


def centre(rewards: Tensor) -> Tensor:
    """Reward - mean of the group: Dr. GRPO (arXiv 2503.20783, section 3.2), where no task weighs more for
    being nearly always, or nearly never, solved."""
    return rewards - rewards.mean()  # [G]


def leave_one_out(rewards: Tensor) -> Tensor:
    """Reward - mean of the other episodes: RLOO (arXiv 2402.14740, section 3.2). Unbiased."""
    others = (rewards.sum() - rewards) / (len(rewards) - 1)  # [G]
    return rewards - others  # [G]
