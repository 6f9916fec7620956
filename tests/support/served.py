"""An environment that another process serves over OpenEnv's contract."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def serving_openenv(*arguments: str) -> Iterator[str]:
    """The address of `selfchal env serve` with these arguments."""
    command = [sys.executable, "-m", "selfchal", "env", "serve", *arguments, "--openenv", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        try:
            yield served.stdout.readline().split()[3].rstrip(";")
        finally:
            served.terminate()
