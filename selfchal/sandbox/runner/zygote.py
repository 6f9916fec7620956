"""The bare interpreter that forks children: no task, no world, no secret in its memory.

Started as ``python -P -s -S -B`` (that is ``-I`` but for PYTHONHASHSEED, which ``-I`` would ignore) with
an environment of its own and the code that ``boot`` wrote. It takes one kind of message on its control
socket: three descriptors (a child's channel, the pipe for its exit status, the file for its stdout). What a
child is to run never passes through here, so no child can find another task's text in the memory it was
forked with.
"""

from __future__ import annotations

import _socket  # without the Python part of ``socket``, and what that imports
import errno
import gc
import json
import os
import select
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from typing import Any, NoReturn

from . import clock, isolation, kernel, landlock, seccomp
from .child import CHANNEL, MOST_DESCRIPTORS, PreparedIsolation, become_child, rehearse
from .prefault import hold_what_is_free
from .wire import EXIT, FAILED, PIDFD

_ONE = struct.Struct("=i")
_THREE_SPACE = _socket.CMSG_SPACE(3 * _ONE.size)
_INHERITED_LIMITS = (
    (kernel.RLIMIT_NOFILE, MOST_DESCRIPTORS),
    (kernel.RLIMIT_CORE, 0),
    (kernel.RLIMIT_MSGQUEUE, 0),
    (kernel.RLIMIT_MEMLOCK, 0),
    (kernel.RLIMIT_STACK, 8 * 2**20),
)

# Imported before forking, so that children share the pages: what most code begins with. No more than that,
# since every child pays for each page and each library of the zygote; the others are a file to import.
PRELOADED = "collections datetime functools itertools json math re string time typing".split()  # noqa: SIM905 — one word a module reads better


def main(settings: dict[str, Any]) -> NoReturn:
    """Entry point: ``control`` (a descriptor), ``tier``, ``clock`` and ``seed``."""
    os.dup2(settings["control"], CHANNEL + 1)
    os.dup2(0, CHANNEL)  # a child's channel takes its place
    os.closerange(CHANNEL + 2, MOST_DESCRIPTORS)
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, CHANNEL + 1)
    host = os.pidfd_open(os.getppid())
    try:
        prepared = _isolate(settings, control)
    except OSError as error:
        control.send(json.dumps({"error": str(error)}).encode())
        os._exit(1)
    rehearse()
    control.send(json.dumps({"uid": os.getuid()}).encode())
    gc.collect()
    hold_what_is_free()
    gc.freeze()
    gc.disable()  # its own few objects make no cycles
    _Forks(control, host, prepared).serve()
    os._exit(0)


def _isolate(settings: dict[str, Any], control: _socket.socket) -> PreparedIsolation:
    for name in PRELOADED:
        __import__(name)
    clock.fix(settings["clock"])
    if settings["seed"] is not None:
        import random  # otherwise the code's own import does, and seeds it anew each time
    _prefer_oom_kill()
    sys.path[:] = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib") + "/lib-dynload"]
    sys.argv[:] = sys.orig_argv[:] = [""]
    sys.executable = sys._base_executable = ""  # type: ignore[attr-defined]  # typeshed does not know it
    _preload_library()
    base_memory = isolation.address_space()
    see = isolation.visible()
    if settings["tier"] in ("A", "C"):
        isolation.enter_namespaces()
        _become_first_process(control)
        isolation.build_root(see)
    rules = isolation.landlock_rules(see) if settings["tier"] in ("A", "B") else None
    if rules is None and settings["tier"] in ("A", "B"):
        raise kernel.SetupError(0, "the kernel has no Landlock")
    binds_filter = seccomp.installing(seccomp.load(seccomp.build_filter()))
    isolation.drop_privileges(sysconfig.get_path("stdlib"))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    for limit, value in _INHERITED_LIMITS:
        kernel.lower_limit(limit, value)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    cpu_seconds = min(kernel.MOST_CPU_SECONDS, kernel.hard_limit(kernel.RLIMIT_CPU))
    bindings = [
        kernel.prepared_prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL),  # a fork does not inherit it
        kernel.prepared_rlimit(kernel.RLIMIT_NPROC, 0),
        kernel.prepared_rlimit(kernel.RLIMIT_NOFILE, min(32, kernel.hard_limit(kernel.RLIMIT_NOFILE))),
        kernel.prepared_rlimit(kernel.RLIMIT_CPU, cpu_seconds),
    ]
    if rules is not None:
        bindings.append(landlock.restricting(rules))
    if settings["seed"] is not None:
        random.seed(settings["seed"])  # no earlier: os.fork seeds it anew
    return PreparedIsolation(tuple(bindings), binds_filter, base_memory, cpu_seconds)


def _preload_library() -> None:
    """List the library's folders once and for all.

    An import lists a folder anew when that has changed, which a child may not: it would find nothing more.
    """
    for finder in sys.meta_path:
        finder.find_spec("no_such_module", None)  # now each folder of sys.path has a finder, and is listed
    for path in sys.path:
        if folder := sys.path_importer_cache.get(path):
            folder._fill_cache = lambda: None  # type: ignore[attr-defined]  # of importlib's FileFinder


def _prefer_oom_kill() -> None:
    """If the machine runs out of memory, this and its children go before anything else."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _become_first_process(control: _socket.socket) -> None:
    """Fork into the new process namespace; the outer process stays, for the host to wait for."""
    pid = os.fork()
    if pid:
        control.close()
        _, wait_status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(wait_status)
        os._exit(code if code >= 0 else 128 - code)


class _Forks:
    """Forks a child for each request and tells the host how each one ends."""

    def __init__(self, control: _socket.socket, host: int, prepared: PreparedIsolation) -> None:
        self._control = control
        self._prepared = prepared
        self._children: dict[int, tuple[int, int]] = {}  # pidfd: pid, descriptor for the exit status
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(host, select.POLLIN)

    def serve(self) -> None:
        """Until the host hangs up or dies; the children then die with this process."""
        control = self._control.fileno()
        while True:
            for fd, _ in self._poll.poll():
                if fd in self._children:
                    self._reap(fd)
                elif fd != control or not self._fork():
                    return

    def _fork(self) -> bool:
        message, ancillary, _, _ = self._control.recvmsg(1, _THREE_SPACE)
        if not message:
            return False
        descriptors = [fd for _, _, data in ancillary for (fd,) in _ONE.iter_unpack(data)]
        if len(descriptors) < 3:
            _refuse(descriptors, "it has no descriptor left for another process (EMFILE)")
            return True
        channel, status, stdout = descriptors
        pid = kernel.fork()
        if pid == 0:
            become_child(channel, stdout, self._prepared)
        if pid < 0:
            _refuse(descriptors, f"it cannot fork: {kernel.last_error()}")
            return True
        os.close(stdout)
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            _refuse((channel, status), f"it cannot hold another process: {error}")
            return True
        self._children[pidfd] = pid, status
        self._poll.register(pidfd, select.POLLIN)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _ONE.pack(pidfd))]
        to_host = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, channel)
        try:
            to_host.sendmsg([PIDFD], rights)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the host has hung up already
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            reason = "EMFILE, all descriptors that this user may send are under way"
            told = reason if error.errno == errno.ETOOMANYREFS else str(error)
            to_host.send(FAILED + f"\nit cannot hand over another process: {told}".encode())
        to_host.close()
        return True

    def _reap(self, pidfd: int) -> None:
        """Collect one that ended and tell the host how."""
        self._poll.unregister(pidfd)
        pid, status = self._children.pop(pidfd)
        _, wait_status, usage = os.wait4(pid, 0)
        used_up = usage.ru_utime + usage.ru_stime >= self._prepared.cpu_seconds
        try:  # noqa: SIM105 — as above
            os.write(status, EXIT.pack(wait_status, usage.ru_maxrss, used_up))
        except BrokenPipeError:
            pass  # the host did not want to know
        os.close(status)
        os.close(pidfd)


def _refuse(descriptors: Iterable[int], reason: str) -> None:
    """Tell the host that there is no child; the channel is the first descriptor, where there is any."""
    for number, fd in enumerate(descriptors):
        if number == 0:
            os.write(fd, FAILED + b"\n" + reason.encode())
        os.close(fd)
