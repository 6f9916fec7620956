"""The environment that the kit looks at: how it is made, which calls are made, and how answers compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from selfchal.core.environment import Environment, ExampleCalls
from selfchal.core.world import Call, Json, World
from selfchal.plugins.registry import load_plugins
from selfchal.testing.conformance.case import demand, make, using_sandbox
from selfchal.testing.conformance.environment_calls import (
    Arguments,
    Played,
    make_fitting,
    make_junk,
    play_oracle,
)

SEQUENCES = 8  # of calls that solve held-out tasks, which are made again and again


class Subject:
    """An environment class with its options. What its cases share is made once."""

    def __init__(
        self, cls: type[Any], options: Mapping[str, Json], sandbox: str, calls: int, examples: ExampleCalls
    ) -> None:
        self.cls, self.options, self.sandbox, self.calls = cls, options, sandbox, calls
        self.examples = examples or getattr(cls, "example_calls", ())  # a class need not have it

    def environment(self) -> Environment:
        made: Environment = make(self.cls, self.options)
        return made

    @cached_property
    def played(self) -> list[Played]:
        """Held-out tasks as their oracle plays them."""
        with using_sandbox(load_plugins().find("sandbox", self.sandbox), {}) as sandbox:
            return list(play_oracle(self.environment(), sandbox))

    @cached_property
    def fitting(self) -> list[Call]:
        """Random calls that fit the tools, as they were answered."""
        return make_fitting(self.environment(), self.played, self.examples, self.calls)

    @cached_property
    def sequences(self) -> list[list[Arguments]]:
        """Calls to be made on one world, several times: those that solve a held-out task, and random ones."""
        solving = [one.calls for one in self.played if any(call.changed for call in one.calls)]
        random_ones = [self.fitting[i : i + 60] for i in range(0, len(self.fitting), 60)]
        return [
            [(call.name, list(call.args), dict(call.kwargs)) for call in calls]
            for calls in [*solving[:SEQUENCES], *random_ones]
        ]

    def list_arguments(self, rows: list[Any]) -> list[Arguments]:
        """Calls as JSON keeps them, as calls."""
        return [(name, list(args), dict(kwargs)) for name, args, kwargs in rows]

    def list_all_calls(self) -> Iterator[Arguments]:
        for calls in self.sequences:
            yield from calls
        yield from self.list_junk()

    def list_junk(self) -> list[Arguments]:
        return list(make_junk(self.environment(), self.calls))

    def list_stirred(self) -> Iterator[tuple[World, list[Arguments]]]:
        """Worlds that were changed, each with further calls to make."""
        environment = self.environment()
        solving = [one for one in self.played if any(call.changed for call in one.calls)][:SEQUENCES]
        for played in solving:  # the one half of what surely changes something, and then the other
            calls = [(call.name, list(call.args), dict(call.kwargs)) for call in played.calls]
            for half in (0, len(calls) // 2):
                world = environment.open(played.task.context)
                answer(world, calls[:half])
                yield world, calls[half:]
        for i, calls in enumerate(self.sequences[:SEQUENCES]):
            world = environment.open({})
            answer(world, calls)
            yield world, self.sequences[(i + 1) % len(self.sequences)]

    def stir_with_junk(self, world: World) -> None:
        for name, args, kwargs in make_junk(self.environment(), self.calls, seed=1):
            world.call(name, args, kwargs)


def answer(world: World, calls: Sequence[Arguments]) -> list[tuple[Json, bool]]:
    results = [world.call(name, args, kwargs) for name, args, kwargs in calls]
    return [(result.value, result.ok) for result in results]


def demand_equal(calls: Sequence[Arguments], one: list[Any], other: list[Any], what: str) -> None:
    for call, before, after in zip(calls, one, other, strict=True):
        demand(
            before == after,
            f"{what}: {call[0]}(**{call[2]!r:.80}) gave {before[0]!r:.80}, then {after[0]!r:.80}",
        )
