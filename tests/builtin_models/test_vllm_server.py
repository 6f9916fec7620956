"""A server that was started here never outlives us, even one that does not end when asked to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from selfchal.builtin_models.vllm_process import GUARDED

pytestmark = pytest.mark.torch

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.timeout(60)
def test_a_stubborn_server_ends_with_our_pipe() -> None:
    server = subprocess.Popen(
        ["sh", "-c", GUARDED, "sh", sys.executable, "-c", STUBBORN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"up\n"
    server.stdin.close()
    assert server.wait(timeout=30) != 0
    assert server.stdout.read() == b""  # nobody of the group holds the other end any more
    server.stdout.close()
