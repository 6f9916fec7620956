"""One server of the environment: answers a call on any saved state, with as many processes as are wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from selfchal.builtin_envs.mcp.config import Reset, State
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connect import Reach, connect
from selfchal.builtin_envs.mcp.connection import Answer, ListedTool, ServerDiedError, ServerTimeoutError
from selfchal.builtin_envs.mcp.keepers import KeptOnDisk, Made, make_keeper
from selfchal.builtin_envs.mcp.live import LiveServer
from selfchal.builtin_envs.mcp.recorded import Recorded, Recordings, find_todays_date, key_of
from selfchal.builtin_envs.mcp.snapshot import Snapshot
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_ATTEMPTS = 3  # a call is made again on a new process where the server died of something else


class Server:
    """Thread-safe. The processes live until it is closed; they are started when they are needed."""

    def __init__(
        self,
        entry: ServerEntry,
        state: State | None,
        reset: Reset | None,
        timeout: float,
        processes: int,
        reach: Reach = connect,
    ) -> None:
        """Start the first process. Without ``state`` a world is known by the calls that were made in it.

        Raises EnvironmentDataError where the process or its state cannot be had.
        """
        self.name = entry.name
        self._keeper = make_keeper(entry, state, reset)
        self._timeout = timeout
        self._processes = [self._keeper.make(entry, timeout) for _ in range(processes)]
        for live in self._processes:
            live.reach = reach
        self._free = threading.Semaphore(processes)
        self._choosing = threading.Lock()
        self.recordings = Recordings()
        try:
            with self._held(None) as live:
                self.start: Snapshot = self._keeper.start(live)
                self.tools: list[ListedTool] = live.connection.tools
        except (ServerDiedError, ServerTimeoutError) as error:
            self.close()
            raise EnvironmentDataError(f"server {self.name!r} fails when its state is asked for") from error
        except BaseException:
            self.close()
            raise

    @property
    def keeps_on_disk(self) -> bool:
        """Whether its state is put back under it while it runs."""
        return isinstance(self._keeper, KeptOnDisk) and not self._keeper.restarts

    @property
    def directory(self) -> str | None:
        """The user's own path of its state, where that is a directory."""
        return self._keeper.state.directory if isinstance(self._keeper, KeptOnDisk) else None

    @property
    def starts(self) -> int:
        """How often a process was started."""
        return sum(live.starts for live in self._processes)

    def pids(self) -> list[int]:
        """The processes that run now."""
        found = [live.connection.pid for live in self._processes if live.running]
        return [pid for pid in found if pid is not None]

    def call(
        self, before: Snapshot, tool: str, arguments: Mapping[str, Json], reads: bool
    ) -> tuple[Answer, Snapshot]:
        """What the tool answers on that state, and the state after it. ``reads``: it is known to only read.

        Raises EnvironmentDataError where the server does not start again, or is closed.
        """
        key = key_of(before, tool, arguments)
        recorded = self.recordings.find(key)
        if recorded is None:
            recorded, firm = self._make(before, tool, arguments, reads)
            if firm:
                recorded = self.recordings.put(key, recorded)
            if how := find_todays_date(recorded.answer, arguments, before):
                self.recordings.unstable.setdefault(tool, how)
        return recorded.answer, recorded.after

    def make(self, before: Snapshot, tool: str, arguments: Mapping[str, Json]) -> Recorded:
        """Make the call, whatever was recorded. Raises as ``call`` does."""
        return self._make(before, tool, arguments, reads=False)[0]

    def close(self) -> None:
        """End the processes for good, also those that are in a call."""
        for live in self._processes:
            live.close()

    def stop(self) -> None:
        """End the processes; those that are needed later start again."""
        for live in self._processes:
            with live.lock:
                live.stop()

    def _make(
        self, before: Snapshot, tool: str, arguments: Mapping[str, Json], reads: bool
    ) -> tuple[Recorded, bool]:
        """The second value is False where the server gave no answer, which may be another one next time."""
        with self._held(before) as live:
            for _ in range(_ATTEMPTS):
                try:
                    return self._attempt(live, before, tool, arguments, reads), True
                except ServerDiedError:
                    live.stop()
                except ServerTimeoutError:
                    live.stop()
                    answer = Answer(f"no answer within {self._timeout:g} s", ok=False)
                    return Recorded(answer, before), False
        answer = Answer(f"the server {self.name} died of this call, {_ATTEMPTS} times", ok=False)
        return Recorded(answer, before), False

    def _attempt(
        self, live: LiveServer, before: Snapshot, tool: str, arguments: Mapping[str, Json], reads: bool
    ) -> Recorded:
        self._keeper.restore(live, before)
        live.current = None  # nobody knows, if the call does not end (Ctrl-C)
        answer = live.call(tool, arguments)
        after = self._keeper.save(live, before, Made(tool, arguments, answer.ok, reads))
        live.current = after
        # what a reader leaves that is not seen (a log of its own calls, say) does not go into the world
        return Recorded(answer, before if reads and after.digest == before.digest else after)

    @contextmanager
    def _held(self, wanted: Snapshot | None) -> Iterator[LiveServer]:
        """A process that nobody else uses: rather one that is in the wanted state already."""
        with self._free:
            with self._choosing:
                free = [live for live in self._processes if live.lock.acquire(blocking=False)]
                chosen = min(free, key=lambda live: _count_steps(live, wanted))
                for live in free:
                    if live is not chosen:
                        live.lock.release()
            try:
                yield chosen
            finally:
                chosen.lock.release()


def _count_steps(live: LiveServer, wanted: Snapshot | None) -> int:
    """0 where it is in the wanted state, 2 where it would have to be started."""
    if not live.running:
        return 2
    return int(wanted is None or live.current is None or live.current.key != wanted.key)
