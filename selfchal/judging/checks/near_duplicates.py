"""How near a task is to an earlier one, or to a held-out test task.

Two texts are near when they share most of their word triples. Numbers are kept: the same question with
other numbers is another task, the same question with other spelling is not.
"""

from __future__ import annotations

import ast
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from selfchal.core.task import Task, TestTask
from selfchal.judging.source.parse import SourceError, copy_tree

_WORD = re.compile(r"[^\W_]+")
NEAR = 0.85  # share of word triples in common


@lru_cache(maxsize=4096)
def triples(text: str) -> frozenset[str]:
    """Word triples of a text, lower-case, without punctuation."""
    words = _WORD.findall(text.casefold())
    if len(words) < 3:
        return frozenset([" ".join(words)])
    return frozenset(" ".join(words[i : i + 3]) for i in range(len(words) - 2))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity."""
    return len(one & other) / len(one | other) if one or other else 1.0


def normalised(source: str) -> str:
    """Source without comments, spacing and the names of variables that it assigns; as it is where it is too
    long or too deep to be taken apart."""
    try:
        return _rename_variables(copy_tree(source, "the solution"))
    except SourceError:
        return source.strip()


def _rename_variables(tree: ast.Module) -> str:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != "result":
            names.setdefault(node.id, f"v{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


@dataclass
class SeenTexts:
    """Remembers instructions, and finds the first one that another is near."""

    near: float = NEAR
    _texts: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    _by_triple: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def find_nearest(self, instruction: str) -> str | None:
        """The name of the first remembered one that is as near as ``near``."""
        text = triples(instruction)
        # Of a near text at most this many of the triples are missing, so one more finds every candidate.
        missing = math.ceil((1 - self.near) * len(text))
        rarest = sorted(text, key=lambda triple: len(self._by_triple.get(triple, ())))[: missing + 1]
        candidates = {index for triple in rarest for index in self._by_triple.get(triple, ())}
        for index in sorted(candidates):
            name, other = self._texts[index]
            if overlap(text, other) >= self.near:
                return name
        return None

    def remember(self, name: str, instruction: str) -> None:
        """Keep an instruction under a name."""
        text = triples(instruction)
        for triple in text:
            self._by_triple[triple].append(len(self._texts))
        self._texts.append((name, text))


class SeenTasks:
    """Remembers tasks in the order in which it is asked about them."""

    def __init__(self, near: float = NEAR) -> None:
        self._texts = SeenTexts(near)
        self._solutions: dict[tuple[str, str], str] = {}

    def find_twin(self, task: Task) -> str | None:
        """The id of an earlier near-duplicate: an instruction that is near, or the same solution in the same
        context. Remembers the task when there is none."""
        key = (str(sorted(task.context.items())), normalised(task.solution))
        found = self._solutions.get(key) or self._texts.find_nearest(task.instruction)
        if found is None:
            self._texts.remember(task.id, task.instruction)
            self._solutions[key] = task.id
        return found


@dataclass(frozen=True)
class HeldOutTexts:
    """The instructions of held-out tasks, which no training task may come near."""

    texts: Sequence[tuple[str, frozenset[str]]]

    @classmethod
    def of(cls, tasks: Iterable[TestTask]) -> HeldOutTexts:
        return cls([(task.id, triples(task.instruction)) for task in tasks])

    def nearest(self, task: Task) -> tuple[str, float] | None:
        """The held-out task that this one is nearest to, and how near (0 to 1)."""
        text = triples(task.instruction)
        scored = ((overlap(text, other), name) for name, other in self.texts)
        best = max(scored, default=None)
        return (best[1], best[0]) if best else None
