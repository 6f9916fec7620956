"""Random bytes and random JSON through every pipe, both ways: no crash, no verdict out of thin air."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfchal.core.sandbox import Execution, Limits, Program, Sandbox, Status
from selfchal.sandbox.docker.multiplexer import Multiplexer
from selfchal.sandbox.protocol import Answers, InfrastructureError, converse
from selfchal.sandbox.runner import relay, wire
from selfchal.sandbox.runner.forked import Child
from tests.sandbox.counting import Counting
from tests.support.fuzz import examples

LIMITS = Limits(seconds=0.2, value=2000, calls=5)
WORDS = st.sampled_from(
    ["call", "done", "ok", "exception", "timeout", "infra_error", "denied", "add", "result", ""]
)
JSON = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
FRAMES = st.lists(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()), max_size=6)
RAW = st.binary(max_size=200)


def _framed(frames: list[bytes]) -> bytes:
    return b"".join(struct.pack("!I", len(frame)) + frame for frame in frames)


def _answer_to(data: bytes) -> Execution | str:
    """What the host makes of a child that writes these bytes and dies with exit code 0."""
    here, there = socket.socketpair()
    status_read, status_write = os.pipe()
    os.write(status_write, wire.EXIT.pack(0, 0, False))
    os.close(status_write)
    child = Child(here, status_read, os.memfd_create("stdout"), str)
    try:
        there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        return converse(child, b"[]", Answers(Counting(), LIMITS))
    except InfrastructureError as error:
        return str(error)
    finally:
        there.close()
        child.close()


@settings(max_examples=examples(300))
@given(FRAMES.map(_framed) | RAW)
@example(b"\xff\xff\xff\xff")
@example(_framed([b'["done", "ok", NaN, null]']))
@example(_framed([b'["done", "ok", 1e999, null]']))
@example(_framed([b'["done", "ok", "\\ud800", null]']))
@example(_framed([b'["done", "infra_error", 1, null]']))
def test_a_child_that_writes_anything(data: bytes) -> None:
    execution = _answer_to(data)
    assert isinstance(execution, Execution)
    if execution.status is Status.OK:
        assert _says_ok(data), "a verdict out of thin air"
    else:
        assert execution.value is None
        assert execution.status is not Status.INFRA_ERROR


def _says_ok(data: bytes) -> bool:
    """Did the bytes hold a well-formed ok message? Read by a parser of this test's own."""
    while len(data) >= 4:
        (length,) = struct.unpack_from("!I", data)
        frame, data = data[4 : 4 + length], data[4 + length :]
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return False
        if isinstance(message, list) and message[:2] == ["done", "ok"]:
            return len(message) == 4
    return False


def test_a_real_child_that_is_sent_anything(process: Sandbox) -> None:
    """The other way: whatever reaches a child, the child ends or answers; the host gets no value from it."""
    chance = random.Random(5)
    for _ in range(40):
        child = process._get_pool(0).take()  # type: ignore[attr-defined]
        try:
            frame = chance.choice(
                [chance.randbytes(chance.randrange(50)), b'["run", {}]', b"[]", b"null", b'["run", 7]']
            )
            execution = converse(child, frame, Answers(None, LIMITS))
            assert execution.status in (Status.CRASH, Status.TIMEOUT)
            assert execution.value is None
        finally:
            child.close()
    assert process.run(Program("result = 1"), None, Limits()).value == 1


def test_random_frames_from_within_a_real_child(process: Sandbox) -> None:
    source = (
        "import os, random\n"
        "chance = random.Random({})\n"
        "for _ in range(20):\n"
        "    os.write(3, chance.randbytes(chance.randrange(1, 40)))\n"
    )
    for seed in range(20):
        execution = process.run(Program(source.format(seed)), Counting(), LIMITS)
        assert execution.status in (Status.CRASH, Status.OUTPUT, Status.TIMEOUT)
        assert execution.value is None


class _Stream:
    """A pipe that says what it is told to, once a channel has been asked for."""

    def __init__(self, data: bytes) -> None:
        started = relay.PACKET.pack(relay.STARTED, 0, 13) + b'{"tier": "B"}'
        self._pieces = [started, data]

    def read(self) -> bytes:
        if len(self._pieces) == 1:
            time.sleep(0.01)
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


PACKETS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.binary(max_size=30)), max_size=8).map(
    lambda packets: b"".join(
        relay.PACKET.pack(kind, number, len(data)) + data for kind, number, data in packets
    )
)


@settings(max_examples=examples(100))
@given(PACKETS | RAW)
def test_a_relay_that_says_anything(data: bytes) -> None:
    link = Multiplexer(_Stream(data))
    try:
        channel = link.open(0)
    except InfrastructureError:
        return
    try:
        execution = converse(channel, b"[]", Answers(Counting(), LIMITS))
        assert execution.status is not Status.OK
    except InfrastructureError:
        pass
    finally:
        channel.close()


@pytest.mark.parametrize("seed", range(5))
def test_a_relay_that_is_sent_anything(seed: int) -> None:
    """A relay of its own, outside any container: random packets must not make it say that a run was ok."""
    import subprocess
    import sys
    from pathlib import Path

    import selfchal.sandbox

    folder = str(Path(selfchal.sandbox.__file__).parent)
    program = f"import sys; sys.path.insert(0, {folder!r}); from runner.relay import main; main()"
    options = json.dumps({"clock": None, "seed": None, "spares": 1})
    chance = random.Random(seed)
    sent = b"".join(
        relay.PACKET.pack(chance.randrange(0, 12), chance.randrange(1, 4), len(data)) + data
        for data in (chance.randbytes(chance.randrange(0, 12)) for _ in range(30))
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-s", "-S", "-B", "-c", program, options],
        input=sent,
        capture_output=True,
        timeout=60,
    )
    assert b'"ok"' not in ended.stdout
