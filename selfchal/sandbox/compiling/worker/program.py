"""The process that compiles: it runs nothing of what it is sent, and may die of it at any time.

Messages are a length (4 bytes, big-endian) and that many bytes. It is sent a source in UTF-8 and answers with
what ``marshal`` makes of ``("code", bytes)``, ``("refused", reason)``, ``("complex", reason)`` or
``("memory", reason)``. A source that takes longer than ``CPU_SECONDS`` kills it by the timer; after one that
takes too much memory it ends by itself, since what is left of that may be in pieces. Standard library only.
"""

from __future__ import annotations

import ast
import contextlib
import marshal
import os
import resource
import signal
import sys
import warnings
from typing import NoReturn

from . import complexity
from .messages import CPU_SECONDS, HEADER

MEMORY = 192 * 2**20  # bytes of addresses; the interpreter itself takes about 30 MB
MAX_CODE = 512 * 2**10
FILENAME = "<task>"  # as the sandboxes' children name it


def main() -> NoReturn:
    """Entry point: answer until the other side hangs up."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit; that of time remains
        resource.setrlimit(resource.RLIMIT_AS, (memory, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # whatever was inherited, the timer is to kill
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    # a doubtful escape in a model's text is no error
    warnings.filterwarnings("ignore", module=r"<(task|unknown)>\Z")
    while True:
        source = _read().decode("utf-8")
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        answer = _compile(source)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        data = marshal.dumps(answer)
        sys.stdout.buffer.write(HEADER.pack(len(data)) + data)
        sys.stdout.buffer.flush()
        if answer[0] == "memory":
            os._exit(0)


def _read() -> bytes:
    header = sys.stdin.buffer.read(HEADER.size)
    if len(header) < HEADER.size:
        os._exit(0)
    return sys.stdin.buffer.read(HEADER.unpack(header)[0])


def _compile(source: str) -> tuple[str, str | bytes]:
    try:
        if complexity.may_be_costly(source):
            count = complexity.count_instructions(ast.parse(source))
            if count > complexity.MAX_INSTRUCTIONS:
                return "complex", f"it would take more than {complexity.MAX_INSTRUCTIONS:,} instructions"
        code = marshal.dumps(compile(source, FILENAME, "exec", dont_inherit=True))
    except SyntaxError as error:
        where = f"line {error.lineno}: {(error.text or '').strip()[:200]!r}"
        return "refused", f"does not compile: {type(error).__name__}: {error.msg} ({where})"
    except MemoryError:  # the parser says so too when it is out of stack
        return "memory", "it takes too much memory to compile, or is nested too deep"
    except RecursionError:
        return "complex", "it is nested too deep to be compiled"
    except (ValueError, OverflowError) as error:
        return "refused", f"does not compile: {type(error).__name__}: {str(error)[:200]}"
    if len(code) > MAX_CODE:
        return "complex", f"its code takes {len(code):,} bytes, at most {MAX_CODE:,} are allowed"
    return "code", code
