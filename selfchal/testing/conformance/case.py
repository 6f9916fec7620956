"""One rule of a contract, to be called by a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfchal.core.sandbox import Sandbox
from selfchal.core.world import Json
from selfchal.pipeline.manifest import parse_config
from selfchal.plugins.kinds import KINDS, fault


class CaseLevel(StrEnum):
    """How deep a case looks; each level takes longer than the one before."""

    STATIC = "static"  # at the class and what it declares; nothing of it runs
    RUNTIME = "runtime"  # at what its methods do when they are called
    SEMANTIC = "semantic"  # at what it is for: solving tasks, learning, stopping attacks


@dataclass(frozen=True)
class Case:
    """Calling it raises AssertionError, with a sentence, where the rule is broken."""

    rule: str
    check: Callable[[], None]
    level: CaseLevel = CaseLevel.RUNTIME

    def __call__(self) -> None:
        self.check()

    def __str__(self) -> str:
        return self.rule


def demand(truth: object, sentence: str) -> None:
    """An assertion that python -O does not drop."""
    if not truth:
        raise AssertionError(sentence)


def registrable(kind: str, cls: type[Any]) -> Case:
    """The case that every kind has: the class can be registered."""

    def check() -> None:
        (found,) = [known for known in KINDS if known.name == kind]
        wrong = fault(found, cls)
        demand(not wrong, wrong)

    return Case("can be registered", check, CaseLevel.STATIC)


def make(cls: type[Any], options: Mapping[str, Json]) -> Any:
    """An instance with these options, as a manifest would make it."""
    return cls(parse_config(cls.Config, options, cls.__name__))


@contextmanager
def using_sandbox(cls: type[Any], options: Mapping[str, Json]) -> Iterator[Sandbox]:
    """A sandbox with these options, which is closed in the end."""
    sandbox: Sandbox = make(cls, options)
    try:
        yield sandbox
    finally:
        sandbox.close()
