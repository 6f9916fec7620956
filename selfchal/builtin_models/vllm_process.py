"""Starts and stops vLLM servers of our own, each on the GPUs that are named for it.

A server never outlives this process. It gets a clean environment: nothing of a launcher (torchrun) that would
make it join the trainer's group, and nothing of this Python's that is not its own. Light but for httpx.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.builtin_models.vllm_server import read_card
from selfchal.core.errors import ModelError

START_SECONDS = 900.0  # large models on slow disks take minutes
# The server's group ends with the server, and when this process ends, however it does: its pipe closes.
# What does not end when asked to is killed.
GUARDED = '("$@"; kill 0) & trap : TERM; read -r _; kill 0; sleep 5; kill -9 0'
MODULE = "vllm.entrypoints.openai.api_server"  # `vllm serve` fails where the package has another name
# What torchrun, accelerate and Ray tell the processes that they start, and this Python's own settings.
NOT_INHERITED = (
    "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE",
    "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_", "ACCELERATE_", "PYTHONPATH",
    "VIRTUAL_ENV", "RAY_",
)  # fmt: skip
GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass
class ServerProcess:
    """A server that is started here, and again where it died.

    ``python`` is that of an environment with vLLM, this one where it is None. ``gpus`` are numbered as this
    process sees them; without any, the server sees what this process does.
    """

    python: str | None
    path: str
    options: Mapping[str, Any]
    gpus: Sequence[int] = ()
    host: str = "127.0.0.1"  # the address of this machine that it listens on
    address: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _output: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def check_python(self) -> None:
        """Raise ModelError where there is no such Python."""
        if self.python is not None and not Path(self.python).expanduser().is_file():
            raise ModelError(
                f"model.python: no {self.python}. scripts/setup_vllm_cpu.sh makes such an environment."
            )

    def open(self, is_over: Callable[[], bool]) -> str:
        """The address of the server, up and answering: it is started, unless it runs.

        Gives up when it is over. Raises ModelError with its last lines where it does not come up.
        """
        if self._process is not None and self._process.poll() is None and _answers(self.address):
            return self.address
        self.close()
        self.check_python()
        port = _find_free_port(self.host)
        self.address = f"http://{self.host}:{port}"
        python = str(Path(self.python).expanduser()) if self.python else sys.executable
        command = [python, "-m", MODULE, "--model", self.path, "--host", self.host, "--port", str(port)]
        self._output.seek(0)
        self._output.truncate()
        self._process = subprocess.Popen(
            ["sh", "-c", GUARDED, "sh", *command, *make_arguments(self.options)],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=make_environment(self.options, self.gpus),
            start_new_session=True,
        )
        try:
            _wait(self._process, self.address, is_over)
        except ModelError as error:
            self.close()
            self._output.seek(0)
            tail = b"\n".join(self._output.read().splitlines()[-15:]).decode("utf-8", "replace")
            raise ModelError(f"{error}\nIts last lines:\n{tail}") from error
        return self.address

    def close(self) -> None:
        """End the server and the engine processes that it started, which are its group."""
        process, self._process = self._process, None
        if process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, how)
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    continue
        if process.stdin is not None:
            process.stdin.close()


@dataclass(frozen=True)
class GivenServer:
    """A server that somebody else runs; ``open`` waits for it."""

    address: str

    def open(self, is_over: Callable[[], bool]) -> str:
        """Its address, as soon as it answers. Raises ModelError where it does not for long."""
        _wait(None, self.address, is_over)
        return self.address

    def close(self) -> None:
        """It is another's."""


def make_environment(options: Mapping[str, Any], gpus: Sequence[int]) -> dict[str, str]:
    """What a server needs to be trained with, without network or reports to anybody."""
    wanted = {
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }
    if options.get("enforce_eager"):
        # vLLM's samplers are compiled even so, which needs a C++ compiler and, on a CPU, minutes.
        wanted["TORCH_COMPILE_DISABLE"] = "1"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(NOT_INHERITED)}
    environment = {**wanted, **inherited}
    if gpus:
        environment[GPUS] = ",".join(_name_gpu(gpu) for gpu in gpus)
    return environment


def _name_gpu(gpu: int) -> str:
    """What CUDA calls the GPU that this process sees under that number. Raises ModelError."""
    visible = os.environ.get(GPUS)
    if visible is None:
        return str(gpu)
    names = visible.split(",")
    if gpu >= len(names):
        raise ModelError(f"model.gpus: there is no GPU {gpu} here, as {GPUS}={visible}; name those it shows.")
    return names[gpu]


def make_arguments(options: Mapping[str, Any]) -> list[str]:
    """The options of vLLM's engine as those of its command."""
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


def _answers(address: str) -> bool:
    probe = Endpoint(address, patience=Patience(timeout=5, retries=0), concurrency=1)
    try:
        probe.get("/v1/models", read_card)
    except ModelError:
        return False
    finally:
        probe.close()
    return True


def _wait(process: subprocess.Popen[bytes] | None, address: str, is_over: Callable[[], bool]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if is_over():
            raise ModelError(
                f"The vLLM server at {address} is not waited for any more: the model was closed."
            )
        if process is not None and process.poll() is not None:
            raise ModelError("The vLLM server ended while starting.")
        if _answers(address):
            return
        time.sleep(0.2)
    raise ModelError(f"The vLLM server at {address} was not up after {START_SECONDS:.0f} s.")


def _find_free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
