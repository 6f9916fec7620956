"""The kernel's tables of a process's pages: memory that no limit of the kernel on a process counts.

One touched page in each GiB of addresses takes 4 KiB of the limit on addresses, and 8 KiB of tables besides.
So the trusted side looks at the tables of a process while it runs. Memory used as programs use it takes one
part in 512; what is allowed is one part in 16.
"""

from __future__ import annotations

import contextlib
import time

# Between two looks. A look takes 0.1 ms, and only where the process used so much CPU time since the last: no
# table grows without.
LOOK_SECONDS, LOOK_CPU_SECONDS = 0.01, 0.005
_SHARE, _FREE = 16, 2**20
_FIELD = b"\nVmPTE:"


def most_page_tables(memory: int) -> int:
    """Bytes of tables that a process may have whose limit is ``memory`` bytes."""
    return _FREE + memory // _SHARE


def read_page_tables(pid: int) -> int | None:
    """Bytes of its tables; None where that cannot be seen, or it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        _, found, rest = file.read().partition(_FIELD)
        if found:
            return int(rest.split(maxsplit=1)[0]) * 1024
    return None


def read_cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; infinity where that cannot be told. Takes a microsecond."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the clock that clock_getcpuclockid(3) names
    except OSError:
        return float("inf")


def pid_of(pidfd: int) -> int:
    """The process behind a pidfd, as this process's /proc names it; 0 where that cannot be seen."""
    with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{pidfd}", "rb") as file:
        return int(file.read().partition(b"\nPid:")[2].split(maxsplit=1)[0])
    return 0
