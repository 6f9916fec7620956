"""A server of ours that speaks as much of vLLM's protocol as selfchal asks for, and records what it was asked.

``write_python`` writes what passes for the Python of an environment with vLLM: it takes the command by which a
server is started and runs this file instead. What samples is said by environment variables:

- SELFCHAL_PROTOCOL_SAMPLER=network: the transformers model at ``--model``, whose weights it really loads;
- =clock (the default): no model. Each token takes SELFCHAL_PROTOCOL_STEP seconds, rows are scarce
  (SELFCHAL_PROTOCOL_ROWS), lengths are log-normal, or all SELFCHAL_PROTOCOL_LENGTH, and the ids follow from
  seed, prompt and weights alone.

SELFCHAL_PROTOCOL_RECORD names a file to which each request is appended as a JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

MEAN, MOST = 100.0, 512  # tokens of a turn
SPREAD = 0.8  # of the logarithm of a turn's length
WORDS = range(8, 200)  # ids that the clock says, and that every tokenizer of the tests has
Json = dict[str, Any]


class Sampler(Protocol):
    context: int

    def speak(self, body: Json) -> tuple[list[int], list[float], bool]:
        """Ids, log-probabilities, and whether the turn ended by itself."""

    def load(self, directory: Path | None) -> None:
        """Take these weights, or this adapter; None: they were discarded."""


@dataclass
class ClockSampler:
    """``generated`` is the time, in seconds, in which its rows generated, by the clock of its tokens."""

    rows: int
    step: float
    context: int = 8192
    length: int | None = None  # of every turn
    weights: str = "first"
    generated: float = 0.0
    tokens: int = 0
    _free: threading.Semaphore = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._free = threading.Semaphore(self.rows)

    def speak(self, body: Json) -> tuple[list[int], list[float], bool]:
        told = f"{self.weights}/{body['model']}/{body['seed']}/{body['prompt']}"
        draw = random.Random(hashlib.sha256(told.encode()).digest())
        wanted = self.length or round(draw.lognormvariate(math.log(MEAN) - SPREAD**2 / 2, SPREAD))
        length = max(2, min(wanted, MOST, body["max_tokens"]))
        with self._free:
            time.sleep(length * self.step)
        with self._lock:
            self.generated += length * self.step
            self.tokens += length
        ids = [*(draw.choice(WORDS) for _ in range(length - 1)), body["stop_token_ids"][0]]
        return ids, [-math.log(len(WORDS))] * length, True

    def tell_metrics(self) -> str:
        """In Prometheus' text format, under vLLM's names."""
        label = '{engine="0",model_name="base"}'
        return (
            "# TYPE vllm:generation_tokens_total counter\n"
            f"vllm:generation_tokens_total{label} {self.tokens}.0\n"
            f"vllm:request_inference_time_seconds_sum{label} {self.generated}\n"
        )

    def load(self, directory: Path | None) -> None:
        files = sorted(directory.glob("*.safetensors")) if directory else []
        self.weights = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class NetworkSampler:
    """A transformers model on one thread; weights that were discarded are noise."""

    def __init__(self, path: str, *, adapted: bool) -> None:
        import torch

        from selfchal.builtin_models.config import LoraConfig, TransformersConfig
        from selfchal.builtin_models.transformers_model import TransformersModel

        torch.set_num_threads(1)
        lora = LoraConfig(r=4, alpha=8) if adapted else None
        self.model = TransformersModel(TransformersConfig(path=path, device="cpu", lora=lora))
        self.context = self.model.context_length

    def speak(self, body: Json) -> tuple[list[int], list[float], bool]:
        from selfchal.core.model import Sampling

        sampling = Sampling(
            body["temperature"], body["top_p"], body["max_tokens"], tuple(body["stop"]), body["seed"]
        )
        (said,) = self.model.generate([body["prompt"]], sampling)
        return list(said.ids), list(said.logprobs), said.finished

    def load(self, directory: Path | None) -> None:
        if directory is not None:
            self.model.load(directory)
            return
        for weight in self.model.network.parameters():
            weight.data.normal_()
        self.model.on_weights_updated()


class Server(ThreadingHTTPServer):
    """Answers on loopback, or on ``host``. Asked for text while it sleeps, or without weights, it answers with status 500."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(
        self, sampler: Sampler, port: int = 0, record: Path | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.sampler, self.record = sampler, record
        self.awake = {"weights", "kv_cache"}
        self.lost_weights = False
        self.adapters: set[str] = set()
        self._writing = threading.Lock()
        self._connections: list[socket.socket] = []
        super().__init__((host, port), Handler)

    def write(self, row: Json) -> None:
        if self.record is not None:
            line = json.dumps({"port": self.server_address[1], "time": time.time(), **row}) + "\n"
            with self._writing, self.record.open("a", encoding="utf-8") as file:
                file.write(line)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def end(self) -> None:
        """Stop as a process that is killed: connections break, with and without a request under way."""
        self.shutdown()
        self.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no fault."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            card = {"id": "base", "object": "model", "max_model_len": self.server.sampler.context}
            self._answer(200, {"object": "list", "data": [card]})
        elif self.path == "/health":
            self._answer(200, {})
        elif self.path == "/metrics" and isinstance(self.server.sampler, ClockSampler):
            self._send(200, "text/plain", self.server.sampler.tell_metrics().encode())
        else:
            self._answer(404, {"error": {"message": f"no {self.path} here"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/completions":
            if "prompt" not in body:
                self._answer(400, {"error": {"message": "no prompt"}})
                return
            self.server.write({"path": self.path, "seed": body["seed"], "model": body["model"]})
            self._complete(body)
            return
        self.server.write({"path": self.path, "body": body})
        try:
            self._command(body)
        except (KeyError, ValueError, RuntimeError) as error:
            self._answer(400, {"error": {"message": f"{type(error).__name__}: {error}"}})

    def _command(self, body: Json) -> None:
        """What a trainer tells a server to do. Raises ValueError for what it cannot."""
        server, parts = self.server, urlsplit(self.path)
        asked = parse_qs(parts.query)
        if parts.path == "/sleep":
            server.awake.clear()
            if asked["level"] == ["2"]:
                server.sampler.load(None)
                server.lost_weights = True
        elif parts.path == "/wake_up":
            server.awake |= set(asked["tags"])
        elif parts.path == "/collective_rpc":
            if body["method"] != "reload_weights" or "weights" not in server.awake:
                raise ValueError(f"cannot {body['method']} now")
            server.sampler.load(Path(body["kwargs"]["weights_path"]))
            server.lost_weights = False
        elif parts.path == "/v1/load_lora_adapter":
            server.sampler.load(Path(body["lora_path"]))
            server.adapters.add(body["lora_name"])
        elif parts.path != "/reset_prefix_cache":
            raise ValueError(f"no {parts.path} here")
        self._answer(200, {})

    def _complete(self, body: Json) -> None:
        server = self.server
        if len(server.awake) < 2 or server.lost_weights:
            self._answer(500, {"error": {"message": "asleep, or without weights"}})
            return
        if body["model"] not in {"base", *server.adapters}:
            self._answer(404, {"error": {"message": f"the model {body['model']} does not exist"}})
            return
        ids, logprobs, finished = server.sampler.speak(body)
        choice = {
            "index": 0,
            "text": "",
            "token_ids": ids,
            "logprobs": {"token_logprobs": logprobs},
            "finish_reason": "stop" if finished else "length",
        }
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(ids)}
        self._answer(200, {"object": "text_completion", "choices": [choice], "usage": usage})

    def _answer(self, status: int, body: Json) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Silent: the record tells."""


def write_python(directory: Path) -> Path:
    """A program that is started as a Python with vLLM is, and serves as this file does."""
    program = directory / "python-with-vllm"
    root = Path(__file__).parents[2]
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} {__file__} "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    return program


def read_record(record: Path) -> list[Json]:
    """What all servers with this record were asked, in order."""
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", dest="module")
    parser.add_argument("--model")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--enable-lora", action="store_true")
    options, _ = parser.parse_known_args(arguments)
    env = os.environ
    sampler: Sampler
    if env.get("SELFCHAL_PROTOCOL_SAMPLER") == "network":
        sampler = NetworkSampler(options.model, adapted=options.enable_lora)
    else:
        sampler = ClockSampler(
            int(env.get("SELFCHAL_PROTOCOL_ROWS", "64")),
            float(env.get("SELFCHAL_PROTOCOL_STEP", "0")),
            length=int(env["SELFCHAL_PROTOCOL_LENGTH"]) if "SELFCHAL_PROTOCOL_LENGTH" in env else None,
        )
    record = env.get("SELFCHAL_PROTOCOL_RECORD")
    server = Server(sampler, options.port, Path(record) if record else None, options.host)
    told = {
        name: env[name] for name in sorted(env) if name.startswith(("CUDA_", "RANK", "WORLD_", "MASTER_"))
    }
    server.write({"path": "start", "pid": os.getpid(), "arguments": list(arguments), "environment": told})
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
