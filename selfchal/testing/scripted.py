"""A model that says what a function tells it to, with characters as tokens; and how a challenger answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.core.model import Generation, Message, Sampling
from selfchal.core.turns import TurnStream
from selfchal.core.world import Json

END = 0  # id that ends a turn
Say = Callable[[str], str]  # the conversation so far -> what the agent says next


@dataclass
class ScriptedModel:
    """Every turn is what ``say`` gives for the conversation so far; its log-probabilities are made up."""

    say: Say
    context_length: int = 100_000
    batches: list[list[str]] = field(default_factory=list)  # the prompts of every call of generate

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return self.encode("".join(f"<{m.role}>{m.content}" for m in messages) + "<assistant>")

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        closing = [] if generation.finished else [END]
        return closing + self.encode(f"<{message.role}>{message.content}<assistant>")

    def encode(self, text: str) -> list[int]:
        return [ord(c) for c in text]

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        texts = ["".join(chr(i) for i in ids if i != END) for ids in prompts]
        self.batches.append(texts)
        return [self._generation(self.say(text), sampling) for text in texts]

    def _generation(self, text: str, sampling: Sampling) -> Generation:
        ids = self.encode(text)
        finished = len(ids) < sampling.max_tokens
        ids = ids[: sampling.max_tokens] + [END] * finished
        return Generation(tuple(ids), tuple(-0.5 for _ in ids), "".join(chr(i) for i in ids if i), finished)

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        """Nothing is cached."""

    def close(self) -> None:
        """There is nothing to end."""


def make_challenger(task: Mapping[str, Json]) -> ScriptedModel:
    """A model that proposes this task (instruction, evaluate, solution, failures) whatever it is told."""
    return ScriptedModel(lambda told: write_proposal(task))


def write_proposal(task: Mapping[str, Json]) -> str:
    """The task as a challenger answers, in the tags that ``code_as_task`` reads."""
    parts = [("instruction", task["instruction"]), ("evaluation_function", task["evaluate"])]
    parts += [("solution", task["solution"]), *(("failure_case", failure) for failure in task["failures"])]
    return "Answer:\n" + "\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in parts) + "\nEnd Answer"
