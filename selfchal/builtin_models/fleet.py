"""Several servers that sample with the same weights: who is asked next, and what happens when one dies.

A conversation stays with the server that holds its beginning in its cache, unless that one has far more to do
than another. A server that gives no answer is left out, its conversations are asked elsewhere, and it is
opened again in the background. Before any request it gets the weights as they are then. Imports httpx.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from selfchal.builtin_models.endpoint import UnansweredError
from selfchal.builtin_models.server_metrics import Sums
from selfchal.builtin_models.vllm_server import Server
from selfchal.core.errors import ModelError

log = logging.getLogger(__name__)

MOST_DEATHS = 3  # of a server in a row, without an answer between; then it is given up
MOST_TRIES = 5  # servers that one request is sent to
SLACK = 8  # requests under way beyond twice those of the idlest server: more, and conversations move there
PAUSE = 0.05  # seconds from one look to the next, for a server that may be sent its weights
NO_WEIGHTS = -1  # the version of weights that nobody knows


class Origin(Protocol):
    """Where a server comes from: a process of ours, or an address. Both raise ModelError."""

    def open(self, is_over: Callable[[], bool]) -> str:
        """Its address, once it answers; where it died it is started anew. Gives up when it is over."""
        ...

    def close(self) -> None: ...


class Weights(Protocol):
    """How servers get the weights that are trained here. Both raise ModelError.

    ``kept``: what was published can be sent as it was, whatever becomes of the weights here.
    """

    @property
    def kept(self) -> bool: ...

    def publish(self) -> None:
        """Make the weights as they are now ready to be sent. Called before ``send``, once a version."""
        ...

    def send(self, server: Server) -> None:
        """Let this server sample with them. Several threads may call it."""
        ...


class State(Enum):
    DOWN = "down"  # it gave no answer; somebody opens it again
    UP = "up"  # it answers, and must not be asked before it has the weights
    SERVING = "serving"
    LOST = "lost"  # given up


@dataclass(eq=False)
class Member:
    """One server of a fleet. ``version`` is that of the weights it has, ``load`` its requests under way."""

    origin: Origin
    server: Server | None = None
    state: State = State.DOWN
    version: int = NO_WEIGHTS
    asleep: bool = False
    load: int = 0
    deaths: int = 0
    fault: str = ""

    @property
    def opened(self) -> Server:
        assert self.server is not None, "a server that is not down was opened"
        return self.server


@dataclass
class Fleet:
    """``connect`` makes the face of the server at an address; ``version`` counts the changes of weights."""

    members: Sequence[Member]
    connect: Callable[[str], Server]
    weights: Weights
    version: int = 0
    lost: int = 0  # how often a server gave no answer
    busy: float = 0.0  # seconds in which any request was under way
    _under_way: int = 0
    _busy_since: float = 0.0
    _published: int = NO_WEIGHTS
    _closing: bool = False
    _updating: bool = False  # the weights here are changing
    _openers: list[threading.Thread] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)  # guards all of the members
    _arranging: threading.Lock = field(default_factory=threading.Lock)  # weights and sleep: one at a time

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(max(1, len(self.members)), "fleet")

    def open(self, version: int) -> None:
        """Start or find all servers, which then have the weights of this version. Raises ModelError."""
        try:
            for server, member in zip(self._pool.map(self._reach, self.members), self.members, strict=True):
                member.server, member.state, member.version = server, State.UP, version
            self.prepare()
        except BaseException:  # those that are up must not stay
            self.close()
            raise

    def _reach(self, member: Member) -> Server:
        return self.connect(member.origin.open(lambda: self._closing))

    @property
    def context(self) -> int:
        return min(member.server.context for member in self.members if member.server)

    def prepare(self) -> None:
        """Every server that answers is awake and has the weights as they are now. Raises ModelError.

        The cache takes its memory back last, so that weights, while they are read, do not stand beside it.
        """
        if not self._list_unready():
            return
        with self._arranging:
            unready = self._list_unready()
            if self._updating and not (self._published == self.version and self.weights.kept):
                unready = [member for member in unready if member.version == self.version]
            if any(member.version != self.version for member in unready) and self._published != self.version:
                self.weights.publish()
                self._published = self.version
            self._each(unready, self._make_ready)

    def begin_update(self) -> None:
        """Before the weights change here: the servers have them as they are, and sample on. One that is
        opened again meanwhile, and cannot be sent these any more, waits for the end. Raises ModelError."""
        self.prepare()
        with self._arranging:
            self._updating = True

    def end_update(self) -> None:
        self._updating = False

    def _list_unready(self) -> list[Member]:
        with self._changed:
            return [
                member
                for member in self.members
                if member.state is State.UP or (member.state is State.SERVING and not self._is_ready(member))
            ]

    def _is_ready(self, member: Member) -> bool:
        return member.version == self.version and not member.asleep

    def _make_ready(self, member: Member) -> None:
        version = self.version
        if member.version not in (NO_WEIGHTS, version):
            self._drain(member)
        if member.asleep:
            member.opened.wake("weights")
        if member.version != version:
            self.weights.send(member.opened)
        if member.asleep:
            member.opened.wake("kv_cache")
        with self._changed:
            member.version, member.asleep, member.state = version, False, State.SERVING
            self._changed.notify_all()

    def _drain(self, member: Member) -> None:
        """Wait for its requests under way, so that no turn is sampled with the weights of two versions. None
        is added: it no longer has the weights that are asked for."""
        with self._changed:
            self._changed.wait_for(
                lambda: not member.load or member.state is not State.SERVING or self._closing
            )

    def sleep(self, level: int, *, keeps_weights: bool) -> None:
        """Every server gives its memory up; one that is being opened is waited for, and then does too."""
        with self._changed:
            self._changed.wait_for(lambda: all(member.state is not State.DOWN for member in self.members))
        with self._arranging:

            def put_to_sleep(member: Member) -> None:
                member.opened.sleep(level)
                member.asleep = True
                member.version = member.version if keeps_weights else NO_WEIGHTS

            self._each([m for m in self.members if m.state is not State.LOST and not m.asleep], put_to_sleep)

    def read_metrics(self) -> dict[str, Sums]:
        """By address, what each server has done since it began; one that does not tell is left out."""

        def read(member: Member) -> tuple[str, Sums] | None:
            try:
                return member.opened.root, member.opened.read_metrics()
            except ModelError:  # figures alone; the next request finds out what is wrong
                return None

        with self._changed:
            known = [member for member in self.members if member.state in (State.UP, State.SERVING)]
        return dict(filter(None, self._pool.map(read, known)))

    def reset_caches(self) -> None:
        """Empty the prefix caches of those that are awake; the others have none."""
        with self._arranging:
            awake = [m for m in self.members if m.state is State.SERVING and not m.asleep]
            self._each(awake, lambda member: member.opened.reset_cache())

    def _each(self, members: Sequence[Member], act: Callable[[Member], None]) -> None:
        """For all at once; one that gives no answer is left out."""

        def attempt(member: Member) -> None:
            try:
                act(member)
            except UnansweredError as error:
                self.leave_out(member, error)

        list(self._pool.map(attempt, members))

    def take(self, home: Member | None) -> Member:
        """The server to send a request to, which is counted as under way: ``home`` where it may be kept.

        Waits while all are being opened. Raises ModelError where no server is left.
        """
        while True:
            with self._changed:
                serving = [m for m in self.members if m.state is State.SERVING and self._is_ready(m)]
                if serving:
                    idlest = min(serving, key=lambda member: member.load)
                    keeps = home in serving and home.load <= 2 * idlest.load + SLACK if home else False
                    chosen = home if home and keeps else idlest
                    self._count(chosen, 1)
                    return chosen
                if self._closing or all(member.state is State.LOST for member in self.members):
                    raise ModelError(self._explain_loss())
                self._changed.wait_for(self._may_serve, 1.0)
            self.prepare()
            if self._updating:  # what is up may have to wait for the end of the update
                time.sleep(PAUSE)

    def _may_serve(self) -> bool:
        return self._closing or any(member.state in (State.UP, State.SERVING) for member in self.members)

    def give_back(self, member: Member, *, answered: bool) -> None:
        """A request to this server is over."""
        with self._changed:
            self._count(member, -1)
            member.deaths = 0 if answered else member.deaths
            self._changed.notify_all()

    def _count(self, member: Member, more: int) -> None:
        member.load += more
        now = time.monotonic()
        if self._under_way:
            self.busy += now - self._busy_since
        self._busy_since = now
        self._under_way += more

    def leave_out(self, member: Member, error: ModelError) -> None:
        """Ask this server no more, and open it again in the background."""
        with self._changed:
            if self._closing or member.state in (State.DOWN, State.LOST):
                return
            member.state, member.fault = State.DOWN, str(error)
            member.deaths += 1
            self.lost += 1
            member.version, member.asleep = NO_WEIGHTS, False
            log.warning("a vLLM server is left out, its conversations are sampled elsewhere: %s", error)
            opener = threading.Thread(target=self._open_again, args=(member,), name="fleet-open", daemon=True)
            self._openers = [*(one for one in self._openers if one.is_alive()), opener]
            opener.start()

    def _open_again(self, member: Member) -> None:
        given_up = member.deaths > MOST_DEATHS
        try:
            if not given_up:
                if member.server is not None:
                    member.server.close()
                member.server = self._reach(member)
        except ModelError as error:
            member.fault, given_up = str(error), True
        with self._changed:
            member.state = State.LOST if given_up or self._closing else State.UP
            self._changed.notify_all()
        if given_up:
            log.warning("a vLLM server is given up: %s", member.fault)

    def _explain_loss(self) -> str:
        if self._closing:
            return "the model was closed, so nothing more is sampled"
        faults = "; ".join(dict.fromkeys(member.fault for member in self.members))
        return f"no vLLM server is left to sample with: {faults}"

    def close(self) -> None:
        """Stop what was started, and give up what is under way. It may be called again."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        for opener in self._openers:
            opener.join()
        list(self._pool.map(_end, self.members))
        self._pool.shutdown(wait=True)


def _end(member: Member) -> None:
    if member.server is not None:
        member.server.close()
    member.origin.close()
