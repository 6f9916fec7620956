"""What an engine may do with GPUs of other machines: hold the servers of a model, and start trainer ranks.

A model that starts servers can have them started where there is room. It says how many objects it needs and
how many GPUs each takes; the engine finds machines for them, and makes an object anew where one is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from selfchal.core.errors import EngineError


class HostLostError(EngineError):
    """The process that an object lived in ended, or its machine cannot be reached."""


class HostedObject(Protocol):
    """An object in a process of its own on some machine."""

    @property
    def address(self) -> str:
        """Under which the other machines reach that one, without a port."""

    def call(self, method: str, *arguments: Any) -> Any:
        """What the object's method gives. Raises what it raises, and HostLostError."""

    def close(self) -> None:
        """End the process."""


class Reservation(Protocol):
    """Room for several objects."""

    def open(self, number: int, make: Callable[[], Any], is_over: Callable[[], bool]) -> HostedObject:
        """Make the object of this number, from 0; ``make`` pickles, and is called there. ``is_over``: nobody
        waits any more. One that was lost may be opened again. Raises EngineError where there is no room in
        time, or it cannot be made."""

    def close(self) -> None:
        """Give the room back."""


@runtime_checkable
class ReservesRoom(Protocol):
    """An engine that may be asked for room, before it is opened."""

    def reserve(self, objects: int, gpus: int) -> Reservation | None:
        """Room for so many objects with so many GPUs each; None where the manifest asks for none. Raises
        EngineError where there is none in time."""


Reserve = Callable[[int, int], Reservation | None]


def reserve_nothing(objects: int, gpus: int) -> None:
    """``Reserve`` where everything lives on this machine."""


MENDABLE = 2  # the exit code of a first rank that failed of something that a person can mend


class Leading(Protocol):
    """The process of the first rank, which makes the run."""

    def poll(self) -> int | None:
        """Its exit code, once it has ended; below 0 where a signal ended it, MENDABLE where it would fail
        again."""

    def kill(self) -> None: ...

    def wait(self) -> int: ...


@dataclass(frozen=True)
class Ranks:
    """Several processes that train together, before they are started.

    ``lead`` starts the first with these variables in its environment; where it begins again, it goes on from
    the last checkpoint. ``follow`` pickles, and is the whole life of each of the others. Checkpoints appear
    in ``directory``, which all of them must see where ``all_write``.
    """

    lead: Callable[[Mapping[str, str], bool], Leading]
    follow: Callable[[], None]
    directory: Path
    all_write: bool


@runtime_checkable
class StartsRanks(Protocol):
    """An engine that may start several processes which train together, before it is opened."""

    @property
    def ranks(self) -> int:
        """How many; 1 where the run's own process trains alone."""

    def start(self, ranks: Ranks) -> int:
        """Start them, the first on this machine, and wait until that one has ended; its exit code. Where one
        is lost, all begin again. Raises EngineError where that does not help, and what a follower raises that
        a person can mend."""
