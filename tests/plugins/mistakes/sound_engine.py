"""A sound engine, into which mistakes are planted: it plays everything in the run's own process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

import selfchal
from selfchal import Ask, Finished, Order, Player, ProposalOrder, Task, Verdict, Worker, WorkerSpec, hookimpl


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Engine:
    """Plays here."""

    name: ClassVar[str] = "planted"
    Config: ClassVar[type[BaseModel]] = Options

    def __init__(self, config: Options) -> None:
        self.config = config

    def open(self, here: Worker, spec: WorkerSpec, ask: Ask) -> None:
        self.here = here

    def play(self, orders: Sequence[Order], player: Player) -> Iterator[Finished]:
        scenes: list[Any] = [self.here.make_scene(order) for order in orders]
        for index, episode in player.play(scenes, [order.sample for order in orders]):
            proposes = isinstance(orders[index], ProposalOrder)
            yield Finished(index, episode, scenes[index].proposal if proposes else None)

    def judge(
        self, environment: str, tasks: Sequence[Task], filters: selfchal.Filter = selfchal.Filter.FULL
    ) -> Iterator[tuple[int, Verdict]]:
        for index, task in enumerate(tasks):
            yield index, self.here.judge(environment, task, filters)

    def close(self) -> None:
        pass


@hookimpl
def register_engines() -> list[type[Any]]:
    return [Engine]
