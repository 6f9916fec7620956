"""New: is a task a near-duplicate of an earlier one, or too near a held-out test task?

Two texts are near when they share most of their word triples. Numbers are kept: the same question with
other numbers is another task, the same question with other spelling is not.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.task import Task, TestTask
from selfchal.judging.source.parse import SourceError, copy_tree

_WORD = re.compile(r"[^\W_]+")
NEAR = 0.85  # share of word triples in common
_RARE = 12  # a candidate shares one of a text's rarest triples


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
    """Source without comments, spacing and the names of variables that it assigns."""
    try:
        tree = copy_tree(source, "the solution")
    except SourceError:
        return source.strip()
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != "result":
            names.setdefault(node.id, f"v{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


@dataclass
class Novelty:
    """Remembers tasks in the order in which it is asked about them. Not thread-safe: order decides."""

    near: float = NEAR
    _texts: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    _by_triple: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _solutions: dict[tuple[str, str], str] = field(default_factory=dict)

    def twin(self, task: Task) -> str | None:
        """The id of an earlier near-duplicate: an instruction as near as ``near``, or the same solution in
        the same context. Remembers the task when there is none."""
        text = triples(task.instruction)
        key = (str(sorted(task.context.items())), normalised(task.solution))
        found = self._solutions.get(key) or self._find_nearest(text)
        if found is None:
            self._remember(task.id, text)
            self._solutions[key] = task.id
        return found

    def _find_nearest(self, text: frozenset[str]) -> str | None:
        rarest = sorted(text, key=lambda triple: len(self._by_triple.get(triple, ())))[:_RARE]
        candidates = {index for triple in rarest for index in self._by_triple.get(triple, ())}
        for index in sorted(candidates):
            name, other = self._texts[index]
            if overlap(text, other) >= self.near:
                return name
        return None

    def _remember(self, name: str, text: frozenset[str]) -> None:
        for triple in text:
            self._by_triple[triple].append(len(self._texts))
        self._texts.append((name, text))


@dataclass(frozen=True)
class HeldOut:
    """The instructions of held-out tasks, which no training task may come near."""

    texts: Sequence[tuple[str, frozenset[str]]]

    @classmethod
    def of(cls, tasks: Iterable[TestTask]) -> HeldOut:
        return cls([(task.id, triples(task.instruction)) for task in tasks])

    def nearest(self, task: Task) -> tuple[str, float] | None:
        """The held-out task that this one is nearest to, and how near (0 to 1)."""
        text = triples(task.instruction)
        scored = ((overlap(text, other), name) for name, other in self.texts)
        best = max(scored, default=None)
        return (best[1], best[0]) if best else None


def settle(
    verdicts: Sequence[tuple[Task | None, Verdict]],
    earlier: Iterable[Task],
    held_out: HeldOut,
    near: float = NEAR,
) -> list[Verdict]:
    """The verdicts with near-duplicates and neighbours of held-out tasks refused at the stage ``new``.

    In order: of two twins the earlier stays. ``earlier`` are tasks kept before (in other rounds).
    """
    novelty = Novelty(near)
    for before in earlier:
        novelty.twin(before)
    settled = []
    for task, verdict in verdicts:
        reason, twin = _explain(task, novelty, held_out, near) if task and verdict.passed else ("", None)
        if reason:
            diagnostics: Mapping[str, object] = {**verdict.diagnostics, "new": reason, "twin_of": twin}
            verdict = Verdict(Outcome.FAILED, Stage.NEW, reason, diagnostics=diagnostics)
        settled.append(verdict)
    return settled


def _explain(task: Task, novelty: Novelty, held_out: HeldOut, near: float) -> tuple[str, str | None]:
    """Why a task is not new, and the earlier task that it repeats."""
    nearest = held_out.nearest(task)
    if nearest and nearest[1] >= near:
        return f"too near the held-out task {nearest[0]} ({nearest[1]:.0%} of its word triples)", None
    twin = novelty.twin(task)
    return (f"a near-duplicate of task {twin}", twin) if twin else ("", None)
