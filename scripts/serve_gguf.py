"""Serve a GGUF file on this machine with llama.cpp, as an OpenAI-compatible endpoint on loopback.

    pip install 'selfchal[llamacpp]'
    python scripts/serve_gguf.py models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf

When the server answers, the `model:` section for a manifest is printed. It serves until Ctrl-C or SIGTERM and
then ends with 0; with 1 and the reason where it cannot serve, with 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from selfchal.core.errors import ModelError

HOST = "127.0.0.1"
MAGIC = b"GGUF"
QUIET = 1  # llama.cpp's level of errors alone
TIMEOUT = 900  # seconds of one request: a busy laptop samples 3 tokens a second


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--slots", type=int, default=4, help="conversations that are continued side by side")
    parser.add_argument("--context", type=int, default=8192, help="tokens of one conversation, at most")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the CPU (default: all)")
    options = parser.parse_args(arguments)
    try:
        serve(options)
    except ModelError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def serve(options: argparse.Namespace) -> None:
    """Serves until a signal. Raises ModelError where nothing can be served."""
    check_file(options.gguf)
    check_port(options.port)
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelError(
            "xllamacpp is not installed; pip install 'selfchal[llamacpp]', or serve the file "
            "with llama-server, Ollama or LM Studio (docs/real_models.md)"
        )
    # While llama.cpp loads the weights no Python runs: Ctrl-C must end the process by itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print(f"loading {options.gguf}", flush=True)
    server = start(options)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    wait_until_it_answers(f"http://{HOST}:{options.port}")
    print(f"serving; for a manifest:\n\n{write_section(options)}\nCtrl-C ends it", flush=True)
    ended.wait()
    del server  # its destructor joins llama.cpp's threads
    print("ended", flush=True)


def check_file(gguf: Path) -> None:
    if not gguf.is_file():
        raise ModelError(f"{gguf} is no file; python scripts/fetch_qwen.py fetches one")
    with gguf.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ModelError(f"{gguf} is no GGUF file: it does not begin with {MAGIC.decode()!r}")


def check_port(port: int) -> None:
    """llama.cpp would share a port that is taken, and each request would reach either server."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = f"port {port} cannot be used ({error.strerror})"
            raise ModelError(f"{why}; choose another with --port") from error


def start(options: argparse.Namespace) -> Any:
    """llama.cpp's server, which is running when this returns."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(options.gguf)
    params.model_alias = {options.gguf.stem}
    params.hostnames = [HOST]
    params.port = options.port
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots  # llama.cpp divides it among the slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.verbosity = QUIET
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelError(f"llama.cpp cannot serve {options.gguf}: {error}") from error


def wait_until_it_answers(address: str, seconds: float = 60.0) -> None:
    """Raises ModelError where ``/health`` does not say 200 in time."""
    end = time.monotonic() + seconds
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < end:
            try:
                if client.get(f"{address}/health").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(0.1)
    raise ModelError(f"{address} did not answer within {seconds:g} s; look at what llama.cpp said above")


def write_section(options: argparse.Namespace) -> str:
    """The `model:` section of a manifest for this server."""
    model = {
        "name": "openai",
        "base_url": f"http://{HOST}:{options.port}/v1",
        "model": options.gguf.stem,
        "context": options.context,
        "concurrency": options.slots,
        "timeout": TIMEOUT,
    }
    return yaml.safe_dump({"model": model}, sort_keys=False)


if __name__ == "__main__":
    sys.exit(main())
