"""vLLM and the trained weights side by side: when vLLM has older weights, and how it gets new ones.

Heavy: imports torch and transformers; vLLM itself only for an engine in this process.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedTokenizerBase

from selfchal.builtin_models import loading
from selfchal.builtin_models.config import TransformersConfig, VllmConfig
from selfchal.builtin_models.loaded_model import load_into
from selfchal.builtin_models.rendering import Renderer, make_renderer
from selfchal.builtin_models.saved_model import SourceConfigs
from selfchal.builtin_models.weight_sources import check_source
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Sampling


class Backend(Protocol):
    """Where vLLM runs. All methods return when it is done; all raise ModelError."""

    @property
    def fresh(self) -> bool:
        """True when it was started just now, with the weights of ``path``."""
        ...

    @property
    def context(self) -> int: ...

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]: ...

    def load_weights(self, directory: Path) -> None: ...

    def load_adapter(self, directory: Path) -> None:
        """From now on sample through this adapter."""
        ...

    def reset_cache(self) -> None:
        """Empty the prefix cache."""
        ...

    def sleep(self) -> None: ...

    def wake(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class LoadedVllm:
    """``network`` and ``source`` are None where nothing is trained.

    ``stale``: vLLM has other weights than the network.
    """

    config: VllmConfig
    renderer: Renderer
    tokenizer: PreTrainedTokenizerBase
    backend: Backend
    network: Any
    source: SourceConfigs | None
    weights_directory: Path
    stale: bool
    asleep: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def context(self) -> int:
        return min(self.config.context or self.backend.context, self.backend.context)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        with self.lock:
            if self.asleep:
                self.backend.wake()
                self.asleep = False
            if self.stale:
                self._send_weights()
                self.stale = False
        return self.backend.generate(prompts, sampling)

    def _send_weights(self) -> None:
        self.save(self.weights_directory)
        if self.config.lora is not None:
            self.backend.load_adapter(self.weights_directory)
        else:
            self.backend.load_weights(self.weights_directory)

    def reset_cache(self) -> None:
        """vLLM's sums depend on what else is in a batch, so the last bit is not promised even so."""
        with self.lock:
            if not self.asleep:  # asleep, its cache is gone anyway
                self.backend.reset_cache()

    def trained(self) -> Any:
        if self.network is None:
            raise ModelError("model.train is false, so there is nothing here to train. Remove that line.")
        with self.lock:
            if self.config.sleep and not self.asleep:
                self.backend.sleep()
                self.asleep = True
        return self.network

    def on_weights_updated(self) -> None:
        self.stale = self.network is not None

    def save(self, directory: Path) -> None:
        if self.source is None:
            raise ModelError("model.train is false, so there is nothing here to save. Remove that line.")
        self.source.save(self.network, self.tokenizer, directory)

    def load(self, directory: Path) -> None:
        if self.network is None:
            self.backend.load_weights(directory)
            return
        load_into(self.network, directory, adapted=self.config.lora is not None)
        self.on_weights_updated()

    def close(self) -> None:
        self.backend.close()
        if self.config.weights_directory is None:
            shutil.rmtree(self.weights_directory, ignore_errors=True)


def open_vllm(config: VllmConfig) -> LoadedVllm:
    loading.silence_transformers()
    path = loading.expand_home(config.path)
    check_source(path)
    tokenizer = loading.load_tokenizer(path)
    ends = loading.end_ids(path, tokenizer)
    renderer = make_renderer(tokenizer, ends, config)
    network, source = None, None
    if config.train:
        shared = {"path", "device", "dtype", "lora", "quantization", "gradient_checkpointing"}
        same = TransformersConfig.model_validate(config.model_dump(include=shared))
        network = loading.load_network(same, path=path, tokenizer=tokenizer)
        source = SourceConfigs.read(path, network, adapted=config.lora is not None)
    backend = _open_backend(config, path, renderer)
    given = config.weights_directory
    weights_directory = given.expanduser() if given else Path(tempfile.mkdtemp(prefix="selfchal-weights-"))
    # A running server may hold what an earlier run left there; a fresh adapter is in no engine yet.
    stale = network is not None and (config.lora is not None or not backend.fresh)
    return LoadedVllm(config, renderer, tokenizer, backend, network, source, weights_directory, stale)


def _open_backend(config: VllmConfig, path: str, renderer: Renderer) -> Backend:
    if config.server is not None:
        from selfchal.builtin_models.vllm_server import ServerBackend

        return ServerBackend(config.server, renderer, concurrency=config.concurrency)
    dtype = str(loading.pick_dtype(config.dtype, loading.pick_device(config.device))).removeprefix("torch.")
    options: dict[str, Any] = {"dtype": dtype, "enable_prefix_caching": True, "trust_remote_code": False}
    options |= {"max_model_len": config.context} if config.context is not None else {}
    if config.lora is not None:
        options |= {"enable_lora": True, "max_lora_rank": _read_allowed_rank(config.lora.r)}
    if config.sleep:
        options["enable_sleep_mode"] = True
    options |= config.engine
    if config.python is not None:
        from selfchal.builtin_models.vllm_server import start_server

        return start_server(config.python, path, options, renderer, concurrency=config.concurrency)
    from selfchal.builtin_models.vllm_engine import EngineBackend

    return EngineBackend(path, options, renderer)


def _read_allowed_rank(rank: int) -> int:
    """vLLM takes these ranks alone; a smaller adapter fits in a larger slot."""
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), rank)
