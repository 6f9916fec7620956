"""What every engine must keep: what is played and judged there is what is played and judged here."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfchal.core.engine import Finished, TaskOrder
from selfchal.core.judge import Filter
from selfchal.core.world import Json
from selfchal.testing.conformance.case import Case, CaseLevel, declared, demand, demand_type, make
from selfchal.testing.conformance.engine_game import (
    DESK,
    MARKER,
    Game,
    list_orders,
    list_tasks,
    open_game,
)

ORDERS = 9
PATIENCE = 10.0  # seconds in which what was started has to end


def engine_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for an engine class with these options, on a small desk whose user is a model."""
    kit = _Kit(cls, options or {})
    return [
        *declared("engine", cls, options or {}),
        Case("is made from its options", kit.is_made_from_its_options, cure="Mend __init__."),
        Case("plays every order as it is played here", kit.plays_as_here,
             cure="Make the scenes with the worker's make_scene, and hand them all to the player."),
        Case("judges every task as it is judged here", kit.judges_as_here,
             cure="Give each task to the worker's judge, with its environment and filters."),
        Case("asks the run what its models would say", kit.asks_the_run,
             cure="Open workers with an ask that reaches the one which open was given."),
        Case("raises what a scene raises", kit.raises_errors,
             cure="Carry the worker's exception to where the scene was called."),
        Case("ends what it started", kit.ends_what_it_started,
             cure="End every process and every thread in close()."),
        Case("loses nothing with a worker", kit.loses_nothing, CaseLevel.SEMANTIC,
             "Play what a lost worker had begun again with another one: RemoteScene does."),
    ]  # fmt: skip


class _Kit:
    def __init__(self, cls: type[Any], options: Mapping[str, Json]) -> None:
        self.cls, self.options = cls, options

    def is_made_from_its_options(self) -> None:
        make(self.cls, self.options).close()

    def plays_as_here(self) -> None:
        with open_game(self.cls, self.options) as game:
            orders = list_orders(ORDERS)
            here = game.play_here(orders)
            for _ in range(2):  # an engine plays many times in a run
                given = list(orders)
                played = game.play(given)
                demand(given == orders, "play() changed the list of orders that it was given")
                _demand_equal(played, here)
            _demand_equal(game.play(orders[:1]), game.play_here(orders[:1]))
            demand(not game.play([]), "it gave episodes where there was no order")

    def judges_as_here(self) -> None:
        with open_game(self.cls, self.options) as game:
            for filters in (Filter.FULL, Filter.NONE):
                self._judge_as_here(game, filters)

    def _judge_as_here(self, game: Game, filters: Filter) -> None:
        tasks = list_tasks(4)
        judged = list(game.engine.judge(DESK, tasks, filters))
        for one in judged:
            demand_type(one, tuple, "judge()")
        demand(
            sorted(index for index, _ in judged) == list(range(len(tasks))),
            f"it gave verdicts for {sorted(index for index, _ in judged)} of {len(tasks)} tasks",
        )
        for index, verdict in judged:
            here = game.here.judge(DESK, tasks[index], filters)
            demand(
                (verdict.outcome, verdict.stage, verdict.reason) == (here.outcome, here.stage, here.reason),
                f"it gave {verdict!r:.200} for task {index}, and here it is {here!r:.200}",
            )

    def asks_the_run(self) -> None:
        with open_game(self.cls, self.options) as game:
            orders = list_orders(ORDERS)
            game.play(orders)
            there = sorted(game.asked)
            game.asked.clear()
            game.play_here(orders)
            here = sorted(game.asked)
            demand(there == here, f"it asked for {_count(there)}, and here is asked for {_count(here)}")

    def raises_errors(self) -> None:
        with open_game(self.cls, self.options) as game:
            task = list_tasks(1)[0]
            try:
                game.play([TaskOrder("nowhere", task)])
            except Exception as error:  # noqa: BLE001 — which one it is, is looked at
                demand_type(error, KeyError, "an order for an environment that the run does not have")
            else:
                raise AssertionError("an order for an environment that the run does not have was played")

    def ends_what_it_started(self) -> None:
        before, threads = _list_children(), set(threading.enumerate())
        with open_game(self.cls, self.options) as game:
            game.play(list_orders(3))
        until = time.monotonic() + PATIENCE
        while (left := _list_children() - before) and time.monotonic() < until:
            time.sleep(0.05)
        demand(not left, f"{len(left)} processes live on after close()")
        while (more := set(threading.enumerate()) - threads) and time.monotonic() < until:
            time.sleep(0.05)
        named = ", ".join(sorted(one.name for one in more))
        demand(not more, f"{len(more)} threads live on after close(): {named}")

    def loses_nothing(self) -> None:
        with tempfile.TemporaryDirectory(prefix="selfchal-engine-") as directory:
            marker = Path(directory) / MARKER
            with open_game(self.cls, self.options, marker) as game:
                orders = list_orders(ORDERS)
                played = game.play(orders)
                _demand_equal(played, game.play_here(orders))


def _demand_equal(there: Sequence[Finished], here: Sequence[Finished]) -> None:
    numbers = [one.index for one in there]
    demand(sorted(numbers) == list(range(len(here))), f"of {len(here)} orders it gave the episodes {numbers}")
    for one, other in zip(_sort(there), _sort(here), strict=True):
        seen, wanted = vars(one.episode) | {"seconds": 0}, vars(other.episode) | {"seconds": 0}
        wrong = [name for name in wanted if seen[name] != wanted[name]]
        demand(not wrong, f"{', '.join(wrong)} of episode {one.index} is not what it is here")
        demand(
            _drop_times(one) == _drop_times(other),
            f"the proposal of order {one.index} is not what it is here",
        )


def _sort(finished: Sequence[Finished]) -> list[Finished]:
    return sorted(finished, key=lambda one: one.index)


def _drop_times(one: Finished) -> Any:
    if one.proposal is None:
        return None
    return one.proposal.task, one.proposal.verdict.outcome, one.proposal.verdict.reason, one.proposal.index


def _count(asked: Sequence[str]) -> str:
    return ", ".join(f"{name} {asked.count(name)} times" for name in sorted(set(asked))) or "nothing"


def _list_children() -> set[int]:
    """The processes that this one has started and that have not ended."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue  # it has ended meanwhile
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(entry.parent.name))
    return found
