"""Yes and no as people say them: "yes", "yes it is", "no, it isn't", "true", "it does", "not valid"."""

from __future__ import annotations

import re

from selfchal.core.world import Json

_LONGEST = 40  # characters; a longer text says more than yes or no
_VERBS = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|must)"
_WHO = r"(?:it|they|he|she|that|this|there|i|we|you|one)"
_YES = rf"(?:(?:yes|yep|yeah|y|true|correct|right|valid|affirmative)(?: {_WHO} {_VERBS})?|{_WHO} {_VERBS})"
_NO = (
    rf"(?:(?:no|nope|n|false|incorrect|wrong|invalid|negative|not (?:true|correct|right|valid))"
    rf"(?: {_WHO} (?:{_VERBS}n['\u2019]?t|{_VERBS} not|cannot|can['\u2019]?t|won['\u2019]?t))?"
    rf"|{_WHO} (?:{_VERBS}n['\u2019]?t|{_VERBS} not|cannot|can['\u2019]?t|won['\u2019]?t))"
)
_MARKS = re.compile(r"[.,;:!?\"()]+")
_FORMS = ((re.compile(_YES), True), (re.compile(_NO), False))


def read_truth(value: Json) -> bool | None:
    """What a truth value or the whole of a text says; None where it says anything else."""
    if isinstance(value, bool) or not isinstance(value, str) or len(value) > _LONGEST:
        return value if isinstance(value, bool) else None
    texts = {" ".join(_MARKS.sub(mark, value.casefold()).split()) for mark in (" ", "")}
    return next((truth for form, truth in _FORMS if any(map(form.fullmatch, texts))), None)
