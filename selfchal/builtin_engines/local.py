"""The engine ``local``: scenes live in this process, or are dealt out to several of this machine.

One Python runs on one core, however many threads it has. Where there are many cores, a worker process for
each lets environments, judges and synthesizers use them, while the model goes on in the run's own process.
What is played is the same either way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_engines.worker_pool import WorkerPool, judge_in_threads
from selfchal.builtin_engines.worker_process import WorkerProcess
from selfchal.core.engine import Ask, Finished, Order, Player, ProposalOrder, Worker, WorkerSpec
from selfchal.core.judge import Filter, Verdict
from selfchal.core.scene import Scene
from selfchal.core.synthesizer import ProposalScene
from selfchal.core.task import Task
from selfchal.rollout.remote_scene import RemoteScene, judge_remotely

FEW_CORES = 8  # below this, processes cost more at their start than they give in most runs
SCENES_EACH = 8  # scenes of one process before another one is started
ADVICE = "stderr has what they said. Is there memory for them? engine.processes: 1 does without"


class LocalConfig(BaseModel):
    """What stands below an option is its documentation."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    processes: int | None = Field(None, ge=1, le=1_000)
    """Processes in which scenes live and tasks are judged, beside that of the run; each has an environment
    and a sandbox of its own, and starts when there is work for it. 1: the run's own process does it all.
    Without it one a core, where there are at least 8 cores, and else 1."""


class LocalEngine:
    """Plays in the run's own process, or in worker processes of this machine."""

    name: ClassVar[str] = "local"
    Config: ClassVar[type[BaseModel]] = LocalConfig

    def __init__(self, config: LocalConfig) -> None:
        cores = os.cpu_count() or 1
        self._count = config.processes or (cores if cores >= FEW_CORES else 1)
        self._pool: WorkerPool | None = None

    def open(self, here: Worker, spec: WorkerSpec, ask: Ask) -> None:
        self._here, self._ask = here, ask
        if self._count > 1:
            self._pool = WorkerPool(partial(WorkerProcess, spec), lambda: self._count, SCENES_EACH, ADVICE)

    def play(self, orders: Sequence[Order], player: Player) -> Iterator[Finished]:
        scenes = [self._make_scene(order) for order in orders]
        samples = [order.sample for order in orders]
        at_once = None if self._count == 1 else SCENES_EACH * self._count
        for index, episode in player.play(scenes, samples, at_once):
            if isinstance(orders[index], ProposalOrder):
                yield Finished(index, episode, cast(ProposalScene, scenes[index]).proposal)
            else:
                yield Finished(index, episode)

    def _make_scene(self, order: Order) -> Scene:
        if self._pool is None:
            return self._here.make_scene(order)
        return RemoteScene(order, self._pool.lend, self._ask)

    def judge(
        self, environment: str, tasks: Sequence[Task], filters: Filter = Filter.FULL
    ) -> Iterator[tuple[int, Verdict]]:
        def judge_one(task: Task) -> Verdict:
            if self._pool is None:
                return self._here.judge(environment, task, filters)
            return judge_remotely(self._pool.lend, self._ask, environment, task, filters)

        # threads mostly wait: for the sandbox, or for the process that judges
        threads = 2 * (os.cpu_count() or 1) if self._count == 1 else 2 * self._count
        return judge_in_threads(judge_one, tasks, threads)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
