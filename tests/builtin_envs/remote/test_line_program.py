"""A stranger's program ends when it is told to, keeps no key, and reaches no network."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import selfchal
from selfchal.builtin_envs.mcp.connection import ServerDiedError, ServerTimeoutError
from selfchal.builtin_envs.remote.line_program import LineProgram
from selfchal.core.errors import EnvironmentDataError, ManifestError

ECHO = """
import json, os, socket, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "die":
        sys.exit("out of luck")
    if asked["do"] == "sleep":
        time.sleep(600)
    if asked["do"] == "connect":
        try:
            socket.create_connection(("127.0.0.1", asked["port"]), 5)
            print(json.dumps({"reached": True}), flush=True)
        except OSError as error:
            print(json.dumps({"reached": False}), flush=True)
        continue
    print(json.dumps(dict(os.environ)), flush=True)
"""


def start(folder: Path, network: bool = False) -> LineProgram:
    return LineProgram([sys.executable, "-I", "-c", ECHO], folder, network)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[LineProgram]:
    made = start(tmp_path)
    yield made
    made.close()


def test_it_gets_no_key_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    program = start(tmp_path)
    seen = program.ask({"do": "show"}, 30)
    program.close()
    assert "PATH" in seen
    assert "OPENAI_API_KEY" not in seen


@pytest.mark.parametrize("network", [False, True])
def test_it_reaches_a_network_only_where_it_is_given_one(tmp_path: Path, network: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = start(tmp_path, network)
        try:
            asked = {"do": "connect", "port": listening.getsockname()[1]}
            assert program.ask(asked, 30) == {"reached": network}
        finally:
            program.close()


def test_its_last_words_are_told(program: LineProgram) -> None:
    with pytest.raises(ServerDiedError, match="out of luck"):
        program.ask({"do": "die"}, 30)


def test_one_that_does_not_answer_is_not_waited_for(program: LineProgram) -> None:
    started = time.monotonic()
    with pytest.raises(ServerTimeoutError):
        program.ask({"do": "sleep"}, 0.2)
    program.close()
    assert time.monotonic() - started < 30


def test_one_that_does_not_read_is_not_waited_for_either(program: LineProgram) -> None:
    with pytest.raises(ServerTimeoutError):
        program.ask({"do": "sleep"}, 0.2)
    with pytest.raises(ServerTimeoutError):
        program.ask({"do": "show", "more": "x" * 2**22}, 0.2)  # more than a pipe holds


def test_a_python_without_verifiers_is_named_with_the_cure() -> None:
    with pytest.raises(EnvironmentDataError, match="write python: PATH"):
        selfchal.open_environment("verifiers", package="gsm8k")
    with pytest.raises(ManifestError, match="the name of a module"):
        selfchal.open_environment("verifiers", package="rm -rf /")
