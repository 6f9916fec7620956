"""The system call filter of both architectures, run by a small interpreter of its own instructions."""

from __future__ import annotations

import errno
import struct

import pytest

from selfchal.sandbox.runner import seccomp

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x80000000
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# From the kernel's tables (syscall_64.tbl, scripts/syscall.tbl), independent of those in seccomp.py.
NUMBERS = {
    "x86_64": {"read": 0, "mmap": 9, "exit_group": 231, "openat": 257, "getrandom": 318, "clone": 56, "fork": 57, "execve": 59, "socket": 41, "ptrace": 101, "kill": 62, "mount": 165, "bpf": 321, "io_uring_setup": 425, "clone3": 435, "setitimer": 38, "sendmsg": 46, "memfd_create": 319, "ioctl": 16, "fcntl": 72, "prlimit64": 302},
    "aarch64": {"read": 63, "mmap": 222, "exit_group": 94, "openat": 56, "getrandom": 278, "clone": 220, "execve": 221, "socket": 198, "ptrace": 117, "kill": 129, "mount": 40, "bpf": 280, "io_uring_setup": 425, "clone3": 435, "setitimer": 103, "sendmsg": 211, "memfd_create": 279, "ioctl": 29, "fcntl": 25, "prlimit64": 261},
}  # fmt: skip
NEEDED = ("read", "mmap", "exit_group", "openat", "getrandom")
ARGUMENTS = {"mmap": (0, 4096, 3, 0x22)}  # private and anonymous, as every allocator asks
FORBIDDEN = ("clone", "fork", "execve", "socket", "ptrace", "kill", "mount", "bpf", "io_uring_setup", "setitimer", "sendmsg", "memfd_create")  # fmt: skip


def _run(program: bytes, arch: int, number: int, *args: int) -> int:
    """What the kernel would answer: classic BPF with the five instructions that the filter uses."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *(args + (0,) * (6 - len(args))))
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, yes, no, value = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            at += yes if accumulator == value else no
        elif operation == 0x35:
            at += yes if accumulator >= value else no
        else:
            assert operation == 0x06
            return value


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter(machine: str) -> None:
    program = seccomp.build_filter(machine)
    numbers, arch = NUMBERS[machine], ARCH[machine]
    needed = {name: _run(program, arch, numbers[name], *ARGUMENTS.get(name, ())) for name in NEEDED}
    assert needed == dict.fromkeys(NEEDED, ALLOW)
    forbidden = [name for name in FORBIDDEN if name in numbers]
    assert {name: _run(program, arch, numbers[name]) for name in forbidden} == dict.fromkeys(forbidden, EPERM)
    assert _run(program, arch, numbers["clone3"]) == ENOSYS
    assert _run(program, arch, numbers["ioctl"], 0, 0x5401) == ALLOW
    assert _run(program, arch, numbers["ioctl"], 0, 0x5412) == EPERM  # TIOCSTI types into a terminal
    assert _run(program, arch, numbers["fcntl"], 0, 6) == EPERM  # F_SETLK
    assert _run(program, arch, numbers["prlimit64"], 0) == ALLOW
    assert _run(program, arch, numbers["prlimit64"], 1) == EPERM
    assert all(_run(program, arch, number) == EPERM for number in range(470, 600))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("flags", [0x01, 0x21, 0x03, 0x40022, 0x00])
def test_memory_that_a_process_could_hide_is_refused(machine: str, flags: int) -> None:
    """Shared (of a file, anonymous, validated), huge pages from the host's own store, no kind at all."""
    program = seccomp.build_filter(machine)
    assert _run(program, ARCH[machine], NUMBERS[machine]["mmap"], 0, 4096, 3, flags) == EPERM


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_only_memory_and_file_size_can_be_limited(machine: str) -> None:
    program = seccomp.build_filter(machine)
    new_value = (1 << 32, 0x7FFF0000)  # an address in the high half alone is one too
    for limit in range(16):
        for address in new_value:
            answer = _run(program, ARCH[machine], NUMBERS[machine]["prlimit64"], 0, limit, address)
            assert answer == (ALLOW if limit in (1, 9) else EPERM)  # FSIZE, AS
        assert _run(program, ARCH[machine], NUMBERS[machine]["prlimit64"], 0, limit, 0) == ALLOW


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_another_calling_convention_kills(machine: str) -> None:
    program = seccomp.build_filter(machine)
    for other in (0x40000003, 0x40000028, *set(ARCH.values()) - {ARCH[machine]}):
        assert _run(program, other, 0) == KILL


def test_the_x32_table_is_refused() -> None:
    program = seccomp.build_filter("x86_64")
    assert _run(program, ARCH["x86_64"], 0x40000000 + 39) == EPERM


def test_no_other_architecture() -> None:
    with pytest.raises(KeyError):
        seccomp.build_filter("riscv64")
