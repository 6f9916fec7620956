"""llama.cpp on loopback: what it says when it cannot serve, and the whole way where a GGUF file is at hand."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import selfchal
from selfchal.core.errors import ModelError
from selfchal.core.model import Message, Sampling
from tests.support.script import SCRIPTS, load_script

GGUF = os.environ.get("SELFCHAL_GGUF")


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("serve_gguf")


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF and no more")
    return file


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def loading_server() -> Iterator[str]:
    """Answers 503 twice, as llama.cpp does while it loads, and then 200."""
    statuses = iter([503, 503])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(statuses, 200))
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing between the lines of pytest."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_file_that_is_not_there_is_an_error_that_says_how_to_get_one(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([str(tmp_path / "none.gguf")]) == 1
    assert "fetch_qwen.py" in capsys.readouterr().err


def test_a_file_of_another_format_is_refused_before_llama_cpp_sees_it(script: Any, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ModelError, match="is no GGUF file"):
        script.check_file(tmp_path / "model.safetensors")


def test_a_port_that_is_taken_is_an_error(
    script: Any, gguf: Path, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        assert script.main([str(gguf), "--port", str(free_port)]) == 1
    assert f"port {free_port} cannot be used" in capsys.readouterr().err


def test_without_xllamacpp_the_error_names_the_extra_and_what_serves_instead(
    script: Any,
    gguf: Path,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)
    assert script.main([str(gguf), "--port", str(free_port)]) == 1
    said = capsys.readouterr().err
    assert "selfchal[llamacpp]" in said
    assert "Ollama" in said


def test_it_waits_while_the_server_loads(script: Any, loading_server: str) -> None:
    script.wait_until_it_answers(loading_server, seconds=20)


def test_a_server_that_never_answers_is_an_error(script: Any, free_port: int) -> None:
    with pytest.raises(ModelError, match=r"did not answer within 0\.2 s"):
        script.wait_until_it_answers(f"http://127.0.0.1:{free_port}", seconds=0.2)


def test_the_section_that_is_printed_is_one_that_a_manifest_takes(script: Any) -> None:
    options = argparse.Namespace(gguf=Path("models/tiny.gguf"), port=8123, slots=2, context=4096)
    section = yaml.safe_load(script.write_section(options))
    manifest = selfchal.load_manifest({**section, "environment": {"name": "calculation"}})
    assert manifest.model.config.base_url == "http://127.0.0.1:8123/v1"
    assert manifest.model.config.model == "tiny"


@pytest.mark.slow
@pytest.mark.skipif(GGUF is None, reason="SELFCHAL_GGUF is not set: scripts/fetch_qwen.py")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_it_serves_answers_through_the_printed_section_until_a_signal(
    number: signal.Signals, free_port: int
) -> None:
    pytest.importorskip("xllamacpp")
    command = [sys.executable, SCRIPTS / "serve_gguf.py", str(GGUF), "--port", str(free_port), "--slots", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        section = yaml.safe_load(said[said.index("model:") : said.index("Ctrl-C")])["model"]
        with selfchal.open_model(section) as model:
            prompt = model.render_prompt([Message("user", "What is the capital of France? One word.")])
            assert "Paris" in model.generate([prompt], Sampling(0.0, max_tokens=8))[0].text
        process.send_signal(number)
        assert process.wait(60) == 0
