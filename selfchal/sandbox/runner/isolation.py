"""The walls of a zygote, by tier.

A: namespaces, Landlock and seccomp. B: Landlock and seccomp. C: namespaces and seccomp. S: seccomp
alone, which is only for the inside of a container that is itself the wall around files.
Namespaces are entered once, by the zygote; Landlock and seccomp bind each child anew.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import sysconfig
from typing import NamedTuple

from . import kernel, landlock

NOBODY = 65534
_NEW_ROOT = "/tmp"  # only a mount point, inside the zygote's own mount namespace
# Modules of the standard library that stand on libraries of the system.
_WITH_LIBRARIES = ("bz2", "ctypes", "decimal", "hashlib", "lzma", "sqlite3", "ssl", "uuid", "zlib")
_DEVICES = ("/dev/null", "/dev/urandom")


class Visible(NamedTuple):
    """What the children may see. ``mounts`` is what a namespace holds, with ``hidden`` covered again;
    ``readable`` says the same for Landlock, which can only add."""

    mounts: tuple[str, ...]
    hidden: tuple[str, ...]
    readable: tuple[str, ...]


def visible() -> Visible:
    """The standard library (without site-packages), the system's shared libraries, and nothing else."""
    stdlibs = sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
    inside = [os.path.join(stdlib, name) for stdlib in stdlibs for name in sorted(os.listdir(stdlib))]
    hidden = tuple(path for path in inside if path.endswith("-packages"))
    others = (*_DEVICES, "/usr/share/zoneinfo", *sorted(_list_libraries(stdlibs)))
    return Visible((*stdlibs, *others), hidden, (*(path for path in inside if path not in hidden), *others))


def _list_libraries(stdlibs: list[str]) -> set[str]:
    """The system's library folders; elsewhere (a Python of its own) only the very files that it maps."""
    files = {os.path.realpath(path) for path in _list_mapped() if path.startswith("/")}
    outside = {file for file in files if not file.startswith(tuple(stdlibs))}
    system = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
    return {os.path.dirname(file) if file.startswith(system) else file for file in outside}


def _list_mapped() -> list[str]:
    """The libraries of the standard library, from a process that imports it, so that this one stays small."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for name in _WITH_LIBRARIES:
                with contextlib.suppress(ImportError):
                    __import__(name)
            with open("/proc/self/maps") as maps:
                found = {line.split(maxsplit=5)[-1].strip() for line in maps if ".so" in line}
            os.write(writing, "\n".join(found).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        paths = pipe.read().splitlines()
    os.waitpid(pid, 0)
    return paths


def address_space() -> int:
    """Bytes of address space that this process uses."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def enter_namespaces() -> None:
    """Own mounts, processes, network, IPC and host name; a process forked from here is its PID 1."""
    uid, gid = os.getuid(), os.getgid()
    flags = (
        kernel.CLONE_NEWNS
        | kernel.CLONE_NEWPID
        | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWIPC
        | kernel.CLONE_NEWUTS
    )
    if uid != 0:
        kernel.unshare(flags | kernel.CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    else:
        kernel.unshare(flags)
    _socket.sethostname("sandbox")


def build_root(see: Visible) -> None:
    """A root file system of ``see.mounts`` only, read-only, and nothing else of the host."""
    handles = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in see.mounts if os.path.exists(path)]
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", _NEW_ROOT, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=4m,mode=755")
    for path, handle in handles:
        _bind(f"/proc/self/fd/{handle}", _NEW_ROOT + path)
        os.close(handle)
        if path not in _DEVICES:  # nodev would close the devices
            kernel.read_only(_NEW_ROOT + path)
    for path in see.hidden:
        kernel.mount(
            "tmpfs",
            _NEW_ROOT + path,
            "tmpfs",
            kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV,
            "size=4k",
        )
    for link in ("lib", "lib64"):
        _copy_link(link)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", _NEW_ROOT, None, flags)
    kernel.pivot_into(_NEW_ROOT)


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)


def _copy_link(name: str) -> None:
    """Merged-/usr systems reach their libraries through links at the root."""
    if os.path.islink(f"/{name}") and not os.path.lexists(f"{_NEW_ROOT}/{name}"):
        os.symlink(os.readlink(f"/{name}"), f"{_NEW_ROOT}/{name}")


def drop_privileges(stdlib: str) -> None:
    """Become an ordinary user without capabilities.

    Where that user cannot reach the interpreter's own library (a Python below /root), the user id stays
    and only the capabilities go: Landlock and seccomp then stand alone between the child and root's files.
    """
    if os.getuid() == 0:
        os.setgroups([])
        if _is_reachable_by_others(stdlib):
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def _is_reachable_by_others(path: str) -> bool:
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def landlock_rules(see: Visible) -> int | None:
    """A ruleset for the children, None where the kernel has no Landlock."""
    version = landlock.abi()
    return landlock.ruleset(see.readable, version) if version else None
