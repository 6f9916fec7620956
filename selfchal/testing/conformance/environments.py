"""What every environment must keep: worlds that are private, resettable and tell what changed; tools that
work and never raise; held-out tasks that their own solution solves, and that nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from selfchal.core.environment import Environment, ExampleCalls
from selfchal.core.world import Call, Json, World
from selfchal.judging.tool_errors import SLIPS, count_calls, describe_errors
from selfchal.plugins.registry import load_plugins
from selfchal.small_envs.world import READER_WROTE
from selfchal.testing.conformance.case import Case, CaseLevel, demand, make, registrable, using_sandbox
from selfchal.testing.conformance.environment_calls import (
    Arguments,
    Played,
    make_fitting,
    make_junk,
    play_oracle,
)

_SEQUENCES = 8  # of calls that solve held-out tasks, which are made again and again
_NONSENSE = "I have looked at all of it and cannot say. " * 30


def environment_cases(
    cls: type[Any],
    options: Mapping[str, Json] | None = None,
    sandbox: str = "process",
    calls: int = 500,
    examples: ExampleCalls = (),
) -> list[Case]:
    """The cases for an environment class with these options. The oracle's code runs in that sandbox;
    ``calls`` random calls are made to every tool host. ``examples`` are calls that work on a fresh world, of
    tools that no held-out task uses and random calls do not find out."""
    kit, semantic = _Kit(cls, options or {}, sandbox, calls, examples), CaseLevel.SEMANTIC
    return [
        registrable("environment", cls),
        Case("tools have schemas and descriptions", kit.tools_are_described, CaseLevel.STATIC),
        Case("tools work", kit.tools_work),
        Case("fresh worlds are equal and unchanged", kit.worlds_start_alike),
        Case("no call raises, whatever its arguments", kit.calls_never_raise),
        Case("equal calls on fresh worlds give equal answers", kit.answers_repeat),
        Case("worlds do not touch each other", kit.worlds_are_private),
        Case("a fork goes on from its origin", kit.forks_go_on),
        Case("a fork does not touch its origin", kit.forks_are_private),
        Case("reset leads back to the start", kit.reset_leads_back),
        Case("digest and difference agree", kit.digest_and_difference_agree),
        Case("tools that read change nothing", kit.readers_change_nothing),
        Case("exploration contexts open worlds, the same for the same seed", kit.contexts_open),
        Case("test tasks have ids of their own, always the same", kit.test_tasks_are_told_apart),
        Case("the oracle solves test tasks, doing nothing does not", kit.oracle_solves, semantic),
        Case("nonsense solves no test task, however long it is", kit.nonsense_solves_nothing, semantic),
    ]


class _Kit:
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
            for calls in [*solving[:_SEQUENCES], *random_ones]
        ]

    def tools_are_described(self) -> None:
        environment = self.environment()
        world = environment.open({})
        specs = {spec.name: spec for spec in environment.tools}
        demand(specs, "it has no tool")
        demand(set(specs) == set(world.tool_names), "its worlds offer other tools than it describes")
        for spec in specs.values():
            demand(spec.description, f"{spec.name} has no description: give it a docstring")
            demand(
                spec.parameters.get("type") == "object", f"{spec.name}.parameters is no JSON schema object"
            )
            json.dumps(spec.parameters)

    def tools_work(self) -> None:
        made = [*(call for one in self.played for call in one.calls), *self.fitting]
        counts = count_calls(made)
        slips = [call for call in made if call.error in SLIPS]
        if slips:
            (said, *_) = describe_errors({slips[0].name: counts[slips[0].name]})
            demand(False, f"{said}: {slips[0].value}")
        worked = {call.name for call in made if call.ok}
        for name in counts:
            demand(
                name in worked,
                f"no call of {name} worked in {counts[name]['calls']} tries; the last one gave "
                f"{[call.value for call in made if call.name == name][-1]!r:.200}. Mend the tool, or give "
                "a held-out task whose solution uses it, or a call of it in the attribute example_calls",
            )
        writers = [spec.name for spec in self.environment().tools if spec.writes]
        changed = {call.name for call in made if call.changed}
        demand(
            not writers or changed,
            f"no call of {', '.join(writers)} ever changed a world: its state lies elsewhere, or digest() "
            "does not tell it",
        )

    def worlds_start_alike(self) -> None:
        environment = self.environment()
        one, other = environment.open({}), environment.open({})
        demand(one.digest() == other.digest(), "two fresh worlds have different digests")
        demand(one.canonical_sha256() == other.canonical_sha256(), "two fresh worlds have different states")
        demand(not one.difference(), f"a fresh world differs from its start: {one.difference()}")

    def calls_never_raise(self) -> None:
        world = self.environment().open({})
        result = world.call("no_such_tool", (), {})
        demand(not result.ok, "an unknown tool's result must not be ok")
        for name, args, kwargs in self._list_all_calls():
            try:
                result = world.call(name, args, kwargs)
                demand(isinstance(world.show(result), str), f"show() gives no text for a result of {name}")
            except Exception as error:
                raise AssertionError(f"{name}(*{args!r:.80}, **{kwargs!r:.80}) raised {error!r}") from error

    def answers_repeat(self) -> None:
        """Random answers, and state that is kept outside of worlds: in globals, in mutable defaults."""
        environment = self.environment()
        first = [_answer(environment.open({}), calls) for calls in self.sequences]
        for calls, before in zip(self.sequences, first, strict=True):
            world = environment.open({})
            _demand_equal(
                calls, before, _answer(world, calls), "a fresh world answers otherwise than another"
            )
            world.reset()
            _demand_equal(calls, before, _answer(world, calls), "a world answers otherwise after reset()")

    def worlds_are_private(self) -> None:
        environment = self.environment()
        used, other = environment.open({}), environment.open({})
        before = other.canonical_sha256()
        for calls in self.sequences:
            _answer(used, calls)
        self._stir_with_junk(used)
        demand(other.canonical_sha256() == before, "calls on one world changed another")
        demand(environment.open({}).canonical_sha256() == before, "calls on a world changed later ones")

    def forks_go_on(self) -> None:
        for world, calls in self._list_stirred():
            before, fork, twin = world.canonical_sha256(), world.fork(), world.fork()
            demand(fork.canonical_sha256() == before, "a fork has another state than its origin")
            demand(fork.digest() == world.digest(), "a fork has another digest than its origin")
            demand(fork.difference() == world.difference(), "a fork differs from the start otherwise")
            answers = _answer(fork, calls)
            _demand_equal(calls, answers, _answer(twin, calls), "two forks of one world answer differently")
            demand(world.canonical_sha256() == before, "calls on a fork changed its origin")
            _demand_equal(calls, answers, _answer(world, calls), "a fork answers otherwise than its origin")

    def forks_are_private(self) -> None:
        for world, calls in self._list_stirred():
            before, fork = world.canonical_sha256(), world.fork()
            _answer(fork, calls)
            self._stir_with_junk(fork)
            demand(world.canonical_sha256() == before, "calls on a fork changed its origin")
            after = fork.canonical_sha256()
            _answer(world, calls)
            demand(fork.canonical_sha256() == after, "calls on a world changed its fork")
            fork.reset()
            demand(not fork.difference(), "after reset() a fork differs from the start")

    def reset_leads_back(self) -> None:
        world = self.environment().open({})
        before = world.digest(), world.canonical_sha256()
        for calls in self.sequences:
            _answer(world, calls)
            world.reset()
            demand(world.digest() == before[0], "reset() does not lead back to the start")
        self._stir_with_junk(world)
        world.reset()
        demand(
            (world.digest(), world.canonical_sha256()) == before, "reset() does not lead back to the start"
        )
        demand(not world.difference() and not world.ended, "after reset() something is left")

    def digest_and_difference_agree(self) -> None:
        world = self.environment().open({})
        digests: dict[str, str] = {}
        start = world.digest()
        for name, args, kwargs in self._list_all_calls():
            world.call(name, args, kwargs)
            digest, state = world.digest(), world.canonical_sha256()
            demand(digests.setdefault(digest, state) == state, "one digest stands for two states")
            demand((digest == start) == (not world.difference()), "digest and difference() disagree")

    def readers_change_nothing(self) -> None:
        environment = self.environment()
        readers = {spec.name for spec in environment.tools if not spec.writes}
        world = environment.open({})
        for name, args, kwargs in self._list_all_calls():
            before = world.digest()
            result = world.call(name, args, kwargs)
            wrote = name in readers and (world.digest() != before or result.error == READER_WROTE)
            demand(not wrote, f"{name} changed the state but is not declared as a tool that writes")

    def contexts_open(self) -> None:
        environment = self.environment()
        for seed in range(5):
            context = environment.exploration_context(seed)
            demand(context == environment.exploration_context(seed), f"seed {seed} gives two contexts")
            demand(json.loads(json.dumps(context)) == context, "a context is not plain JSON")
            environment.open(context)
            demand(
                isinstance(environment.initial_observation(context), str),
                "initial_observation() gives no text",
            )

    def test_tasks_are_told_apart(self) -> None:
        environment = self.environment()
        ids = _list_ids(environment)
        demand(len(ids) == len(set(ids)), "two test tasks have one id")
        again = _list_ids(self.environment())
        demand(
            ids == again == _list_ids(environment), "test tasks have other ids each time they are asked for"
        )

    def oracle_solves(self) -> None:
        environment = self.environment()
        for one in self.played:
            task, episode = one.task, one.episode
            demand(
                episode.reward == 1.0, f"the oracle fails {task.id}: {episode.reason} {episode.messages[-1]}"
            )
            answer = "ok" if environment.answer_required else None
            idle = environment.grade(task, environment.open(task.context), answer, ["ok"])
            demand(not idle, f"doing nothing solves the test task {task.id}: {task.instruction[:80]}")

    def nonsense_solves_nothing(self) -> None:
        """In the world that the oracle leaves. Where what is said does not count, any text will do."""
        environment = self.environment()
        for one in self.played:
            solved = [
                environment.grade(
                    one.task, one.world.fork(), said if environment.answer_required else None, [said]
                )
                for said in ("", _NONSENSE)
            ]
            demand(
                solved[0] or not solved[1],
                f"a long text of nonsense solves the test task {one.task.id}, which an empty one does not: "
                f"{one.task.instruction[:80]}",
            )

    def _list_all_calls(self) -> Iterator[Arguments]:
        for calls in self.sequences:
            yield from calls
        yield from make_junk(self.environment(), self.calls)

    def _list_stirred(self) -> Iterator[tuple[World, list[Arguments]]]:
        """Worlds that were changed, each with further calls to make."""
        environment = self.environment()
        for i, calls in enumerate(self.sequences[:_SEQUENCES]):
            world = environment.open({})
            _answer(world, calls)
            yield world, self.sequences[(i + 1) % len(self.sequences)]

    def _stir_with_junk(self, world: World) -> None:
        for name, args, kwargs in make_junk(self.environment(), self.calls, seed=1):
            world.call(name, args, kwargs)


def _answer(world: World, calls: Sequence[Arguments]) -> list[tuple[Json, bool]]:
    results = [world.call(name, args, kwargs) for name, args, kwargs in calls]
    return [(result.value, result.ok) for result in results]


def _demand_equal(calls: Sequence[Arguments], one: list[Any], other: list[Any], what: str) -> None:
    for call, before, after in zip(calls, one, other, strict=True):
        demand(
            before == after,
            f"{what}: {call[0]}(**{call[2]!r:.80}) gave {before[0]!r:.80}, then {after[0]!r:.80}",
        )


def _list_ids(environment: Environment) -> list[str]:
    return [task.id for split in environment.splits() for task in environment.test_tasks(split)]
