"""The scripted user: needs no model, says the same every time, so that whole episodes run in CI.

It opens with its whole instruction, answers questions out of it, agrees to what it is asked to confirm,
and stops when the agent says that it is done, or has only small talk left.
"""

from __future__ import annotations

import re

PATIENCE = 2  # replies without a question and without a result that it takes before it leaves

_DONE = re.compile(
    r"\b(done|completed?|processed|finished|all set|cancell?ed|updated|changed|booked|refunded|sent|"
    r"exchanged|returned|modified|success\w*|been (?:made|submitted|requested|added))\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|\b(please (?:provide|tell|give|share|confirm|let me know)|could you|can you|may i)\b", re.IGNORECASE
)
_CONFIRM = re.compile(
    r"\b(confirm|proceed|go ahead|would you like|do you want|shall i|should i|"
    r"is (?:that|this) (?:correct|right|ok\w*)|yes\s*/\s*no|yes or no|agree)\b",
    re.IGNORECASE,
)
_MORE = re.compile(r"\b(anything else|something else|further|help you with)\b", re.IGNORECASE)
_FACTS = (  # what the agent may ask for, and how it looks in an instruction
    (re.compile(r"e-?mail", re.I), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "My email is {}."),
    (
        re.compile(r"user ?id|account id|customer id", re.I),
        re.compile(r"\b[a-z]+_[a-z]+_\d{4}\b"),
        "My user id is {}.",
    ),
    (re.compile(r"zip|postal", re.I), re.compile(r"\b\d{5}\b"), "My zip code is {}."),
    (
        re.compile(r"\bname\b", re.I),
        re.compile(r"(?:[Yy]ou are|[Yy]our name is|[Nn]ame:?) ((?:[A-Z][\w'-]+ ?){2,3})"),
        "My name is {}.",
    ),
    (re.compile(r"order (?:id|number|#)|which order", re.I), re.compile(r"#W\d+"), "The order is {}."),
    (
        re.compile(r"reservation|booking|confirmation (?:number|code)", re.I),
        re.compile(r"\b(?=[A-Z0-9]*\d)[A-Z0-9]{6}\b"),
        "The reservation is {}.",
    ),
    (
        re.compile(r"reason|why", re.I),
        re.compile(
            r"no longer needed|ordered by mistake|change of plan|health|weather|cancelled by the airline"
        ),
        "The reason: {}.",
    ),
    (
        re.compile(r"pay|refund|card|method", re.I),
        re.compile(
            r"(?:credit_card|gift_card|paypal|certificate)_\d+|"
            r"(?:credit|gift) card(?: ending in \d{4})?|[Pp]ay[Pp]al"
        ),
        "Please use {}.",
    ),
)


class ScriptedUser:
    """Says what the instruction wants, and leaves when the agent is done. The same for the same replies."""

    def __init__(self, instruction: str) -> None:
        self._instruction = instruction
        self._patience = PATIENCE

    def open(self) -> str:
        return f"Hello. {first_person(self._instruction)}"

    def reply(self, said: str) -> str | None:
        if _DONE.search(said) and (not _ASKS.search(said) or _MORE.search(said)):
            return None
        if _MORE.search(said) and not _CONFIRM.search(said):
            return None
        if _ASKS.search(said):
            return self._make_answer(said)
        self._patience -= 1
        return "Please go ahead." if self._patience > 0 else None

    def _make_answer(self, said: str) -> str:
        known = [self._find_fact(pattern, form) for asked, pattern, form in _FACTS if asked.search(said)]
        answers = [fact for fact in known if fact]
        if _CONFIRM.search(said):
            return " ".join(["Yes, please go ahead.", *answers])
        if answers:
            return " ".join(answers)
        if known:
            return f"I do not remember that. {first_person(self._instruction)}"
        return first_person(self._instruction)

    def _find_fact(self, pattern: re.Pattern[str], form: str) -> str:
        found = dict.fromkeys(
            match.group(match.lastindex or 0).strip() for match in pattern.finditer(self._instruction)
        )
        return form.format(" and ".join(found)) if found else ""


_PERSON = (
    (r"\bYou are\b", "I am"),
    (r"\byou are\b", "I am"),
    (r"\bYou're\b|\byou're\b", "I'm"),
    (r"\bYou've\b|\byou've\b", "I've"),
    (r"\bYou'd\b|\byou'd\b", "I'd"),
    (r"\bYou were\b|\byou were\b", "I was"),
    (r"\bYourself\b|\byourself\b", "myself"),
    (r"\bYours\b|\byours\b", "mine"),
    (r"\bYour\b", "My"),
    (r"\byour\b", "my"),
    (r"\b([Ff]or|[Tt]o|[Ww]ith|[Ff]rom|[Aa]t|[Oo]f|[Tt]ell|[Gg]ive|[Aa]sk|[Ss]end) you\b", r"\1 me"),
    (r"\bYou\b|\byou\b", "I"),
)


def first_person(instruction: str) -> str:
    """An instruction to the user (``You want …``) as the user says it (``I want …``)."""
    for pattern, replacement in _PERSON:
        instruction = re.sub(pattern, replacement, instruction)
    return instruction
