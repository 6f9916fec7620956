"""The bare interpreter that forks children: no task, no world, no secret in its memory.

Started as ``python -P -s -S -B`` (that is ``-I`` but for PYTHONHASHSEED, which ``-I`` would ignore) with
an environment of its own. It takes one kind of message on its control socket: three descriptors (a
child's channel, the pipe for its exit status, the file for its stdout). What a child is to run never
passes through here, so no child can find another task's text in the memory it was forked with.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import sysconfig
from typing import Any, NoReturn

from . import clock, kernel, seccomp, walls
from .child import Walls, become_child

EXIT = struct.Struct("!i")  # a wait status as os.waitpid gives it

# Imported before forking, so that children share the pages and need no file to import them.
PRELOADED = """
    abc base64 bisect calendar cmath collections contextlib copy dataclasses datetime decimal difflib enum
    fractions functools hashlib heapq inspect io itertools json math numbers operator pprint random re
    statistics string struct textwrap time traceback types typing unicodedata uuid zoneinfo
""".split()  # noqa: SIM905 — one word a module reads better


def main() -> NoReturn:
    """Entry point: one JSON argument with ``control``, ``tier``, ``clock`` and ``seed``."""
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["control"])
    host = os.pidfd_open(os.getppid())
    try:
        prepared = _raise_walls(settings, control)
    except OSError as error:
        control.send(json.dumps({"error": str(error)}).encode())
        os._exit(1)
    control.send(json.dumps({"landlock": prepared.landlock_rules is not None, "uid": os.getuid()}).encode())
    gc.collect()
    gc.freeze()
    _fork_children(control, host, prepared)
    os._exit(0)


def _raise_walls(settings: dict[str, Any], control: socket.socket) -> Walls:
    for name in PRELOADED:
        __import__(name)
    clock.fix(settings["clock"])
    _oom_first()
    sys.path[:] = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib") + "/lib-dynload"]
    sys.argv[:] = [""]
    base_memory = walls.address_space()
    see = walls.visible()
    if settings["tier"] in ("A", "C"):
        walls.enter_namespaces()
        _continue_as_first_process(control)
        walls.build_root(see)
    rules = walls.landlock_rules(see) if settings["tier"] in ("A", "B") else None
    if rules is None and settings["tier"] in ("A", "B"):
        raise kernel.SetupError(0, "the kernel has no Landlock")
    address = seccomp.load(seccomp.build_filter())
    walls.drop_privileges(sysconfig.get_path("stdlib"))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    return Walls(rules, address, base_memory, settings["seed"])


def _oom_first() -> None:
    """If the machine runs out of memory, this and its children go before anything else."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _continue_as_first_process(control: socket.socket) -> None:
    """Fork into the new process namespace; the outer process stays, for the host to wait for."""
    pid = os.fork()
    if pid:
        control.close()
        os.waitpid(pid, 0)
        os._exit(0)


def _fork_children(control: socket.socket, host: int, prepared: Walls) -> None:
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    poll = select.poll()
    for fd in (control.fileno(), wake_read, host):
        poll.register(fd, select.POLLIN)
    statuses: dict[int, int] = {}
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if host in ready:
            break
        if wake_read in ready:
            os.read(wake_read, 4096)
            _reap(statuses)
        if control.fileno() in ready:
            _, descriptors, _, _ = socket.recv_fds(control, 1, 3)
            if len(descriptors) != 3:
                break
            _fork_one(descriptors, statuses, prepared)
    for pid in statuses:
        os.kill(pid, signal.SIGKILL)


def _fork_one(descriptors: list[int], statuses: dict[int, int], prepared: Walls) -> None:
    channel, status, stdout = descriptors
    try:
        pid = os.fork()
    except OSError:
        pid = -1  # the host reads the end of both pipes: an infrastructure failure
    if pid == 0:
        become_child(channel, stdout, prepared)
    os.close(channel)
    os.close(stdout)
    if pid > 0:
        statuses[pid] = status
    else:
        os.close(status)


def _reap(statuses: dict[int, int]) -> None:
    """Collect whoever ended and tell the host how."""
    while statuses:
        pid, wait_status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = statuses.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # the host did not want to know
            os.write(status, EXIT.pack(wait_status))
        os.close(status)
