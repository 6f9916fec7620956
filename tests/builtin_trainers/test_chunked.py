"""Chunked logits give what whole ones give, whatever the model does around its output layer, in less memory."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from selfchal.builtin_trainers import chunked
from selfchal.builtin_trainers.batch import MicroBatch, micro_batches
from selfchal.builtin_trainers.forward import score
from tests.builtin_trainers.episodes import multi_turn
from tests.patience import SOON

pytestmark = pytest.mark.torch

VOCABULARY = 96
WHOLE = 2**25
IN_CHUNKS = 3 * VOCABULARY  # three tokens at a time
NETWORKS = {
    "llama": {"model_type": "llama"},
    "tied": {"model_type": "llama", "tie_word_embeddings": True},
    "capped": {"model_type": "gemma2", "final_logit_softcapping": 3.0},
    "scaled": {"model_type": "cohere", "logit_scale": 0.3},
    "divided": {"model_type": "granite", "logits_scaling": 4.0},
}


def make_network(kind: str, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "initializer_range": 0.2,
        "eos_token_id": 2,
    }
    config = AutoConfig.for_model(**{**shape, **NETWORKS[kind]})
    return AutoModelForCausalLM.from_config(config).to(dtype)


def add_lora(network: Any, dropout: float) -> Any:
    """On a layer and on the output layer."""
    peft = pytest.importorskip("peft")
    settings = peft.LoraConfig(
        r=4, lora_dropout=dropout, target_modules=["q_proj", "lm_head"], init_lora_weights=False
    )
    return peft.get_peft_model(network, settings)


def batch() -> MicroBatch:
    return micro_batches(multi_turn(), 10_000)[0]


def differentiate(
    network: Any, monkeypatch: pytest.MonkeyPatch, most: int, *, bfloat16: bool = False, entropy: bool = True
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies [2, N], and the gradient of a sum that weighs each differently."""
    monkeypatch.setattr(chunked, "CHUNK_LOGITS", most)
    network.zero_grad()
    torch.manual_seed(1)  # for dropout
    scores = score(network, batch(), bfloat16=bfloat16, entropy_gradient=entropy)
    slopes = torch.linspace(-1, 1, len(scores.logprobs))
    loss = (scores.logprobs * slopes).sum()
    if entropy:
        loss = loss + (0.3 * scores.entropies * (2 - slopes)).sum()
    loss.backward()
    found = [p.grad.double().flatten() for p in network.parameters() if p.requires_grad]
    return torch.stack([scores.logprobs, scores.entropies]).detach(), torch.cat(found)


@pytest.mark.parametrize("entropy", [True, False])
@pytest.mark.parametrize("kind", NETWORKS)
def test_values_and_gradients_are_those_of_whole_logits(
    kind: str, entropy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network(kind)
    values, gradient = differentiate(network, monkeypatch, IN_CHUNKS, entropy=entropy)
    whole_values, whole_gradient = differentiate(network, monkeypatch, WHOLE, entropy=entropy)
    torch.testing.assert_close(values, whole_values, rtol=1e-6, atol=1e-6)
    assert float((gradient - whole_gradient).norm() / whole_gradient.norm()) < 1e-6


def test_so_they_are_with_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    network = add_lora(make_network("llama"), 0.0).train()
    values, gradient = differentiate(network, monkeypatch, IN_CHUNKS)
    whole_values, whole_gradient = differentiate(network, monkeypatch, WHOLE)
    torch.testing.assert_close(values, whole_values, rtol=1e-6, atol=1e-6)
    assert float((gradient - whole_gradient).norm() / whole_gradient.norm()) < 1e-6


def test_the_second_pass_draws_the_dropout_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside autograd through the same chunks, which are then made once."""
    network = add_lora(make_network("llama"), 0.5).train()
    _, gradient = differentiate(network, monkeypatch, IN_CHUNKS, entropy=False)

    def once(
        head: Any, _: Any, hidden: Tensor, targets: Tensor, rows: int, __: bool
    ) -> tuple[Tensor, Tensor]:
        pieces = zip(hidden.split(rows), targets.split(rows), strict=True)
        scored = [head(some).log_softmax(-1).gather(-1, chosen[:, None])[:, 0] for some, chosen in pieces]
        return torch.cat(scored), torch.zeros(len(targets))

    monkeypatch.setattr("selfchal.builtin_trainers.forward.score_in_chunks", once)
    _, expected = differentiate(network, monkeypatch, IN_CHUNKS, entropy=False)
    assert float((gradient - expected).norm() / expected.norm()) < 1e-6


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("kind", NETWORKS)
def test_in_bfloat16_values_are_equal_and_gradients_are_no_further_from_the_truth(
    kind: str, autocast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both round; the truth is the same network in float64."""
    network = make_network(kind, torch.float32 if autocast else torch.bfloat16)
    values, gradient = differentiate(network, monkeypatch, IN_CHUNKS, bfloat16=autocast)
    whole_values, whole_gradient = differentiate(network, monkeypatch, WHOLE, bfloat16=autocast)
    _, truth = differentiate(network.double(), monkeypatch, WHOLE)
    torch.testing.assert_close(values, whole_values, rtol=1e-6, atol=1e-6)
    assert float((gradient - truth).norm()) < 1.05 * float((whole_gradient - truth).norm())


MEASURE = """
import sys, torch
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
from selfchal.builtin_trainers import chunked
from selfchal.builtin_trainers.batch import micro_batches
from selfchal.builtin_trainers.forward import score
from selfchal.core.episode import Episode

torch.set_num_threads(1)
chunked.CHUNK_LOGITS = 2**40 if sys.argv[1] == "whole" else chunked.CHUNK_LOGITS // 4
network = LlamaForCausalLM(LlamaConfig(
    vocab_size=128_256, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
    num_key_value_heads=1))
def update(tokens):
    episode = Episode(task="t", sample=0)
    episode.ids, episode.mask = list(range(tokens + 1)), [0] + [1] * tokens
    episode.logprobs = [0.0] * (tokens + 1)
    score(network, micro_batches([episode], 10_000)[0]).logprobs.sum().backward()
def peak():  # of this process; what getrusage says begins with its parent's
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])
update(4)  # what a pass needs beside logits
before = peak()
update(500)
print(peak() - before)
"""


@pytest.mark.slow
def test_a_large_vocabulary_takes_a_tenth_of_the_memory() -> None:
    """Peak of a child process, in KiB, over what it needed before: 500 tokens of 128,256 ids, chunks a quarter of
    their size."""
    peaks = {}
    for how in ("whole", "chunked"):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, how],
            capture_output=True,
            text=True,
            timeout=9 * SOON,
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)},  # what is freed leaves the process
        )
        assert done.returncode == 0, done.stderr
        peaks[how] = int(done.stdout)
    assert 0 < peaks["chunked"] < peaks["whole"] / 10, peaks
