"""vLLM's engine in this process. Heavy: imports vllm, which has to be installed beside selfchal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfchal.builtin_models.generation.sampling import stream
from selfchal.builtin_models.rendering import Renderer
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Sampling

try:
    from vllm import LLM, SamplingParams, TokensPrompt
    from vllm.lora.request import LoRARequest
except ImportError as error:
    raise ModelError(
        "The model vllm needs vLLM here: pip install 'selfchal[vllm]'; or let it run in an environment of "
        "its own (scripts/setup_vllm_cpu.sh) and name its Python as model.python."
    ) from error

ADAPTER = "selfchal"


class EngineBackend:
    """A Backend in this process."""

    fresh = True

    def __init__(self, path: str, options: Mapping[str, Any], renderer: Renderer) -> None:
        self._renderer = renderer
        self._llm = LLM(model=path, disable_log_stats=True, **options)
        self.context = int(self._llm.llm_engine.model_config.max_model_len)
        self._adapter: LoRARequest | None = None
        self._version = 0

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        seen: Counter[tuple[int, ...]] = Counter()
        out: list[Generation | None] = []
        asked, settings, indices = [], [], []
        for index, prompt in enumerate(map(tuple, prompts)):
            capacity = min(sampling.max_tokens, self.context - len(prompt))
            out.append(Generation((), (), "", finished=False) if capacity <= 0 else None)
            if capacity > 0:
                indices.append(index)
                asked.append(TokensPrompt(prompt_token_ids=list(prompt)))
                settings.append(
                    self._make_settings(sampling, capacity, stream(sampling.seed, prompt, seen[prompt]))
                )
            seen[prompt] += 1
        answers = (
            self._llm.generate(asked, settings, use_tqdm=False, lora_request=self._adapter) if asked else []
        )
        for index, answer in zip(indices, answers, strict=True):
            out[index] = self._read(answer.outputs[0])
        return [generation for generation in out if generation is not None]

    def _make_settings(self, sampling: Sampling, capacity: int, key: int) -> Any:
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=capacity,
            stop=[*sampling.stop, *self._renderer.stops],
            stop_token_ids=sorted(self._renderer.ends),
            include_stop_str_in_output=True,
            skip_special_tokens=False,
            seed=key >> 33,
            logprobs=0,
        )

    def _read(self, output: Any) -> Generation:
        ids = tuple(output.token_ids)
        logprobs = tuple(float(at[token].logprob) for token, at in zip(ids, output.logprobs, strict=True))
        return Generation(ids, logprobs, self._renderer.text(ids), output.finish_reason == "stop")

    def load_weights(self, directory: Path) -> None:
        self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(directory.resolve())})
        self._llm.reset_prefix_cache()
        self._adapter = None

    def load_adapter(self, directory: Path) -> None:
        # A new number each time: an adapter whose number it has seen is not read again.
        self._version += 1
        self._adapter = LoRARequest(f"{ADAPTER}-{self._version}", self._version, str(directory.resolve()))

    def reset_cache(self) -> None:
        self._llm.reset_prefix_cache()

    def sleep(self) -> None:
        self._llm.sleep(level=1)

    def wake(self) -> None:
        self._llm.wake_up()

    def close(self) -> None:
        self._llm.llm_engine.engine_core.shutdown()
