"""A run read as plain rows: its tasks, proposals, episodes, metrics and results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from selfchal.api.arguments import expect
from selfchal.core.world import Json
from selfchal.pipeline.costs import PURPOSES
from selfchal.pipeline.store import Store

Row = dict[str, Json]


def open_run(directory: str | Path) -> RunView:
    """A read-only view of the run in this directory, under way or ended.

    Raises StoreError where there is no run.
    """
    expect(directory, (str, Path), "the directory of a run")
    view = RunView(Path(directory))
    view.manifest()
    return view


@dataclass(frozen=True)
class RunView:
    """What a run has stored so far, as plain rows (dicts of JSON values) that ``pandas.DataFrame`` takes.

    Each call reads the store anew, so it may be asked again while the run goes on; nothing is kept open
    between calls. Every method raises StoreError where the run cannot be read.
    """

    directory: Path

    def manifest(self) -> Row:
        """The manifest with every option and default, by section."""
        with Store.read(self.directory) as store:
            return store.manifest()

    def results(self) -> Row:
        """What ``results.json`` says: rates in 0 to 1 with intervals; empty until the run has ended."""
        with Store.read(self.directory) as store:
            return store.results()

    def metrics(self) -> list[Row]:
        """A row for each update of a trainer: ``stage``, ``step``, and the trainer's metrics."""
        with Store.read(self.directory) as store:
            return store.metrics()

    def tasks(self) -> list[Row]:
        """The tasks that were kept: ``round``, ``status`` (train, validation, too easy, too hard), and the
        task's parts. Those of an exam have the status ``exam`` and the round -1. One that a round set aside
        has a row in the next round again."""
        with Store.read(self.directory) as store:
            return [
                {"round": round_, "status": status, **task.to_json()}
                for round_ in sorted(map(int, store.keys("tasks")))
                for task, status in store.tasks(round_)
            ]

    def proposals(self) -> Iterator[Row]:
        """Everything that the challenger proposed, in order, whatever became of it.

        ``round``, ``index``, ``outcome`` and ``stage`` of its verdict (``kept`` when it passed), ``check``
        (the one that refused it; empty where the paper's filter did), ``reason``, ``feedback`` (what the
        challenger was told, with the traceback), ``revisions``, the task's parts (``instruction`` is the raw
        text where no task could be read) and ``diagnostics``, which are the judge's.
        """
        with Store.read(self.directory) as store:
            for proposal in store.proposals():
                verdict = proposal.verdict
                unread = {"environment": proposal.environment, "instruction": proposal.raw}
                parts = proposal.task.to_json() if proposal.task else unread
                yield {
                    "round": proposal.round,
                    "index": proposal.index,
                    "outcome": str(verdict.outcome),
                    "stage": "kept" if verdict.passed else str(verdict.stage),
                    "check": verdict.check,
                    "reason": verdict.reason,
                    "feedback": verdict.feedback,
                    "revisions": proposal.revisions,
                    **parts,
                    "diagnostics": dict(verdict.diagnostics),
                }

    def episodes(self, purpose: str | None = None, task: str | None = None) -> Iterator[Row]:
        """Episodes batch by batch, so that a large run need not fit into memory.

        ``purpose`` is exam (its making), challenge, train or evaluate (default: all of them), ``task`` the id
        of a task. Each row has ``purpose``, ``batch`` (``before/sampled/000000``: the evaluation before
        training; ``1/…``: a batch of round 1) and the episode's ``task``, ``sample``, ``reward`` (None: could
        not be judged), ``reason``, ``end``, ``answer``, ``messages``, counts and ``seconds``; ``ids``,
        ``mask`` and ``logprobs`` have an entry a token. Raises ValueError for a purpose that there is not.
        """
        if purpose not in (None, *PURPOSES):
            raise ValueError(f"no episodes are for {purpose!r}; they are for {', '.join(PURPOSES)}")
        expect(task, (str, NoneType), "the id of a task")
        return self._read_episodes((purpose,) if purpose else PURPOSES, task)

    def _read_episodes(self, purposes: Sequence[str], task: str | None) -> Iterator[Row]:
        with Store.read(self.directory) as store:
            for chosen in purposes:
                for batch in store.keys(chosen):
                    for episode in store.episodes(chosen, batch, task):
                        parts = {**episode.to_json(), "end": str(episode.end)}
                        yield {"purpose": chosen, "batch": batch, **parts}
