"""A server that means harm: each answer ends in one sentence, soon, and without filling the memory."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from selfchal.builtin_envs.remote import openenv_addresses
from selfchal.builtin_envs.remote.openenv_addresses import OpenEnvAddresses
from selfchal.core.errors import EnvironmentDataError
from tests.patience import SOON

Answer = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    def serve() -> None:
        with suppress(OSError):
            while True:
                asked, _ = listening.accept()
                threading.Thread(target=reply, args=(asked,), daemon=True).start()

    def reply(asked: socket.socket) -> None:
        with asked, suppress(OSError):
            asked.recv(65_536)
            answer(asked)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def send(body: bytes) -> Answer:
    return lambda asked: asked.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def drip_a_header(asked: socket.socket) -> None:
    asked.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        asked.sendall(b"a")
        time.sleep(0.05)


def drip_a_body(asked: socket.socket) -> None:
    asked.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        asked.sendall(b" ")
        time.sleep(0.05)


def answer_without_end(asked: socket.socket) -> None:
    asked.sendall(HEAD + b"\r\n")
    while True:
        asked.sendall(b" " * 65_536)


def lead_elsewhere(asked: socket.socket) -> None:
    asked.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/schema\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (drip_a_header, "not answered to the end within"),
        (drip_a_body, "not answered to the end within"),
        (answer_without_end, "more than 1,000,000 bytes"),
        (lead_elsewhere, "answers with 302"),
        (send(b"[" * 1_000_000), "is no JSON"),
        (send(b'{"action": ' + b"9" * 10_000 + b"}"), "is no JSON"),
        (send(b"\xff\xfe\x00"), "is no JSON"),
        (send(b"[1]"), "shows no actions"),
        (send(b'{"action": [5]}'), "shows no actions"),
    ],
)
def test_what_is_no_answer_is_said(answer: Answer, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openenv_addresses, "_MOST_BYTES", 1_000_000)
    monkeypatch.setattr(openenv_addresses, "_SECONDS", 1.0 if "within" in said else SOON)
    with serving(answer) as url, pytest.raises(EnvironmentDataError, match=said):
        OpenEnvAddresses(url).find_action()


def test_fields_of_a_wrong_type_are_no_fields() -> None:
    with serving(send(b'{"action": {"title": "Add", "properties": [1]}}')) as url:
        assert OpenEnvAddresses(url).find_action() == {"title": "Add", "properties": {}}


def test_a_server_that_lists_splits_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openenv_addresses, "_MOST_SPLITS", 3)
    rows = [{"name": f"split-{number}"} for number in range(1_000)]
    answer = send(json.dumps(rows).encode())
    with serving(answer) as url, pytest.raises(EnvironmentDataError, match="more than 3 splits"):
        OpenEnvAddresses(url).list_tasks()
