"""How the pretraining words a task: the patterns of ``wording.yaml``, expanded.

The held-out tasks have phrases and connectors of their own (selfchal/builtin_envs/calculation/wording.py);
the few that both authors hit upon are left out here, and a test proves that none is shared.
"""

from __future__ import annotations

import random
import re
from itertools import product
from pathlib import Path

import yaml

from selfchal.builtin_envs.calculation.wording import DEV, TEST

EACH = 24  # phrases a pattern: one with many alternatives must not drown the others

_WORDING = yaml.safe_load((Path(__file__).parent / "wording.yaml").read_text(encoding="utf-8"))
REFERENCES: tuple[str, ...] = tuple(_WORDING["references"])
NOUNS: dict[str, tuple[str, ...]] = {what: tuple(names) for what, names in _WORDING["nouns"].items()}


def expand(pattern: str) -> list[str]:
    """Every phrase that a pattern stands for."""
    parts = re.split(r"\[([^\]]*)\]", pattern)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    return [re.sub(" +", " ", "".join(choice)) for choice in product(*choices)]


_HELD_OUT = {
    text for w in (TEST, DEV) for table in (w.phrases, w.frames) for ps in table.values() for text in ps
}


def balanced(patterns: list[str]) -> tuple[str, ...]:
    """As many phrases of each pattern, drawn from all that it stands for; the same ones every time."""
    rng = random.Random(0)
    drawn = (rng.choice(phrases) for phrases in map(expand, patterns) for _ in range(EACH))
    return tuple(phrase for phrase in drawn if phrase not in _HELD_OUT)


PHRASES = {kind: balanced(patterns) for kind, patterns in _WORDING["kinds"].items()}
CONNECTORS = {
    number: tuple(frame[0].upper() + frame[1:] for frame in balanced(patterns))
    for number, patterns in _WORDING["frames"].items()
}
