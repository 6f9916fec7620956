"""vLLM servers and the trained weights side by side: when the servers sleep, and when they get new weights.

Heavy: imports torch and transformers.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from selfchal.builtin_models import loading
from selfchal.builtin_models.config import TransformersConfig, VllmConfig
from selfchal.builtin_models.endpoint import UnansweredError
from selfchal.builtin_models.fleet import NO_WEIGHTS, Fleet, Member, Weights
from selfchal.builtin_models.fleet_stream import FleetStream, Voice
from selfchal.builtin_models.hosted_server import HostedServer
from selfchal.builtin_models.loaded_model import load_into
from selfchal.builtin_models.rendering import Renderer, make_renderer
from selfchal.builtin_models.saved_model import SourceConfigs
from selfchal.builtin_models.server_metrics import SamplingMeter
from selfchal.builtin_models.vllm_options import free_cached_memory, limit_share, list_origins
from selfchal.builtin_models.vllm_server import Server
from selfchal.builtin_models.weight_push import Carry, NoWeights, OverNccl, ThroughDirectory, stay
from selfchal.builtin_models.weight_sources import check_source
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Sampling
from selfchal.hosting import HostLostError, Reservation, Reserve

KEEPING, DISCARDING = 1, 2  # vLLM's levels of sleep, by what becomes of the weights


@dataclass
class LoadedVllm:
    """``network`` and ``source`` are None where nothing is trained, ``fleet`` where nothing is sampled."""

    config: VllmConfig
    renderer: Renderer
    tokenizer: PreTrainedTokenizerBase
    network: Any
    source: SourceConfigs | None
    fleet: Fleet | None = None
    directory: Path | None = None  # a temporary one, through which weights travel
    reservation: Reservation | None = None  # room for the servers on other machines
    updating: bool = False
    meter: SamplingMeter = field(default_factory=SamplingMeter)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.config.concurrency * self.config.server_count, "turn")
        self._saving = threading.Lock()

    @property
    def samplers(self) -> Fleet:
        """The servers, which may be asked now. Raises ModelError."""
        if self.fleet is None:
            raise ModelError("this process takes part in training alone: the first one samples")
        if self.updating and self.config.sleep:
            raise ModelError("the model is being updated: nothing is sampled until end_update")
        return self.fleet

    @property
    def context(self) -> int:
        known = self.fleet.context if self.fleet else loading.max_positions(self.config.path)
        return min(self.config.context or known, known)

    @property
    def adapted(self) -> bool:
        return self.config.lora is not None and self.config.train

    def speak(self, *, adapted: bool) -> Voice:
        return Voice(self.samplers, self._pool, adapted)

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, adapted: bool
    ) -> list[Generation]:
        return self.speak(adapted=adapted).generate(prompts, sampling)

    def stream(self, sampling: Sampling) -> FleetStream:
        return FleetStream(self.speak(adapted=self.adapted), sampling)

    def reset_cache(self) -> None:
        """vLLM's sums depend on what else is in a batch, so the last bit is not promised even so. A server
        that somebody else runs, and that is not trained, need not have the endpoint for it."""
        if self.config.train or not self.config.servers:
            self.samplers.reset_caches()

    def measure_sampling(self) -> dict[str, float]:
        if self.fleet is None:
            return {}
        return self.meter.measure(self.fleet.read_metrics(), self.fleet.busy, self.fleet.lost)

    def trained(self) -> Any:
        if self.network is None:
            raise ModelError("model.train is false, so there is nothing here to train. Remove that line.")
        return self.network

    def begin_update(self) -> None:
        self.updating = True
        if self.fleet is None:
            return
        if not self.config.sleep:
            # Servers may sample on meanwhile: with whole weights, and not with half of an update.
            self.fleet.begin_update()
            return
        # All weights change with an update, so those that vLLM has need not be kept. Under LoRA what it has
        # stays what it is, and would have to be read from the disk each time.
        level = KEEPING if self.adapted else DISCARDING
        self.fleet.sleep(level, keeps_weights=level == KEEPING)

    def end_update(self) -> None:
        """Asleep until something is sampled: what follows may be another update, or the end."""
        self.updating = False
        if self.config.sleep:
            free_cached_memory(self.network)
        elif self.fleet is not None:
            self.fleet.end_update()

    def push_weights(self) -> int:
        """Every server that answers has the weights as they are now; their version."""
        self.samplers.prepare()
        return self.samplers.version

    def on_weights_updated(self) -> None:
        if self.fleet is not None and self.network is not None:
            self.fleet.version += 1

    def save(self, directory: Path) -> None:
        if self.source is None:
            raise ModelError("model.train is false, so there is nothing here to save. Remove that line.")
        with self._saving:  # for a checkpoint and for the servers at the same time
            self.source.save(self.network, self.tokenizer, directory)

    def load(self, directory: Path) -> None:
        if self.network is None:
            fleet = self.samplers
            fleet.weights = ThroughDirectory(_write_nothing, directory, False, carry_to(fleet.members))
            fleet.version += 1
            return
        load_into(self.network, directory, adapted=self.config.lora is not None)
        self.on_weights_updated()

    def close(self) -> None:
        if self.fleet is not None:
            self.fleet.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self.reservation is not None:
            self.reservation.close()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)


def open_vllm(config: VllmConfig, *, samples: bool, reserve: Reserve) -> LoadedVllm:
    """Load the weights, and with ``samples`` start or find the servers. Raises ModelError, EngineError."""
    loading.silence_transformers()
    path = loading.expand_home(config.path)
    check_source(path)
    origins = list_origins(config, path, reserve) if samples else []
    tokenizer = loading.load_tokenizer(path)
    renderer = make_renderer(tokenizer, loading.end_ids(path, tokenizer), config)
    network, source = None, None
    if config.train:
        shared = {"path", "device", "dtype", "lora", "quantization", "gradient_checkpointing"}
        same = TransformersConfig.model_validate(config.model_dump(include=shared))
        network = loading.load_network(same, path=path, tokenizer=tokenizer)
        source = SourceConfigs.read(path, network, adapted=config.lora is not None)
    loaded = LoadedVllm(config, renderer, tokenizer, network, source)
    if samples:
        members = [Member(origin) for origin in origins]
        limit_share(origins, config, network)
        loaded.reservation = next((one.reservation for one in origins if isinstance(one, HostedServer)), None)
        weights = _choose_weights(loaded, members)
        loaded.fleet = Fleet(members, lambda address: Server(address, renderer), weights)
        # A running server may hold what an earlier run left there; a fresh adapter is in no server yet.
        unknown = config.train and (config.lora is not None or config.servers)
        try:
            loaded.fleet.open(NO_WEIGHTS if unknown else 0)
        except BaseException:
            loaded.close()
            raise
    return loaded


def _write_nothing(directory: Path) -> None:
    """For weights that lie in their directory already."""


def carry_to(members: Sequence[Member]) -> Carry:
    """To servers of other machines the files are sent; the others read the directory itself."""

    def carry(server: Server, directory: Path) -> Path:
        for origin in (member.origin for member in members):
            if isinstance(origin, HostedServer) and origin.address == server.root:
                try:
                    return origin.carry(directory)
                except HostLostError as error:
                    raise UnansweredError(f"no weights could be sent to {server.root}: {error}") from error
        return stay(server, directory)

    return carry


def _choose_weights(loaded: LoadedVllm, members: Sequence[Member]) -> Weights:
    config = loaded.config
    if loaded.network is None:
        return NoWeights()
    if config.push == "nccl":
        return OverNccl(loaded.network, config.tensor_parallel)
    if config.weights_directory is None:
        loaded.directory = Path(tempfile.mkdtemp(prefix="selfchal-weights-"))
    directory = loaded.directory or config.weights_directory
    assert directory is not None
    return ThroughDirectory(loaded.save, directory.expanduser(), loaded.adapted, carry_to(members))
