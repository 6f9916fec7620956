"""Messages to token ids, by appending only (CONTRIBUTING.md#invariant-4).

``prompt`` renders the start of a conversation with the tokenizer's chat template. ``turn`` gives the ids
between what the agent sampled and its next turn, as the difference of two renderings of the template
around a marker that stands for the sampled text; the sampled text itself is never rendered or tokenised.

Three kinds of template:

- append-only (ChatML, Llama 3, Mistral, Lfm2, …): the ids are those of rendering the whole conversation;
- not append-only (Qwen3 and others drop the thinking of earlier turns when a later one comes): the
  conversation stays as it was sampled, so the model sees more of its own past than a re-rendering would
  show it. ``append_only`` tells which it is; nothing is ever removed (CONTRIBUTING.md#invariant-4);
- none, or one that cannot hold a user's turn after the agent's: a plain-text protocol, ``User: …``,
  ``Assistant: …``, which any base model can follow.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import TemplateError

from selfchal.builtin_models.templates import (
    TemplateRefusalError,
    check_arguments,
    explain_broken,
    is_refusal,
    read_template,
)
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Message
from selfchal.thoughts import find_open_tag

log = logging.getLogger(__name__)

if TYPE_CHECKING:  # for its name alone: this module loads without transformers
    from transformers import PreTrainedTokenizerBase

_DATE_CALL = "strftime_now("  # how templates ask for today's date
_DATE = re.compile(r"""strftime_now\(\s*(?P<quote>['"])(?P<format>.*?)(?P=quote)\s*\)""")
_AGENT = "q7Zagent0said"
_OTHER = "q7Zother0said"
_FRAMED = f"\n {_OTHER} \n"
_CHANNEL = "<|channel|>"
PLAIN_STOP = "\nUser:"  # a base model that goes on writes the other side's turn too: that ends its own

# A template with this comment is for a model that was trained without system text.
ON_PURPOSE = "system text is left out on purpose"


class Renderer:
    """Renders for one tokenizer. Raises ModelError where the template refuses a plain conversation.

    ``template`` is Jinja, or the path of a file of it. ``today`` is what a template that writes the date is
    told; None is the day on which it is asked. ``arguments`` are variables of the template (enable_thinking).
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        ends: frozenset[int],
        template: str | None = None,
        today: date | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._arguments = dict(arguments or {})
        if template is not None:
            tokenizer.chat_template = read_template(template)
        own = tokenizer.chat_template
        # Not kept in the tokenizer, which is saved with every checkpoint.
        self._template = _fix_date(tokenizer.get_chat_template(), today) if own and today else None
        self._ends = set(ends)
        self._closings = set(ends)  # what the template may close a turn with
        if self._arguments:
            check_arguments(str(own or ""), self._arguments)
        self.plain_text = self._drops_system = False
        self.plain_text = not own or not self._holds_turns()
        self._drops_system = not self.plain_text and ON_PURPOSE not in str(own) and self._is_deaf_to_system()
        self.append_only = self.plain_text or self._is_append_only()
        self.opened = "" if self.plain_text else self._find_opened()
        self._affixes: dict[str, tuple[str, str, bool] | None] = {}
        self._prompt = lru_cache(maxsize=4096)(self._render_prompt)
        if not self.plain_text:
            first = self.encode(self._render_between(Message("user", _OTHER)))[:1]
            closing = {token for token in first if token in tokenizer.all_special_ids}
            self._closings = self._ends | closing
            # of harmony's it ends a channel, and the answer comes in the next one
            if _CHANNEL not in str(own):
                self._ends.update(closing)
            if today is None and _DATE_CALL in str(own):
                log.warning(
                    "The model's chat template writes today's date into prompts, so they change overnight: a "
                    "run that is resumed or repeated on another day differs. Set template_date to fix it."
                )

    @property
    def vocabulary(self) -> int:
        """How many ids the tokenizer has."""
        return len(self._tokenizer)

    @property
    def ends(self) -> frozenset[int]:
        """The ids that end the agent's turn."""
        return frozenset(self._ends)

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings that this protocol needs beside the caller's."""
        return (PLAIN_STOP,) if self.plain_text else ()

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the start of a conversation, ending where the agent is to speak."""
        return list(self._prompt(tuple(messages)))

    def _render_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        return tuple(self.encode(self._render(messages, speak=True)))

    def turn(self, generation: Generation, message: Message) -> list[int]:
        """Ids to append after ``generation.ids``."""
        between = self._render_between(message)
        if self.plain_text and self.decode(generation.ids).endswith(PLAIN_STOP):
            return self.encode(between.removeprefix(f"\n{PLAIN_STOP}"))  # the agent wrote the header itself
        ids = self.encode(between)
        closed = bool(generation.ids) and generation.ids[-1] in self._ends
        # The template closes the agent's turn; where the agent did so itself, that is not said twice.
        return ids[1:] if closed and ids and ids[0] in self._closings else ids

    def text(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, without what ended the turn; behind the tag of the thought that the prompt
        left open, if it did."""
        kept = ids[:-1] if ids and ids[-1] in self._ends else ids
        text = self.opened + self.decode(kept)
        return text.removesuffix(PLAIN_STOP) if self.plain_text else text

    def _find_opened(self) -> str:
        """The tag with a line break, as templates leave a thought open; empty where they do not."""
        tag = find_open_tag(self._render((Message("user", _OTHER),), speak=True))
        return f"{tag}\n" if tag else ""

    def decode(self, ids: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def _render_between(self, message: Message) -> str:
        """What the template writes between the agent's words and its next turn, with this message in it."""
        if message.role not in self._affixes:
            self._affixes[message.role] = self._find_affixes(message.role)
        affixes = self._affixes[message.role]
        if affixes is None:
            return self._render_after_agent(message)
        before, after, stripped = affixes
        return f"{before}{message.content.strip() if stripped else message.content}{after}"

    def _find_affixes(self, role: str) -> tuple[str, str, bool] | None:
        """The fixed text around a message of this role, and whether the template strips the message.

        None where the template does more to a message than that: then every message is rendered anew.
        """
        whole = self._render_after_agent(Message(role, _OTHER))
        if whole.count(_OTHER) != 1:
            return None
        before, after = whole.split(_OTHER)
        framed = self._render_after_agent(Message(role, _FRAMED))
        if framed == whole:
            return before, after, True
        return (before, after, False) if framed == f"{before}{_FRAMED}{after}" else None

    def _render_after_agent(self, message: Message) -> str:
        talk = (Message("user", "."), Message("assistant", _AGENT), message)
        return self._render(talk, speak=True).split(_AGENT, 1)[1]

    def _render(self, messages: Sequence[Message], *, speak: bool) -> str:
        if self.plain_text:
            return _render_plain_text(messages, speak=speak, start=self._tokenizer.bos_token or "")
        has_system = messages[0].role == "system" and len(messages) > 1
        if has_system and self._drops_system:
            messages = _fold_system(messages)
        rows = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text = self._tokenizer.apply_chat_template(
                rows,
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=speak,
                **self._arguments,
            )
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            if not is_refusal(error):
                raise ModelError(explain_broken(error)) from error
            if has_system and not self._drops_system:
                return self._render(_fold_system(messages), speak=speak)
            roles = ", ".join(row["role"] for row in rows)
            raise TemplateRefusalError(
                f"The model's chat template refuses a conversation of {roles}: {error}. "
                "Set model.chat_template to one that takes it, or to an empty string for plain text."
            ) from error
        return str(text)

    def encode(self, text: str) -> list[int]:
        """Ids of bare text."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _holds_turns(self) -> bool:
        """Can a user speak after the agent? Raises ModelError for a template that is broken."""
        try:
            holds = _AGENT in self._render(_TALK, speak=True)
        except TemplateRefusalError:
            holds = False
        if not holds:
            log.warning(
                "The model's chat template cannot hold a conversation of several turns, so plain text is "
                "used: User: …, Assistant: …. Set chat_template to one that can."
            )
        return holds

    def _is_deaf_to_system(self) -> bool:
        """Does the template leave out what a system message says, without refusing it?"""
        said = self._render((Message("system", _AGENT), Message("user", _OTHER)), speak=True)
        if deaf := _AGENT.casefold() not in said.casefold():
            log.warning(
                "The model's chat template leaves out system messages. Their text, the rules and the tools, "
                "opens the user's first message instead."
            )
        return deaf

    def _is_append_only(self) -> bool:
        start = self._render(_TALK[:1], speak=True)
        return self._render(_TALK, speak=True).startswith(f"{start}{_AGENT}")


class TemplateOptions(Protocol):
    """See ``WeightsConfig`` for their meaning."""

    chat_template: str | None
    template_date: date | None
    chat_template_kwargs: dict[str, Any]


def make_renderer(
    tokenizer: PreTrainedTokenizerBase, ends: frozenset[int], options: TemplateOptions
) -> Renderer:
    """The renderer that a model's options ask for. Raises ModelError for a missing or broken template."""
    return Renderer(
        tokenizer, ends, options.chat_template, options.template_date, options.chat_template_kwargs
    )


def _fix_date(template: str, today: date) -> str:
    """The template with this day in the place of each call for the present one. Raises ModelError."""
    fixed = _DATE.sub(lambda call: json.dumps(today.strftime(call["format"])), template)
    if _DATE_CALL in fixed:
        raise ModelError(
            "model.template_date: the chat template asks for the date in a way that cannot be replaced. "
            "Set model.chat_template to a copy of it with the date written out."
        )
    return fixed


_TALK = (Message("user", "."), Message("assistant", _AGENT), Message("user", "."))


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """For templates that know no system role: its text opens the user's first message."""
    system, first, *rest = messages
    return [Message(first.role, f"{system.content}\n\n{first.content}"), *rest]


def _render_plain_text(messages: Sequence[Message], *, speak: bool, start: str) -> str:
    """Blank lines between ``User:``, ``Assistant:`` and their texts; a system text stands bare at the top."""
    parts = [
        message.content if message.role == "system" else f"{message.role.capitalize()}:\n{message.content}"
        for message in messages
    ]
    return start + "\n\n".join([*parts, "Assistant:\n"] if speak else parts)
