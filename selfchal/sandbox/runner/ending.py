"""How a process of the untrusted side ended, as the trusted side saw it.

Nothing in here is the process's own word: the wait status and the peak come from its zygote, the rest from
the kernel. A failure of the sandbox is claimed on such evidence alone, since code that could bring one about
would have its failures left out of the score.
"""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import threading
import time
from dataclasses import astuple, dataclass

_COUNTER = b"\noom_kill "


@dataclass(frozen=True)
class Ending:
    """What is known of a process that hung up.

    ``wait_status`` is as ``os.waitpid`` gives it, None where nobody could tell; ``peak`` is the most memory
    in bytes that was resident. ``hung_up``: it closed its channel while it lived, and was killed for that.
    ``page_tables`` is their size in bytes where it was killed for that, else 0. ``out_of_memory``: the kernel
    has killed processes for want of memory meanwhile. ``failure`` says what went wrong on the trusted side,
    and is empty where nothing did.
    """

    wait_status: int | None = None
    peak: int = 0
    hung_up: bool = False
    page_tables: int = 0
    out_of_memory: bool = False
    failure: str = ""

    def to_bytes(self) -> bytes:
        return json.dumps(astuple(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Ending:
        """Raises ValueError for what ``to_bytes`` did not write."""
        match json.loads(data):
            case [
                int() | None as status,
                int(peak),
                bool(hung_up),
                int(tables),
                bool(no_memory),
                str(failure),
            ]:
                return cls(status, peak, hung_up, tables, no_memory, failure)
        raise ValueError("this tells of no ending")


def was_killed(wait_status: int) -> bool:
    return wait_status & 0x7F == signal.SIGKILL


def describe_code(code: int) -> str:
    """Of a return code as ``subprocess`` gives it."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def describe_os_error(error: OSError) -> str:
    """The error, and the cure where it is one of descriptors."""
    if error.errno not in (errno.EMFILE, errno.ETOOMANYREFS):  # of its own, or of its user's under way
        return str(error)
    return add_descriptor_cure("EMFILE, no file descriptor is left")


def add_descriptor_cure(reason: str) -> str:
    """What a process said, with the limit and the cure where it says that descriptors ran out."""
    if "EMFILE" not in reason:
        return reason
    import resource  # Windows has none, where the monty sandbox imports this module

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return f"{reason}: this process may open {most}; raise that ('ulimit -n 4096')"


class OutOfMemoryKills:
    """The kernel's own count of the processes that it killed for want of memory.

    The count is of the whole machine, containers among them, and is read only when a process was killed:
    kills between two readings count as of the second.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = _read_count()
        self._rose = -float("inf")

    def rose_since(self, moment: float) -> bool:
        """Whether it has killed any since then (``time.monotonic``)."""
        with self._lock:
            count = _read_count()
            if count > self._count:
                self._count, self._rose = count, time.monotonic()
            return self._rose >= moment


def _read_count() -> int:
    with contextlib.suppress(OSError), open("/proc/vmstat", "rb") as file:  # there is none on macOS
        _, found, rest = file.read().partition(_COUNTER)
        return int(rest.split(maxsplit=1)[0]) if found else 0
    return 0
