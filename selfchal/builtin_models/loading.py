"""Loads tokenizer and network from a directory or a hub name. What cannot be loaded is a ModelError.

Heavy: imports torch and transformers. No remote code is ever run: every call here says so explicitly, since
transformers otherwise asks at a terminal, and runs it when the answer is yes.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from selfchal.builtin_models.config import LoraConfig, TransformersConfig
from selfchal.core.errors import ModelError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def silence_transformers() -> None:
    """Keep transformers' progress bars and notes out of our output, unless TRANSFORMERS_VERBOSITY is set."""
    if "TRANSFORMERS_VERBOSITY" not in os.environ:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()


def expand_home(path: str) -> str:
    """The path with ``~`` written out; a hub name as it is."""
    return str(Path(path).expanduser()) if path.startswith("~") else path


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """Raises ModelError."""
    try:
        return AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(_explain_unloadable("tokenizer", path, error)) from error


def load_network(config: TransformersConfig, *, path: str, tokenizer: PreTrainedTokenizerBase) -> Any:
    """The network on its device, in its precision, in evaluation mode: a PreTrainedModel.

    With ``config.lora`` it is peft's wrapper around one. Raises ModelError, also where its weights are not
    finite or it has no embeddings for the tokenizer.
    """
    device = pick_device(config.device)
    options: dict[str, Any] = {"dtype": pick_dtype(config.dtype, device), "attn_implementation": "sdpa"}
    if config.quantization is not None:
        options |= _load_quantized(config.quantization, device)
    try:
        network = _load_pretrained(path, options)
    # A RuntimeError is what weights of other sizes than the configuration's give.
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise ModelError(_explain_unloadable("weights", path, error)) from error
    check_finite(network, path)
    _check_vocabulary(network, tokenizer, path)
    if config.quantization is None:
        _move(network, device)
    if config.lora is not None:
        network = _add_lora(network, config.lora, quantized=config.quantization is not None)
    if config.gradient_checkpointing:
        _checkpoint_activations(network)
    return network.eval()


def _checkpoint_activations(network: Any) -> None:
    with warnings.catch_warnings():
        # transformers 5.24 gave it a new name, which the oldest version that is supported does not know.
        warnings.filterwarnings("ignore", message="`gradient_checkpointing_enable` is deprecated")
        # Non-reentrant: the other kind loses the gradient where the inputs need none, as with LoRA.
        network.gradient_checkpointing_enable({"use_reentrant": False})


def pick_device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """``auto`` is float32 on CPUs, which have no fast path for less, and bfloat16 on GPUs."""
    if name != "auto":
        return DTYPES[name]
    return torch.float32 if device.type == "cpu" else torch.bfloat16


def end_ids(path: str, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The ids that end a generation, by the files of the model: tokenizer, config, generation config."""
    sources = [tokenizer, _load_config(path)]
    with suppress(OSError):  # not every model has one
        sources.append(GenerationConfig.from_pretrained(path))
    ids: set[int] = set()
    for source in sources:
        found = getattr(source, "eos_token_id", None)
        ids.update([found] if isinstance(found, int) else found or [])
    return frozenset(ids)


def max_positions(path: str) -> int:
    """How many tokens the model was made for; 4096 where its config does not say."""
    text = _load_config(path).get_text_config(decoder=True)
    return int(getattr(text, "max_position_embeddings", None) or 4096)


def check_finite(network: nn.Module, source: object) -> None:
    """Raise ModelError where a weight is NaN or infinite: such a model says nothing, and would score 0."""
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        # A sum is the cheapest thing that such a value shows in; where it is odd, each value is looked at.
        if tensor.is_floating_point() and not torch.isfinite(tensor.detach().sum(dtype=torch.float32)):
            odd = int((~torch.isfinite(tensor)).sum())
            if odd:
                raise ModelError(
                    f"the weights of {str(source)!r} are broken: {odd} of {tensor.numel()} values of {name} "
                    "are NaN or infinite. Download them again, or take an earlier checkpoint."
                )


def _check_vocabulary(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: str) -> None:
    needed = max(tokenizer.get_vocab().values(), default=-1) + 1
    weight = network.get_input_embeddings().weight
    assert isinstance(weight, Tensor)  # [rows, width]; an embedding declares that it may be anything
    rows = int(weight.shape[0])
    if needed > rows:
        raise ModelError(
            f"model.path: the tokenizer of {path!r} has {needed} ids, and the network has embeddings for "
            f"{rows} alone. Use the tokenizer that the weights were trained with."
        )


def _load_config(path: str) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(_explain_unloadable("configuration", path, error)) from error
    return config


def _load_pretrained(path: str, options: dict[str, Any]) -> PreTrainedModel:
    try:
        return AutoModelForCausalLM.from_pretrained(path, trust_remote_code=False, **options)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        eager = options | {"attn_implementation": "eager"}
        return AutoModelForCausalLM.from_pretrained(path, trust_remote_code=False, **eager)


def _move(network: nn.Module, device: torch.device) -> None:
    """In place. Declared for any module, as mypy cannot read the type of ``PreTrainedModel.to``."""
    network.to(device)


def _load_quantized(kind: str, device: torch.device) -> dict[str, Any]:
    """QLoRA's setting (Dettmers et al. 2023): NF4 with double quantisation, or plain 8 bit."""
    if device.type == "cpu":
        raise ModelError("model.quantization needs a GPU (bitsandbytes); remove it or set model.device.")
    from transformers import BitsAndBytesConfig

    if kind == "8bit":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True), "device_map": {"": device}}
    four = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": four, "device_map": {"": device}}


def _add_lora(network: PreTrainedModel, lora: LoraConfig, *, quantized: bool) -> Any:
    try:
        import peft
    except ImportError as error:
        raise ModelError("model.lora needs peft: pip install 'selfchal[peft]'.") from error
    if quantized:
        network = peft.prepare_model_for_kbit_training(network, use_gradient_checkpointing=False)
    settings = peft.LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(network, settings)


def _explain_unloadable(what: str, path: str, error: Exception) -> str:
    if "trust_remote_code" in str(error):
        return (
            f"model.path: the {what} of {path!r} needs code that comes with the model, and selfchal never "
            "runs such code. Use a model that transformers itself knows."
        )
    first = str(error).strip().split("\n")[0]
    return (
        f"model.path: the {what} of {path!r} cannot be loaded: {first}. Check the name; "
        "without network only a local directory or a model already in the hub's cache works."
    )
