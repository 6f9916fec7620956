"""System calls that no task needs: each must be refused before the kernel looks at its arguments.

The arguments are such that a call that does get through changes nothing on the machine.
"""

from __future__ import annotations

from selfchal.core.sandbox import Level
from selfchal.testing.attacks.attack import ANY, Attack
from selfchal.testing.attacks.source import system_call

_CALLS: list[tuple[str, int | None, int | None, str]] = [
    ("io_uring", 425, 425, "1, ctypes.create_string_buffer(256)"),
    ("bpf", 321, 280, "0, None, 0"),
    ("add_key", 248, 217, "b'user', b'x', b'x', 1, -2"),
    ("request_key", 249, 218, "b'user', b'x', None, 0"),
    ("keyctl", 250, 219, "0, -3, 0"),
    ("userfaultfd", 323, 282, "1"),
    ("perf events", 298, 241, "None, 0, -1, -1, 0"),
    ("ptrace", 101, 117, "0, 0, None, None"),
    ("process_vm_writev", 311, 271, "host['pid'], None, 0, None, 0, 0"),
    ("kcmp", 312, 272, "host['pid'], os.getpid(), 1, 0, 0"),
    ("mount", 165, 40, "None, None, None, 0, None"),
    ("umount", 166, 39, "None, 2"),
    ("the new mount calls", 430, 430, "b'tmpfs', 0"),
    ("chroot", 161, 51, "b'/'"),
    ("pivot_root", 155, 41, "b'/', b'/'"),
    ("unshare", 272, 97, "0x10000000"),
    ("setns", 308, 268, "-1, 0"),
    ("kernel modules", 175, 105, "None, 0, b''"),
    ("kexec", 246, 104, "0, 0, None, 0"),
    ("reboot", 169, 142, "0, 0, 0, None"),
    ("swapon", 167, 224, "b'/x', 0"),
    ("the kernel log", 103, 116, "3, None, 0"),
    ("quotas", 179, 60, "0, None, 0, None"),
    ("accounting", 163, 89, "b'/nowhere/at/all'"),
    ("the clock", 227, 112, "0, None"),
    ("the host name", 170, 161, "None, -1"),
    ("becoming root", 117, 147, "0, 0, 0"),
    ("groups", 116, 159, "0, None"),
    ("capabilities", 126, 91, "None, None"),
    ("personality", 135, 92, "0x0040000"),
    ("shared memory", 29, 194, "0, 0, 0"),
    ("message queues", 68, 186, "12345678, 0"),
    ("semaphores", 64, 190, "12345678, 1, 0"),
    ("posix message queues", 240, 180, "b'selfchal-nowhere', 0, 0, None"),
    ("secret memory", 447, 447, "0"),
    ("file watches", 294, 26, "0"),
    ("file system watches", 300, 262, "0, 0"),
    ("a pidfd of the host", 434, 434, "host['pid'], 0"),
    ("a descriptor of the host", 438, 438, "-1, 0, 0"),
    ("splicing pages", 278, 75, "1, None, 0, 0"),
    ("another seccomp filter", 317, 277, "1, 0, None"),
    ("priorities", 141, 140, "0, 0, 19"),
    ("timers that fire later", 222, 107, "0, None, None"),
    ("locked memory", 151, 230, "1"),
    ("port access", 172, None, "3"),
    ("descriptor tables", 154, None, "0, None, 0"),
]
_X32 = """
import ctypes, os
def attack(host):
    if os.uname().machine != 'x86_64':
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(ctypes.c_long(0x40000000 + 39)) > 0:
        return 'the x32 table answered'
"""
_INT80 = """
import ctypes, mmap, os
def attack(host):
    if os.uname().machine != 'x86_64':
        return None
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))  # mov eax, getpid; int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    answer = function()
    if answer > 0:
        return f'the 32-bit table answered {answer}'
"""

ATTACKS = [
    Attack(
        name, "kernel", "kernel_surface", "refused", system_call(x86_64, aarch64, arguments), ANY, Level.FULL
    )
    for name, x86_64, aarch64, arguments in _CALLS
] + [
    Attack("the x32 table", "kernel", "kernel_surface", "refused", _X32, ANY, Level.FULL),
    Attack("the 32-bit table", "kernel", "kernel_surface", "refused or killed", _INT80, ANY, Level.FULL),
]
