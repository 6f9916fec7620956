"""How new weights reach the servers that sample: through a directory, as an adapter, or over NCCL.

The directory is read by the servers themselves, so it must be theirs too: this machine's, a shared one, or
one that its files are sent to.
Heavy: imports torch where weights are written; vLLM alone for NCCL.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from selfchal.builtin_models.endpoint import UnansweredError
from selfchal.builtin_models.vllm_server import Server

NCCL_OPTION = {"weight_transfer_config": {"backend": "nccl"}}  # what a server is started with


class NoWeights:
    """Nothing is trained here: every server has what it was started with."""

    kept = True

    def publish(self) -> None:
        """There is nothing to send."""

    def send(self, server: Server) -> None:
        """It has its weights."""


Carry = Callable[[Server, Path], Path]


def stay(server: Server, directory: Path) -> Path:
    """``Carry`` where servers see what this process does."""
    return directory.resolve()


@dataclass(frozen=True)
class ThroughDirectory:
    """``save`` writes the weights, or the adapter, as a transformers directory. ``carry`` brings it to where
    a server reads it, and says where that is."""

    save: Callable[[Path], None]
    directory: Path
    adapted: bool
    carry: Carry = stay
    kept: ClassVar[bool] = True

    def publish(self) -> None:
        self.save(self.directory)

    def send(self, server: Server) -> None:
        directory = self.carry(server, self.directory)
        if self.adapted:
            server.load_adapter(directory)
        else:
            server.load_weights(directory)
        server.reset_cache()


@dataclass(frozen=True)
class OverNccl:
    """From GPU to GPU, by vLLM's own weight transfer. Each server is a group of its own with this process, so
    that one which dies takes no other with it. ``workers``: GPUs of one server. One that cannot be reached is
    left out and joins anew."""

    network: Any
    workers: int
    kept: ClassVar[bool] = False
    _engines: dict[Server, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self) -> None:
        """They are sent as they stand in this process."""

    def send(self, server: Server) -> None:
        with self._lock:  # one broadcast at a time: all leave the same GPU
            if server not in self._engines:
                self._engines[server] = self._join_group(server)
            try:
                self._engines[server].send_weights()
            except (RuntimeError, OSError) as error:
                del self._engines[server]
                fault = f"no weights could be sent to {server.root} over NCCL: {error}"
                raise UnansweredError(fault) from error
        server.reset_cache()

    def _join_group(self, server: Server) -> Any:
        from vllm.distributed.weight_transfer import (
            HTTPVLLMWeightSyncClient,
            ModuleSource,
            WeightTransferTrainerFactory,
        )
        from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        return WeightTransferTrainerFactory.trainer_init(
            init_info=NCCLTrainerInitInfo(
                master_address="127.0.0.1", master_port=port, world_size=1 + self.workers, rank=0
            ),
            client=HTTPVLLMWeightSyncClient(server.root),
            source=ModuleSource(self.network),
        )
