"""Which held-out tasks are played where not all of them are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from selfchal.core.task import TestTask


def draw_tasks(tasks: Sequence[TestTask], count: int | None) -> list[TestTask]:
    """``count`` tasks in their usual order, each family with its share; all of them where None is said.

    The draw is always the same, so that scores of different runs compare. A larger count adds tasks to those
    of a smaller one. Shares are Sainte-Laguë's, as for seats in a parliament.
    """
    if count is None or count >= len(tasks):
        return list(tasks)
    families: dict[str, list[int]] = defaultdict(list)
    for index, task in enumerate(tasks):
        families[task.family].append(index)
    order: list[tuple[float, int]] = []
    for family, members in families.items():
        Random(f"held-out tasks of {family}").shuffle(members)
        order += [((rank + 0.5) / len(members), index) for rank, index in enumerate(members)]
    chosen = sorted(index for _, index in sorted(order)[:count])
    return [tasks[index] for index in chosen]
