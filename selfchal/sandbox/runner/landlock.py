"""Landlock: which files a child may read; it may write none and reach no TCP port.

Kernel interface: https://docs.kernel.org/userspace-api/landlock.html (numbers equal on every architecture).
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from .kernel import Step, prepared_syscall, syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many file-system rights each ABI knows; all are handled, so all are denied unless a rule allows them.
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_RIGHTS = 0b11  # bind and connect TCP, from ABI 4
_SCOPES = 0b11  # abstract unix sockets and signals, from ABI 6


def abi() -> int:
    """The version that the kernel offers, 0 when it offers none."""
    try:
        return syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    except OSError:
        return 0


def ruleset(readable: Iterable[str], version: int) -> int:
    """A descriptor of the rules: reading below ``readable``, nothing else."""
    fields = [(1 << _FS_RIGHTS[min(version, 5)]) - 1]
    if version >= 4:
        fields.append(_NET_RIGHTS)
    if version >= 6:
        fields.append(_SCOPES)
    attr = struct.pack(f"={len(fields)}Q", *fields)
    rules = syscall(_CREATE_RULESET, attr, ctypes.c_size_t(len(attr)), ctypes.c_uint32(0))
    for path in readable:
        _allow_reading(rules, path)
    return rules


def _allow_reading(rules: int, path: str) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        is_dir = stat.S_ISDIR(os.fstat(fd).st_mode)
        rule = struct.pack("=Qi", _READ_FILE | (_READ_DIR if is_dir else 0), fd)
        syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(fd)


def restricting(rules: int) -> Step:
    """The step that binds the calling process to the rules, for good; needs no_new_privs."""
    return prepared_syscall("landlock_restrict_self", _RESTRICT_SELF, rules, 0)
