"""The packages that the built-in models need beyond the base installation, for their ``requires``."""

from __future__ import annotations

from selfchal.core.requirement import Requirement

TRAIN = tuple(Requirement(module, "selfchal[train]") for module in ("torch", "transformers", "safetensors"))
LORA = Requirement("peft", "selfchal[peft]", when=lambda config: config.lora is not None)
QUANTISED = Requirement(
    "bitsandbytes", "selfchal[quantized]", when=lambda config: config.quantization is not None
)
VLLM = Requirement(
    "vllm",
    "selfchal[vllm]",
    when=lambda config: (not config.servers and config.python is None) or config.push == "nccl",
)
