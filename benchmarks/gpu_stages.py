"""The stages of ``gpu.py`` that generate and train, each with a network of random weights of its own.

Times are wall clock after the device has finished its work. ``mfu`` is the share of the device's peak that
6 FLOPs for each parameter and token come to; with LoRA it overstates, since frozen weights need 4.
"""

from __future__ import annotations

import copy
import gc
import io
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from selfchal.builtin_models.generation.decoder import Decoder
from selfchal.builtin_models.generation.layout import find_layout
from selfchal.builtin_models.generation.rows import Row as GeneratedRow
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.builtin_trainers.batch import agent_tokens, micro_batches
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import PolicyBatch, update
from selfchal.builtin_trainers.optim import Optimizer
from selfchal.builtin_trainers.parallel import Team
from selfchal.core.episode import Episode, Group
from selfchal.core.model import Sampling

Row = dict[str, Any]
CONTEXT = 16384  # tokens
GROUP = 8  # episodes of one task
RESUMED_BELOW = 2e9  # parameters: of larger networks there is no memory for a second one


@dataclass(frozen=True)
class Machine:
    """The device that is measured, and its peak in bfloat16 for the MFU."""

    device: torch.device
    peak_tflops: float

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.device.type == "cuda" else torch.float32

    def now(self) -> float:
        """Seconds, when the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def take_peak_memory(self) -> Row:
        """The most memory that was in use since the last call; nothing on a CPU."""
        if self.device.type != "cuda":
            return {}
        peak = torch.cuda.max_memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        return {"peak_gb": round(peak / 1e9, 2)}

    def free_memory(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)


Stage = Callable[[Machine], Iterator[Row]]


@dataclass(frozen=True)
class Shape:
    """A Llama of this many hidden units, layers, heads, heads of keys and values, and so on."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocabulary: int


SIZES = {  # the shapes of SmolLM2-135M, Llama 3.2 1B, Qwen3 4B (with heads of 80) and Llama 3 8B
    "tiny": Shape(64, 2, 4, 2, 128, 1024),
    "135m": Shape(576, 30, 9, 3, 1536, 49152),
    "1b": Shape(2048, 16, 32, 8, 8192, 128256),
    "4b": Shape(2560, 36, 32, 8, 9728, 151936),
    "8b": Shape(4096, 32, 32, 8, 14336, 128256),
}


def make_network(machine: Machine, size: str) -> LlamaForCausalLM:
    """Random weights, made on the device and in the precision that they are used in."""
    shape = SIZES[size]
    config = LlamaConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        intermediate_size=shape.mlp,
        vocab_size=shape.vocabulary,
        max_position_embeddings=CONTEXT,
    )
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(machine.dtype)
    try:
        with torch.device(machine.device):
            network = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(usual)
    network.eval()
    return network


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def generate(machine: Machine, *, size: str, rows: int, prompt: int, new: int) -> Iterator[Row]:
    """Tokens a second of our decoder and of transformers, and how far training agrees with sampling."""
    network = make_network(machine, size)
    draw = random.Random(1)
    head, *tails = (
        [draw.randrange(SIZES[size].vocabulary) for _ in range(prompt // 2)] for _ in range(rows + 1)
    )
    prompts = [head + tail for tail in tails]  # the first half is shared, as instructions are
    yield {"parameters": count_parameters(network)} | _time_transformers(machine, network, prompts, new)
    made, figures = _time_decoder(machine, network, prompts, new)
    yield figures
    yield _compare_logprobs(machine, network, prompts[:4], made[:4])


def _time_transformers(
    machine: Machine, network: LlamaForCausalLM, prompts: list[list[int]], new: int
) -> Row:
    ids = torch.tensor(prompts, device=machine.device)  # [rows, prompt]
    given: Any = {"attention_mask": torch.ones_like(ids), "pad_token_id": 0, "do_sample": True}
    with torch.inference_mode():
        network.generate(ids[:2], max_new_tokens=4, min_new_tokens=4, **{**given, "attention_mask": None})
        began = machine.now()
        network.generate(ids, max_new_tokens=new, min_new_tokens=new, **given)
    took = machine.now() - began
    return {
        "way": "transformers",
        "new_tokens_a_second": round(len(prompts) * new / took),
        "seconds": round(took, 2),
    }


def _time_decoder(
    machine: Machine, network: LlamaForCausalLM, prompts: list[list[int]], new: int
) -> tuple[list[GeneratedRow], Row]:
    layout = find_layout(network)
    if layout is None:
        raise RuntimeError("the ragged cache does not give this network's logits")
    decoder = Decoder(network, layout, context=CONTEXT, rows=len(prompts), cache_bytes=256 * 2**20)
    stops = StopStrings([], lambda ids: "")
    decoder.generate(prompts[:2], Sampling(max_tokens=4), stops, frozenset())
    seconds = []
    for most in (1, new):
        decoder.on_weights_updated()  # empties the cache, so that each time feeds the prompts again
        began = machine.now()
        made = decoder.generate(prompts, Sampling(max_tokens=most), stops, frozenset())
        seconds.append(machine.now() - began)
    fed, whole = seconds
    return made, {
        "way": "selfchal",
        "new_tokens_a_second": round(len(prompts) * new / whole),
        "prompt_tokens_a_second": round(sum(map(len, prompts)) / fed),
        "decode_tokens_a_second": round(len(prompts) * (new - 1) / max(whole - fed, 1e-9)),
        "seconds": round(whole, 2),
    }


def _compare_logprobs(
    machine: Machine, network: nn.Module, prompts: Sequence[list[int]], made: Sequence[GeneratedRow]
) -> Row:
    episodes = []
    for number, (prompt, row) in enumerate(zip(prompts, made, strict=True)):
        ids, mask = [*prompt, *row.ids], [0] * len(prompt) + [1] * len(row.ids)
        logprobs = [0.0] * len(prompt) + row.logprobs
        episodes.append(Episode("compared", number, ids=ids, mask=mask, logprobs=logprobs))
    differences = []
    with torch.no_grad():
        for batch in micro_batches(episodes, max_tokens=8192):
            ours = score(network, batch.to(machine.device)).logprobs.cpu()  # [N]
            differences.append(ours - batch.rollout_logprobs)
    difference = torch.cat(differences)
    return {
        "way": "training against sampling",
        "logprob_diff": difference.abs().mean().item(),
        "worst": difference.abs().max().item(),
        "mean_ratio": difference.exp().mean().item(),
    }


def train(
    machine: Machine, *, size: str, episodes: int, length: int, budget: int, lora: bool
) -> Iterator[Row]:
    """Two GRPO updates on made-up episodes; then a third one, which a resumed copy makes too."""
    network: Any = make_network(machine, size)
    parameters = count_parameters(network)
    network.gradient_checkpointing_enable({"use_reentrant": False})
    if lora:
        import peft

        adapters = peft.LoraConfig(
            r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM", lora_dropout=0.0
        )
        network = peft.get_peft_model(network, adapters)
    config = GrpoConfig(steps=10, micro_batch_tokens=budget, learning_rate=1e-5)
    algorithm, optimizer = GrpoAlgorithm(config), Optimizer(network, config, Team())
    batch = algorithm.choose(make_groups(episodes, length, SIZES[size].vocabulary))
    assert batch is not None, "half of each group passed"
    tokens = sum(len(episode.ids) for episode in batch.episodes)
    for step in (1, 2):
        began = machine.now()
        metrics = update(algorithm, optimizer, None, batch, step)
        took = machine.now() - began
        yield {
            "parameters": parameters,
            "step": step,
            "tokens": tokens,
            "agent_tokens": sum(map(agent_tokens, batch.episodes)),
            "seconds": round(took, 2),
            "tokens_a_second": round(tokens / took),
            "mfu": round(6 * parameters * tokens / took / (machine.peak_tflops * 1e12), 4),
            "grad_norm": metrics["grad_norm"],
            "loss": metrics["loss"],
        }
    if parameters < RESUMED_BELOW:
        yield _resume(machine, algorithm, optimizer, batch)


def _resume(machine: Machine, algorithm: GrpoAlgorithm, optimizer: Optimizer, batch: PolicyBatch) -> Row:
    """Whether a training that goes on from a saved state makes the same step."""
    file = io.BytesIO()
    began = machine.now()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = Optimizer(copy.deepcopy(optimizer.network), algorithm.options, Team())
    other.load_state_dict(torch.load(file, weights_only=True))
    took = machine.now() - began
    losses = [update(algorithm, one, None, batch, 3)["loss"] for one in (optimizer, other)]
    pairs = zip(optimizer.network.parameters(), other.network.parameters(), strict=True)
    return {
        "state_mb": round(file.getbuffer().nbytes / 1e6, 1),
        "seconds": round(took, 2),
        "same_weights": all(torch.equal(one, two) for one, two in pairs),
        "losses": losses,
    }


def make_groups(count: int, length: int, vocabulary: int) -> list[Group]:
    """``count`` episodes in groups, a third of their turns the agent's own. Half of each group passed."""
    draw, episodes = random.Random(0), []
    for number in range(count):
        size = int(length * draw.uniform(0.8, 1))
        prompt, turn = size // 5, max(size // 12, 1)
        mask = [int(at >= prompt and (at - prompt) // turn % 3 == 0) for at in range(size)]
        ids = [draw.randrange(vocabulary) for _ in range(size)]
        logprobs = [-1.0 * own for own in mask]
        task = f"task{number // GROUP}"
        episode = Episode(task, number % GROUP, ids=ids, mask=mask, logprobs=logprobs, reward=number % 2)
        episodes.append(episode)
    starts = range(0, count, GROUP)
    return [Group(episodes[at].task, tuple(episodes[at : at + GROUP])) for at in starts]
