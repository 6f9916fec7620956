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
from itertools import pairwise

from .kernel import PR_SET_SECCOMP, RLIMIT_AS, RLIMIT_FSIZE, Step, prepared_prctl

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
# BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16
_FILTER_MODE = 2
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_Instruction = tuple[int, int, int, int]
_Jump = int | str  # how many instructions are passed over, or "allow" or "refuse"

# name: (x86-64, aarch64); -1 where the architecture has no such call.
_PLAIN: dict[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
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


def _take_low_half(argument: int) -> int:
    """Where the low half of an argument lies; the high half follows (both machines are little-endian)."""
    return _ARGS_OFFSET + 8 * argument


def _allow_any(argument: int, *values: int) -> list[tuple[int, _Jump, _Jump, int]]:
    """Allow these values; for others go on."""
    return [(_LOAD, 0, 0, _take_low_half(argument)), *((_EQUAL, "allow", 0, value) for value in values)]


def _demand(offset: int, value: int) -> list[tuple[int, _Jump, _Jump, int]]:
    """Refuse what is not this value; with it go on."""
    return [(_LOAD, 0, 0, offset), (_EQUAL, 0, "refuse", value)]


_MAP_TYPE, _MAP_PRIVATE, _MAP_HUGETLB = 0x0F, 0x02, 0x40000
# name: numbers, and what decides; where nothing does, the call is refused.
_CHECKED: dict[str, tuple[tuple[int, int], list[tuple[int, _Jump, _Jump, int]]]] = {
    # TCGETS, FIONREAD, FIONCLEX, FIOCLEX
    "ioctl": ((16, 29), _allow_any(1, 0x5401, 0x541B, 0x5450, 0x5451)),
    # DUPFD, GETFD, SETFD, GETFL, DUPFD_CLOEXEC: no locks, no signals
    "fcntl": ((72, 25), _allow_any(1, 0, 1, 2, 3, 1030)),
    # Its own limits alone. Memory and file size are set with each request, so they can be lowered; the others
    # can be read (no new value), so that no code dies of a limit that it set itself.
    "prlimit64": (
        (302, 261),
        [
            *_demand(_take_low_half(0), 0),
            *_allow_any(1, RLIMIT_AS, RLIMIT_FSIZE),
            *_demand(_take_low_half(2), 0),
            *_demand(_take_low_half(2) + 4, 0),
            *_allow_any(0, 0),
        ],
    ),
    # Private memory alone. Of shared memory the kernel keeps every page as long as one page of it is mapped:
    # unmapping the others would take them out of every count of this process, and keep them.
    "mmap": (
        (9, 222),
        [
            (_LOAD, 0, 0, _take_low_half(3)),
            (_AND, 0, 0, _MAP_TYPE | _MAP_HUGETLB),
            (_EQUAL, "allow", "refuse", _MAP_PRIVATE),
        ],
    ),
}
_CLONE3 = 435


def build_filter(machine: str | None = None) -> bytes:
    """The BPF program for this machine (``os.uname().machine``). Raises KeyError for another architecture."""
    machine = machine or os.uname().machine
    arch = _AUDIT_ARCH[machine]
    column = list(_AUDIT_ARCH).index(machine)
    answers = {pair[column]: "allow" for pair in _PLAIN.values() if pair[column] >= 0}
    answers[_CLONE3] = "absent"
    blocks = {
        "refuse": [(_RETURN, 0, 0, _ERRNO | errno.EPERM)],
        "allow": [(_RETURN, 0, 0, _ALLOW)],
        "absent": [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)],
    }
    for name, (numbers, steps) in _CHECKED.items():
        answers[numbers[column]] = name
        blocks[name] = _close_block(steps)
    code = [(_LOAD, 0, 0, _ARCH_OFFSET), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL)]
    code += [(_LOAD, 0, 0, _NR_OFFSET), *_build_search(_split_regions(answers), blocks)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _split_regions(answers: dict[int, str]) -> list[tuple[int, str]]:
    """From which number on the answer is which block; numbers not listed (all of x32 too) are refused."""
    numbers = sorted({0, *answers, *(number + 1 for number in answers)})
    told = [(number, answers.get(number, "refuse")) for number in numbers]
    return [here for before, here in pairwise([(0, ""), *told]) if here[1] != before[1]]


def _build_search(
    regions: list[tuple[int, str]], blocks: dict[str, list[_Instruction]]
) -> list[_Instruction]:
    """A binary search for the region of the loaded number, followed by the blocks that it jumps to.

    The kernel runs a filter once for every number there is whenever it is installed, that is for each
    child: a chain of comparisons would cost it several times as much.
    """
    offsets, end = {}, len(regions) - 1
    for name, block in blocks.items():
        offsets[name] = end
        end += len(block)
    return [*_build_branch(regions, 0, offsets), *(step for block in blocks.values() for step in block)]


def _build_branch(regions: list[tuple[int, str]], at: int, offsets: dict[str, int]) -> list[_Instruction]:
    """The comparisons for these regions, placed at ``at``; none where there is but one region."""
    if len(regions) == 1:
        return []
    middle = len(regions) // 2
    left = _build_branch(regions[:middle], at + 1, offsets)
    right = _build_branch(regions[middle:], at + 1 + len(left), offsets)
    no = 0 if left else offsets[regions[0][1]] - at - 1
    yes = len(left) if right else offsets[regions[-1][1]] - at - 1
    return [(_AT_LEAST, yes, no, regions[middle][0]), *left, *right]


def _close_block(steps: list[tuple[int, _Jump, _Jump, int]]) -> list[_Instruction]:
    """The steps with their jumps counted out, then the two ends that they jump to; it falls into "refuse"."""
    ends = {"refuse": len(steps), "allow": len(steps) + 1}

    def count(jump: _Jump, here: int) -> int:
        return jump if isinstance(jump, int) else ends[jump] - here - 1

    block = [
        (code, count(yes, here), count(no, here), value) for here, (code, yes, no, value) in enumerate(steps)
    ]
    return [*block, (_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


_loaded: list[object] = []  # a loaded filter must outlive every fork that installs it


def load(program: bytes) -> int:
    """Keep a built filter in memory, ready to install; its address."""
    buffer = ctypes.create_string_buffer(program, len(program))
    structure = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _loaded.extend((buffer, structure))
    return ctypes.addressof(structure)


def installing(address: int) -> Step:
    """The step that binds the calling process to a loaded filter, for good; needs no_new_privs."""
    return prepared_prctl(PR_SET_SECCOMP, _FILTER_MODE, ctypes.c_void_p(address))
