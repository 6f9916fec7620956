"""The system calls that Python's ``os`` does not offer, through libc; the only ctypes of the runner."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterable

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
# For a child just forked, where each page touched is a page copied: no errno kept, no lock handed over.
_quick = ctypes.PyDLL(None)
# Forks without Python's own care for threads, import locks and the random module: there are none here.
fork = _quick.fork
_LIMITS = struct.Struct("=2Q")  # soft and hard
Step = tuple[str, Callable[..., int], tuple[object, ...]]  # what it is called, and a call made ready

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

# As on every architecture but alpha, mips and sparc. The module that knows them is a library more to fork.
RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NPROC = 0, 1, 3, 4, 6
RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_MSGQUEUE = 7, 8, 9, 12

# The host ends each run by the clock; this ends a child whose host was stopped meanwhile. It is out of the
# code's reach: dying of a limit that it lowered itself would look like a failure of the sandbox.
MOST_CPU_SECONDS = 24 * 3600

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2

# These numbers are the same on every architecture since the unified table of Linux 5.1.
_MOUNT_SETATTR = 442
_CAPSET = {"x86_64": 126, "aarch64": 91}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63


class SetupError(OSError):
    """A step of the lock-down could not be taken; nothing untrusted has run."""


def syscall(number: int, *args: object) -> int:
    """Call by number. Raises OSError with the kernel's errno."""
    result: int = _libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _check_result(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise SetupError(error, f"{what}: {os.strerror(error)}")


def last_error() -> str:
    """Why ``fork`` answered a negative number."""
    find = _quick.__errno_location
    find.restype = ctypes.POINTER(ctypes.c_int)
    return os.strerror(find().contents.value)


def prctl(option: int, *args: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*args, 0, 0, 0, 0)[:4]]
    _check_result(_libc.prctl(ctypes.c_int(option), *padded), f"prctl {option}")


def prepared_prctl(option: int, *args: object) -> Step:
    """Of C ints; a pointer comes as ``c_void_p``."""
    return f"prctl {option}", _quick.prctl, (option, *args, *[0] * (4 - len(args)))


def prepared_syscall(what: str, number: int, *args: int) -> Step:
    return what, _quick.syscall, (number, *args)


def prepared_rlimit(limit: int, value: int) -> Step:
    """Soft and hard, so that it can only be lowered."""
    return f"setrlimit {limit}", _quick.setrlimit, (limit, _LIMITS.pack(value, value))


def lower_limit(limit: int, value: int) -> None:
    """Soft and hard to ``value``, or to the hard limit that is there if that is lower."""
    take([prepared_rlimit(limit, min(value, hard_limit(limit)))])


def hard_limit(limit: int) -> int:
    there = ctypes.create_string_buffer(_LIMITS.size)
    _check_result(_libc.getrlimit(limit, there), f"getrlimit {limit}")
    return int(_LIMITS.unpack(there.raw)[1])


def take(steps: Iterable[Step]) -> None:
    """Make the prepared calls. Raises SetupError for one that the kernel refuses."""
    for what, call, args in steps:
        if call(*args) != 0:
            raise SetupError(0, f"{what} was refused")


def unshare(flags: int) -> None:
    _check_result(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check_result(result, f"mount {target}")


def unmount(target: str) -> None:
    _check_result(_libc.umount2(target.encode(), ctypes.c_int(MNT_DETACH)), f"umount {target}")


def read_only(target: str) -> None:
    """Make a mount and all below it read-only, nosuid and nodev; other flags, maybe locked, stay."""

    class MountAttr(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]

    attr = MountAttr(MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)
    try:
        syscall(
            _MOUNT_SETATTR,
            ctypes.c_int(-100),
            ctypes.c_char_p(target.encode()),
            ctypes.c_uint(_AT_RECURSIVE),
            ctypes.byref(attr),
            ctypes.c_size_t(ctypes.sizeof(attr)),
        )
    except OSError as error:
        raise SetupError(error.errno, f"mount_setattr {target}: {error.strerror}") from error


def pivot_into(root: str) -> None:
    """Make ``root`` the root directory and drop the old one."""
    os.chdir(root)
    try:
        syscall(_PIVOT_ROOT[os.uname().machine], ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    except OSError as error:
        raise SetupError(error.errno, f"pivot_root: {error.strerror}") from error
    unmount(".")
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up every capability in every set, for good."""
    for capability in range(_LAST_CAPABILITY + 1):
        # Numbers that this kernel does not know, and processes that hold no CAP_SETPCAP, are refused:
        # then the permitted set below decides, and no_new_privs keeps it empty.
        _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    try:
        syscall(_CAPSET[os.uname().machine], ctypes.byref(header), ctypes.byref(data))
    except OSError as error:
        raise SetupError(error.errno, f"capset: {error.strerror}") from error
    prctl(PR_SET_NO_NEW_PRIVS, 1)
