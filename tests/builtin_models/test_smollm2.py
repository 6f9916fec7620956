"""SmolLM2-135M-Instruct, a real small instruction model, where scripts/fetch_smollm2.py has put it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.model import Generation, Message, Sampling
from tests.builtin_models.talks import go_on, plain_logprobs

PLACE = os.environ.get("SELFCHAL_SMOLLM2")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(PLACE is None, reason="SELFCHAL_SMOLLM2 is not set: scripts/fetch_smollm2.py"),
]


@pytest.fixture(scope="module")
def model() -> TransformersModel:
    return TransformersModel(TransformersConfig(path=str(Path(PLACE or "").expanduser())))


def test_it_knows_the_capital_of_france(model: TransformersModel) -> None:
    prompt = model.render_prompt([Message("user", "What is the capital of France?")])
    [said] = model.generate([prompt], Sampling(temperature=0, max_tokens=16))
    assert said.finished
    assert said.text == "The capital of France is Paris."


def test_two_turns_are_exact_and_rendered_as_a_whole(model: TransformersModel) -> None:
    talks = [model.render_prompt([Message("user", text)]) for text in ("Say hi.", "Count to three, please.")]
    said = model.generate(talks, Sampling(max_tokens=8, seed=1))
    later = go_on(model, talks, said)
    for prompt, generation in zip(later, model.generate(later, Sampling(max_tokens=8)), strict=True):
        expected = plain_logprobs(model, prompt, generation.ids)
        assert torch.allclose(torch.tensor(generation.logprobs).double(), expected, atol=1e-3)


def test_turns_add_up_to_the_whole(model: TransformersModel) -> None:
    messages = [
        Message("user", "Say hi."),
        Message("assistant", "Hi there!"),
        Message("user", "Thanks. Bye."),
    ]
    ids = [*model.encode(messages[1].content), 2]  # <|im_end|>
    generation = Generation(tuple(ids), (0.0,) * len(ids), messages[1].content, finished=True)
    grown = [*model.render_prompt(messages[:1]), *ids, *model.render_turn(generation, messages[2])]
    assert grown == model.render_prompt(messages)
