"""What an endpoint may cost is bounded: the time of a try, the bytes of an answer, and closing."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable

import pytest

from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.core.errors import ModelError
from tests.patience import SOON
from tests.support.asking import ask
from tests.support.misbehaving import Reply, answer, chat_answer, drip, serving

HEAD = b"HTTP/1.1 200 X\r\nContent-Length: 9999999\r\n\r\n{"
DRIPS: dict[str, Reply] = {
    "a body that drips": drip(HEAD, b" "),
    "headers that drip": drip(b"HTTP/1.1 200 X\r\n", b"A: b\r\n"),
    "endless interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a status line that drips": drip(b"HTTP/1.1 200 ", b"X"),
    "silence": lambda connection: time.sleep(20),
}


@pytest.mark.parametrize("slow", DRIPS)
def test_a_try_is_bounded_as_a_whole(slow: str) -> None:
    with serving(DRIPS[slow]) as server:
        started = time.monotonic()
        with pytest.raises(ModelError, match=r"no whole answer within 0\.5 s"):
            ask(server, Patience(timeout=0.5, retries=1, pause=0.01))
        assert time.monotonic() - started < SOON
        assert len(server.requests) == 2


CLIENT = """
import re, sys
from pathlib import Path
from selfchal.builtin_models import chat
from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.core.errors import ModelError
from selfchal.core.model import Message, Sampling

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

endpoint = Endpoint(sys.argv[1], patience=Patience(timeout=10, retries=1, pause=0.01))
before = peak()
try:
    prompt = chat.write_prompt([Message("user", "Say hello.")])
    chat.Chat(endpoint, "max_tokens").generate("m", [prompt], Sampling(max_tokens=10))
except ModelError as error:
    print("ModelError", error)
print("KiB", peak() - before)
"""
LONG = json.dumps(chat_answer("a" * 100_000_000)).encode()
FLOODS: dict[str, Callable[[], Reply]] = {
    "long text": lambda: answer(LONG),
    "gzip": lambda: answer(gzip.compress(LONG, 1), content_encoding="gzip"),
    "deflate": lambda: answer(zlib.compress(LONG, 1), content_encoding="deflate"),
    "waste after gzip": lambda: drip(COMPRESSED + gzip.compress(b"{"), b"\0" * 2**20, 0.0),
    "an endless body": lambda: drip(UNBOUNDED + b"{", b"a" * 2**20, 0.0),
    "an endless fault": lambda: drip(b"HTTP/1.1 404 X\r\nConnection: close\r\n\r\n", b"a" * 2**20, 0.0),
    "endless headers": lambda: drip(b"HTTP/1.1 200 X\r\n", b"A: " + b"b" * 2**16, 0.0),
}
UNBOUNDED = b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n"
COMPRESSED = b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("flood", FLOODS)
def test_an_answer_is_bounded_in_bytes(flood: str) -> None:
    """Asked for ten tokens, in a process of its own, so that its memory is the client's alone."""
    with serving(FLOODS[flood]()) as server:
        client = subprocess.run(
            [sys.executable, "-c", CLIENT, server.url], capture_output=True, text=True, timeout=60, check=True
        )
    said, _, grown = client.stdout.rpartition("KiB ")
    assert said.startswith("ModelError")
    assert int(grown) < 16 * 1024


def test_a_long_answer_of_as_many_tokens_as_were_asked_for_is_taken() -> None:
    text = "ü" * 400 * 512
    with serving(
        answer(gzip.compress(json.dumps(chat_answer(text)).encode()), content_encoding="gzip")
    ) as server:
        assert ask(server, tokens=4096).text == text


def test_closing_gives_up_what_is_under_way() -> None:
    with serving(DRIPS["silence"]) as server:
        endpoint = Endpoint(server.url, patience=Patience(timeout=60))
        ended: list[BaseException] = []

        def wait() -> None:
            try:
                endpoint.post("/x", {})
            except BaseException as error:  # noqa: BLE001 — whatever it is, it has to come
                ended.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not server.requests:
            time.sleep(0.01)
        endpoint.close()
        waiting.join(timeout=5)
        assert ended
        with pytest.raises(ModelError, match="closed"):
            endpoint.post("/x", {})
        endpoint.close()
