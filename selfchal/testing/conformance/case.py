"""One rule of a contract, to be called by a test; and the rules that plugins of every kind have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfchal.core.errors import SelfchalError
from selfchal.core.model import Prices
from selfchal.core.sandbox import Sandbox
from selfchal.core.world import Json
from selfchal.memory.plan import ModelPlan, TrainerPlan
from selfchal.pipeline.manifest import parse_config
from selfchal.plugins.kinds import KINDS, fault, vars_of


class CaseLevel(StrEnum):
    """How deep a case looks; each level takes longer than the one before."""

    STATIC = "static"  # at the class and what it declares; nothing of it runs
    RUNTIME = "runtime"  # at what its methods do when they are called
    SEMANTIC = "semantic"  # at what it is for: solving tasks, learning, stopping attacks


@dataclass(frozen=True)
class Case:
    """Calling it raises AssertionError, with a sentence, where the rule is broken; ``cure`` is what to do."""

    rule: str
    check: Callable[[], None]
    level: CaseLevel = CaseLevel.RUNTIME
    cure: str = ""

    def __call__(self) -> None:
        self.check()

    def __str__(self) -> str:
        return self.rule


def demand(truth: object, sentence: str) -> None:
    """An assertion that python -O does not drop."""
    if not truth:
        raise AssertionError(sentence)


def demand_type(value: Any, wanted: type[Any] | tuple[type[Any], ...], what: str) -> None:
    """``what`` is the call that gave the value."""
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
    demand(isinstance(value, wanted), f"{what} gave {_describe(value)}, and not {names}")


def _describe(value: Any) -> str:
    if inspect.iscoroutine(value):
        value.close()  # or Python would warn that nobody waited for it
        return "a coroutine (it is async)"
    return f"{value!r:.80} ({type(value).__name__})"


def declared(kind: str, cls: type[Any], options: Mapping[str, Json]) -> list[Case]:
    """The cases that every kind has: what the class says of itself."""

    def can_be_registered() -> None:
        wrong = fault(_find_kind(kind), cls)
        demand(not wrong, wrong)

    def refuses_unknown_options() -> None:
        given = cls.Config.model_config.get("extra")
        demand(
            given == "forbid", f"{cls.Config.__name__} says extra={given!r}: a misspelt option is not noticed"
        )

    def says_what_it_needs() -> None:
        demand_answers(cls, parse_config(cls.Config, options, cls.__name__))

    static = CaseLevel.STATIC
    return [
        Case("can be registered", can_be_registered, static, "Mend the class as the sentence says."),
        Case(
            "refuses options that it does not have",
            refuses_unknown_options,
            static,
            'Write model_config = ConfigDict(extra="forbid") in its Config.',
        ),
        Case(
            "answers what is asked before it is made",
            says_what_it_needs,
            static,
            "See the table of optional attributes in docs/plugins.md.",
        ),
    ]


def demand_answers(cls: type[Any], config: Any) -> None:
    """What a class may say of itself for a config, each in the type that is read."""
    wanted: dict[str, tuple[type[Any], ...]] = {
        "find_obstacle": (str,),
        "asks_model": (bool, type(None)),
        "knows": (set, frozenset),
        "prices": (Prices, type(None)),
        "plan_memory": (ModelPlan, TrainerPlan, type(None)),
    }
    for name, types in wanted.items():
        if (asked := getattr(cls, name, None)) is not None:  # a plugin need not have it
            demand_type(asked(config), types, f"{name}(config)")
    for one in getattr(cls, "requires", ()):
        demand_type(one.when is None or one.when(config), bool, f"the ``when`` of {one.module}")


def demand_attributes(kind: str, made: Any) -> None:
    """What the contract reads of an object; a class may have it as a property or set it when it is made."""
    for name, value in vars_of(_find_kind(kind).protocol).items():
        if isinstance(value, property) and not name.startswith("_"):
            demand(name in dir(made), f"it has no {name}: add a property of that name, or set it in __init__")
            getattr(made, name)


def _find_kind(name: str) -> Any:
    (found,) = [known for known in KINDS if known.name == name]
    return found


class NotMadeError(Exception):
    """A plugin itself said why it cannot be made: no rule that needs one can be tried."""


def make(cls: type[Any], options: Mapping[str, Json]) -> Any:
    """An instance with these options, as a manifest would make it. Raises NotMadeError."""
    config = parse_config(cls.Config, options, cls.__name__)
    try:
        return cls(config)
    except SelfchalError as error:
        raise NotMadeError(f"{type(error).__name__}: {error}") from error


@contextmanager
def using_sandbox(cls: type[Any], options: Mapping[str, Json]) -> Iterator[Sandbox]:
    """A sandbox with these options, which is closed in the end."""
    sandbox: Sandbox = make(cls, options)
    try:
        yield sandbox
    finally:
        sandbox.close()
