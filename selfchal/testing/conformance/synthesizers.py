"""What every synthesizer must keep: scenes that always end, and no look at held-out tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

from selfchal.core.arena import Arena
from selfchal.core.episode import End, Episode
from selfchal.core.model import Message
from selfchal.core.sandbox import Limits
from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest, Synthesizer
from selfchal.core.world import Json
from selfchal.judging.judge import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.plugins.registry import load_plugins
from selfchal.testing.conformance.case import Case, CaseLevel, demand, make, registrable, using_sandbox

MOST_TURNS = 100  # of one proposal: the paper's challenger takes 14
REQUEST = ProposalRequest(index=3, round=2, seed=11)
JUNK = (
    "",
    "I do not know what to do.",
    "Action:\nprint(1)\nEnd Action",
    "Action:\n" + "(" * 500 + "\nEnd Action",
    "<instruction>Do it.</instruction>",
    "x" * 5_000,
    "Answer:\n<instruction></instruction>\nEnd Answer",
    "\ud800",
)


def synthesizer_cases(
    cls: type[Any],
    options: Mapping[str, Json] | None = None,
    environment: str | type[Any] = "calculation",
    sandbox: str = "process",
    answers: Sequence[str] = (),
) -> list[Case]:
    """The cases for a synthesizer class with these options.

    It proposes in that environment, a name or a class. ``answers`` are what a model says, turn by turn, in
    which the synthesizer must find a task; without them that case is left out.
    """
    kit = _Kit(cls, options or {}, environment, sandbox, answers)
    cases = [
        registrable("synthesizer", cls),
        Case("names its scenes and their environment", kit.names_its_scenes),
        Case("ends after finitely many turns, whatever the model says", kit.ends),
        Case("has a proposal of its request, which JSON holds, however it ended", kit.proposes),
        Case("proposes the same for the same request and the same words", kit.repeats),
        Case("never looks at held-out tasks", kit.keeps_from_held_out_tasks, CaseLevel.SEMANTIC),
    ]
    return [*cases, Case("finds the task that the model proposes", kit.finds_the_task)] if answers else cases


class _Kit:
    def __init__(
        self, cls: type[Any], options: Mapping[str, Json], environment: Any, sandbox: str, answers: Any
    ) -> None:
        self.cls, self.options, self.sandbox, self.answers = cls, options, sandbox, answers
        named = isinstance(environment, str)
        self.environment = load_plugins().find("environment", environment) if named else environment

    def names_its_scenes(self) -> None:
        with self._open() as context:
            scene = self._make().scene(REQUEST, context)
            demand(scene.name, "a scene has no name")
            wanted = context.arena.environment.name
            said = scene.environment
            demand(said == wanted, f"a scene says it plays in {said!r}, not {wanted!r}")

    def ends(self) -> None:
        with self._open() as context:
            for first in range(len(JUNK)):
                self._play(context, cycle(JUNK[first:] + JUNK[:first]))
                self._play(context, cycle(JUNK[first : first + 1]))

    def proposes(self) -> None:
        with self._open() as context:
            for texts, cut in ((cycle(JUNK), None), (iter(JUNK[:1]), End.LENGTH), (iter(()), End.REFUSED)):
                proposal = self._play(context, texts, cut)[0]
                made = proposal.round, proposal.index
                demand(made == (REQUEST.round, REQUEST.index), f"the proposal is number {made} of its round")
                written = json.dumps(proposal.to_json())
                demand(Proposal.from_json(json.loads(written)) == proposal, "JSON does not hold the proposal")

    def repeats(self) -> None:
        with self._open() as context:
            once, again = (self._play(context, self._repeat_answers()) for _ in range(2))
            demand(once[1] == again[1], "one request and the same words were told two ways")
            same = once[0].task == again[0].task and once[0].verdict.outcome == again[0].verdict.outcome
            demand(same, "one request and the same words gave two proposals")

    def keeps_from_held_out_tasks(self) -> None:
        held_out = make(self.environment, {})
        texts = [task.instruction for split in held_out.splits() for task in held_out.test_tasks(split)]
        refusing = type(self.environment.__name__, (self.environment,), {
            "test_tasks": _refuse_to_show, "oracle": _refuse_to_show, "grade": _refuse_to_show
        })  # fmt: skip
        with self._open(refusing) as context:
            for words in (cycle(JUNK), self._repeat_answers()):
                told = "\n".join(message.content for message in self._play(context, words)[1])
                shown = [text for text in texts if text in told]
                demand(not shown, f"the model was shown a held-out instruction: {shown[:1]}")

    def finds_the_task(self) -> None:
        with self._open() as context:
            proposal = self._play(context, self._repeat_answers())[0]
            demand(proposal.task, f"no task was found: {proposal.verdict.reason}")

    def _repeat_answers(self) -> Iterator[str]:
        return cycle(self.answers or JUNK)

    def _make(self) -> Synthesizer:
        made: Synthesizer = make(self.cls, self.options)
        return made

    @contextmanager
    def _open(self, environment: type[Any] | None = None) -> Iterator[ProposalContext]:
        with using_sandbox(load_plugins().find("sandbox", self.sandbox), {}) as sandbox:
            arena = Arena(make(environment or self.environment, {}), sandbox, Limits())
            yield ProposalContext(arena, Judge(SandboxTaskRunner(arena), secret="conformance"))

    def _play(
        self, context: ProposalContext, texts: Iterator[str], cut: End | None = None
    ) -> tuple[Proposal, list[Message]]:
        """The proposal, and all that the model was told; ``cut`` ends the scene where the texts do."""
        scene, episode = self._make().scene(REQUEST, context), Episode("proposal", 0)
        told = list(scene.start())
        for text in islice(texts, MOST_TURNS):
            said = scene.step(Message("assistant", text).content)
            if said is None:
                scene.finish(episode, None)
                return scene.proposal, told
            told.append(said)
        demand(cut is not None, f"after {MOST_TURNS} turns the scene has not ended")
        scene.finish(episode, cut)
        return scene.proposal, told


def _refuse_to_show(self: Any, *_: Any) -> Any:
    raise AssertionError("it asked the environment for held-out tasks, or for what solves and grades them")
