"""Between two runs of a session nothing runs, whatever its code said to the host."""

from __future__ import annotations

import json
import struct
import time
from dataclasses import replace

from selfchal.core.sandbox import Limits, Sandbox, Status
from tests.patience import SOON
from tests.sandbox.counting import Counting

LIMITS = Limits(seconds=1.0)


def _frame(message: object) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack("!I", len(data)) + data


def test_code_that_says_it_is_done_and_is_not_gets_no_time(sandbox: Sandbox) -> None:
    """It goes on, and tells as the value of the next run how much of its time it was kept from running."""
    source = f"""
import json, os, struct, time
last, pause = time.monotonic(), 0.0
os.write(3, {_frame(["done", "ok", None, None])!r})
while pause < 1.0:
    now = time.monotonic()
    pause, last = max(pause, now - last), now
    if time.process_time() > 0.9:
        break
data = json.dumps(["done", "exception", None, f"pause {{pause:.1f}}"]).encode()
os.write(3, struct.pack("!I", len(data)) + data)
while True:
    pass
"""
    with sandbox.session(Counting(), LIMITS) as session:
        assert session.run(source).ok
        time.sleep(1.5)
        execution = session.run("print(1)")
        assert execution.status is Status.EXCEPTION, execution
        assert float((execution.error or "").removeprefix("pause ")) >= 1.4


def test_a_session_that_ran_on_ends_at_its_limit_and_starts_afresh(sandbox: Sandbox) -> None:
    with sandbox.session(None, LIMITS) as session:
        done = _frame(["done", "ok", None, None])
        assert session.run(f"import os\nos.write(3, {done!r})\nwhile True:\n    pass").ok
        before = time.monotonic()
        assert session.run("print(1)").status is Status.TIMEOUT
        assert time.monotonic() - before < SOON
        assert session.run("print(2)").stdout == "2\n"


def test_a_pause_between_runs_costs_nothing_and_changes_nothing(sandbox: Sandbox) -> None:
    with sandbox.session(Counting(), replace(LIMITS, seconds=5.0)) as session:
        for number in range(20):
            execution = session.run(f"x = add({number}, 1)\nprint(x)")
            assert (execution.status, execution.stdout) == (Status.OK, f"{number + 1}\n")
        time.sleep(0.3)
        assert session.run("print(x)").stdout == "20\n"
