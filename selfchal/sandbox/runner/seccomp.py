"""The allow-list of system calls: what a child may still ask the kernel for.

Everything not listed is refused with EPERM (clone3 with ENOSYS, so that libc falls back to clone and is
refused there); another architecture's calling convention (int 0x80) kills the process. There is no way
left to make a process, a thread, a socket, a mount, a shared memory segment, a timer or a signal.
Kernel interface: seccomp(2); numbers from the kernel's syscall_64.tbl and scripts/syscall.tbl.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from .kernel import PR_SET_SECCOMP, prctl

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, JGE, BPF_RET|K
_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16
_X32_BIT = 0x40000000
_FILTER_MODE = 2
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86-64, aarch64); -1 where the architecture has no such call.
_PLAIN: dict[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "dup3": (292, 24),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "uname": (63, 160),
    "getcwd": (79, 17),
    "readlinkat": (267, 78),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "openat": (257, 56),
    "getdents64": (217, 61),
    "fadvise64": (221, 223),
    "getrusage": (98, 165),
    "times": (100, 153),
    "sysinfo": (99, 179),
    "gettimeofday": (96, 169),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "getrandom": (318, 278),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "sigaltstack": (131, 132),
    "ppoll": (271, 73),
    "pselect6": (270, 72),
    "sched_getaffinity": (204, 123),
    # Older spellings that only x86-64 has.
    "open": (2, -1),
    "stat": (4, -1),
    "lstat": (6, -1),
    "poll": (7, -1),
    "access": (21, -1),
    "select": (23, -1),
    "dup2": (33, -1),
    "readlink": (89, -1),
    "time": (201, -1),
}
# name: numbers, the argument looked at, the values allowed (the kernel reads these as 32-bit).
_CHECKED: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    "ioctl": ((16, 29), 1, (0x5401, 0x541B, 0x5450, 0x5451)),  # TCGETS, FIONREAD, FIONCLEX, FIOCLEX
    "fcntl": (
        (72, 25),
        1,
        (0, 1, 2, 3, 1030),
    ),  # DUPFD, GETFD, SETFD, GETFL, DUPFD_CLOEXEC: no locks, no signals
    "prlimit64": ((302, 261), 0, (0,)),  # only its own, which it can only lower
}
_CLONE3 = 435


def build_filter(machine: str | None = None) -> bytes:
    """The BPF program for this machine (``os.uname().machine``). Raises KeyError for another architecture."""
    machine = machine or os.uname().machine
    arch = _AUDIT_ARCH[machine]
    column = list(_AUDIT_ARCH).index(machine)
    code = [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NR_OFFSET),
    ]
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    code += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for numbers, argument, values in _CHECKED.values():
        code += _checked_block(numbers[column], argument, values)
    plain = [pair[column] for pair in _PLAIN.values() if pair[column] >= 0]
    for left, number in zip(range(len(plain), 0, -1), plain, strict=True):
        code.append((_EQUAL, left, 0, number))
    code += [(_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _checked_block(number: int, argument: int, values: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    inside = [(_LOAD, 0, 0, _ARGS_OFFSET + 8 * argument)]
    for left, value in zip(range(len(values), 0, -1), values, strict=True):
        inside.append((_EQUAL, left, 0, value))
    inside += [(_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(inside), number), *inside]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


_loaded: list[object] = []  # a loaded filter must outlive every fork that installs it


def load(program: bytes) -> int:
    """Keep a built filter in memory, ready to install; its address."""
    buffer = ctypes.create_string_buffer(program, len(program))
    structure = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _loaded.extend((buffer, structure))
    return ctypes.addressof(structure)


def install(address: int) -> None:
    """Bind the calling process to a loaded filter, for good; needs no_new_privs."""
    prctl(PR_SET_SECCOMP, _FILTER_MODE, address)
