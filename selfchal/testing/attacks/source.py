"""How attacks are written down: the frames that most sources share."""

from __future__ import annotations

import textwrap


def caught(body: str) -> str:
    """An attack whose refusal is any exception; ``body`` becomes the body of ``attack(host)``."""
    return f"def attack(host):\n{textwrap.indent(body, '    ')}\n"


def system_call(x86_64: int | None, aarch64: int | None, arguments: str) -> str:
    """An attack that makes one system call by number and is refused by EPERM, EACCES or ENOSYS alone.

    Another error means that the kernel looked at the arguments. A child that such a call makes ends at once.
    """
    tail = f", {arguments}" if arguments else ""
    return f"""
import ctypes, os
def attack(host):
    number = {{"x86_64": {x86_64}, "aarch64": {aarch64}}}.get(os.uname().machine)
    if number is None:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    me = os.getpid()
    result = libc.syscall(ctypes.c_long(number){tail})
    if result == 0 and os.getpid() != me:
        os._exit(0)
    if result >= 0:
        return f"the kernel answered {{result}}"
    error = ctypes.get_errno()
    if error not in (1, 13, 38):
        return f"the kernel looked at it: {{os.strerror(error)}}"
"""
