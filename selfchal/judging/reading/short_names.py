"""A person by title and surname: is "Ms Valcourt" whom the records call Ulla Valcourt, and nobody else?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selfchal.core.world import Json

_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "madam"})
_FULL_NAME = re.compile(r"[^\W\d_][\w'\u2019.-]*(?: [^\W\d_][\w'\u2019.-]*){1,3}")


def is_short_name(short: Json, full: Json, texts: Iterable[str]) -> bool:
    """Does ``short`` name the person ``full`` by surname, alone or behind a title or an initial?

    ``texts`` are what the tools said. Where they hold a second person of this surname, or the surname without
    a first name before it, the surname settles nothing.
    """
    if not isinstance(short, str) or not isinstance(full, str) or not _FULL_NAME.fullmatch(full.strip()):
        return False
    *given, surname = full.casefold().split()
    *before, last = short.casefold().split() or [""]
    if last.rstrip(".") != surname or len(before) > 1:
        return False
    lead = before[0].rstrip(".") if before else ""
    return (not before or lead in _TITLES or lead == given[0][0]) and _is_only_one(given[-1], surname, texts)


def _is_only_one(given: str, surname: str, texts: Iterable[str]) -> bool:
    form = re.compile(rf"(?:([\w'\u2019.-]+) )?(?<![\w'-]){re.escape(surname)}(?![\w'-])")
    found = {match[1] for text in texts for match in form.finditer(text.casefold())}
    return found == {given}
