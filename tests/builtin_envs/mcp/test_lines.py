"""Lines over pipes: put together, waited for no longer than said, and never stuck against each other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from selfchal.builtin_envs.mcp.connection import (
    Answer,
    ServerDiedError,
    ServerTimeoutError,
    parse_message,
    read_answer,
)
from selfchal.builtin_envs.mcp.lines import Lines

Pipes = tuple[Lines, int, int]  # this side, what the other side reads from, and what it writes to


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    there_reads, here_writes = os.pipe()
    here_reads, there_writes = os.pipe()
    yield Lines(here_writes, here_reads), there_reads, there_writes
    for end in (there_reads, here_writes, here_reads, there_writes):
        try:
            os.close(end)
        except OSError:
            continue  # the test closed it


def soon() -> float:
    return time.monotonic() + 10


def test_lines_are_put_together_from_what_comes(pipes: Pipes) -> None:
    lines, _, there = pipes
    os.write(there, b"one\ntw")
    assert lines.next(soon()) == b"one"
    os.write(there, b"o\nthree\n\n")
    assert [lines.next(soon()) for _ in range(3)] == [b"two", b"three", b""]


def test_what_is_there_is_taken_without_waiting(pipes: Pipes) -> None:
    lines, _, there = pipes
    assert lines.take() == []
    os.write(there, b"one\ntwo\nthr")
    assert lines.take() == [b"one", b"two"]


def test_the_last_lines_of_a_process_that_ended_are_read_first(pipes: Pipes) -> None:
    lines, _, there = pipes
    os.write(there, b"one\ntwo\n")
    os.close(there)
    assert [lines.next(soon()), lines.next(soon())] == [b"one", b"two"]
    with pytest.raises(ServerDiedError):
        lines.next(soon())


def test_a_line_that_does_not_come_is_waited_for_no_longer_than_said(pipes: Pipes) -> None:
    lines, _, there = pipes
    os.write(there, b"half of a line")
    with pytest.raises(ServerTimeoutError):
        lines.next(time.monotonic() + 0.02)


def test_a_line_that_nobody_reads_is_not_written_for_ever(pipes: Pipes) -> None:
    lines, _, _ = pipes
    with pytest.raises(ServerTimeoutError):
        lines.send(b"x" * 2**20 + b"\n", time.monotonic() + 0.02)


def test_a_process_that_does_not_read_any_more_is_gone(pipes: Pipes) -> None:
    lines, there, _ = pipes
    os.close(there)
    with pytest.raises(ServerDiedError):
        lines.send(b"hello\n", soon())


def test_two_long_lines_pass_each_other(pipes: Pipes) -> None:
    """The other side reads only once all that it has to say was read."""
    lines, there_reads, there_writes = pipes
    said, asked = b"a" * 2**20, b"b" * 2**20
    heard = bytearray()

    def talk() -> None:
        left = memoryview(said + b"\n")
        while left:
            left = left[os.write(there_writes, left) :]
        while not heard.endswith(b"\n"):
            heard.extend(os.read(there_reads, 2**16))

    other = threading.Thread(target=talk)
    other.start()
    lines.send(asked + b"\n", soon())
    other.join(10)
    assert bytes(heard) == asked + b"\n"
    assert lines.next(soon()) == said


def test_a_line_that_never_ends_is_not_kept_for_ever(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfchal.builtin_envs.mcp.lines._MOST_BYTES", 10_000)
    lines, _, there = pipes
    for _ in range(3):  # what was read makes room
        os.write(there, b"x" * 6_000 + b"\n")
        assert len(lines.next(soon())) == 6_000
    os.write(there, b"x" * 11_000)
    with pytest.raises(ServerDiedError):
        lines.next(soon())


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ({"content": 5}, ""),
        ({"content": [5, None, ["x"]]}, '5\nnull\n["x"]'),
        ({"content": [{"type": "image", "data": 7}]}, "[image None, 0 characters]"),
        ({"content": [{"type": "resource", "resource": ["x"]}]}, "[None]"),
        ({"content": [{"type": ["text"], "text": "x"}]}, "[['text'] None, 0 characters]"),
        ({"content": [{"type": "text", "text": {"a": 1}}]}, "{'a': 1}"),
        ({"structuredContent": [1], "content": []}, [1]),
        ({}, ""),
    ],
    ids=str,
)
def test_a_result_of_any_shape_is_an_answer(result: dict[str, Any], value: Any) -> None:
    assert read_answer(result) == Answer(value)


def test_what_is_no_json_and_no_text_does_not_come_in() -> None:
    line = b'{"a": [NaN, -Infinity], "b": "x\\ud800y", "c": "\\ud83d\\ude00"}'
    assert parse_message(line) == {"a": ["NaN", "-Infinity"], "b": "x\ufffdy", "c": "\U0001f600"}
