"""The tokenizer of the embedded model for web_browsing: pieces of the site, its names and paths, of code and
of questions. Numbers are pieces of two digits, people first and last names: they are copied in parts.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

import tokens
import web_phrases
from transformers import PreTrainedTokenizerFast

from selfchal.builtin_envs.web_browsing import names
from selfchal.builtin_envs.web_browsing.pages import SECTIONS, own_site
from selfchal.builtin_envs.web_browsing.site import START

_RULE = "----------"
_PEOPLE = "/council/people/"
CODE = (
    "Action:\nprint(",
    "'))\nEnd Action",
    "scroll_down())\nEnd Action",
    "Answer: ",
    "click_url('",
    "')\n",
    "result = click_url('",
    "result = scroll_down().split('",
    "').split('",
    "')[1].split()[0]",
    "')[1].splitlines()[0]",
    "')[1].split(' [')[0]",
    "')[1].split('.')[0]",
    "')[1].split(',')[0]",
    "result = '",
    *(piece for piece in tokens.CODE if piece.startswith(("<", "</", "'<", "== ", "in ("))),
    "')</evaluation_function><solution>",
    "', '",
    "'</failure_case><failure_case>",
    "'</failure_case>",
)
SCREEN = (
    "Observation:\n[Opened page: ",
    f"Observation:\n{_RULE}\n[Web Page Name: ",
    f"]\n{_RULE}\n[Web Page Name: ",
    f"\n\n{_RULE}\n[Web Page Name: ",
    f"{_RULE}\n[Web Page Name: ",
    *(
        f"]\n[Viewing page {number} of {screens}]\n\n"
        for screens in range(1, 6)
        for number in range(1, screens + 1)
    ),
    f"\n{_RULE}",
    " [Clickable '",
    "']\n- ",
    "']\n",
    "']",
    "\n- ",
    "- ",
    ", at ",
    ", open ",
    " of the council house, open ",
    ". Closed on ",
    " at ",
    " crowns a kilo",
    " crowns a piece",
    " crowns a jar",
    " crowns",
    " minutes",
    "@portaster.example",
    "Ferry to ",
    "The ",
    "By ",
)

# As in tokens.CHAT_TEMPLATE, one token says who speaks; of the challenger's first message the screen is kept.
CHAT_TEMPLATE = tokens.CHAT_TEMPLATE.replace(
    "'<user>' + message['content'] -}}{%- endif -%}",
    "'<user>' + message['content'] -}}\n"
    f"{{%- elif '{_RULE}' in message['content'] -%}}\n"
    f"{{{{- '<user>{_RULE}' + message['content'].split('{_RULE}')[1] + '{_RULE}' -}}}}{{%- endif -%}}",
)


def pieces() -> list[str]:
    """All pieces: special tokens first, then code, the site, words of questions, single characters."""
    pairs = [f"{number:02d}" for number in range(100)]
    single = [*pairs, *string.digits, *string.ascii_letters, *string.punctuation, " ", "\n"]
    words = [word for text in web_phrases.texts() for word in _list_words(text)]
    everything = (tokens.SPECIAL, CODE, SCREEN, site(), sorted(set(words)), single)
    return list(dict.fromkeys(piece for group in everything for piece in group))


def site() -> list[str]:
    """Names, paths, labels and fixed sentences of the pages; the same on every island."""
    pages = own_site().pages
    paths = [name for name in pages if not name.startswith(_PEOPLE) and name != START]
    lines = [line for page in pages.values() for line in page]
    labels = ["open ", "Closed on ", " at "]
    labels += [match[0] for line in lines if (match := re.match(r"[A-Z][a-z ]+: |(Floor|Row) ", line))]
    fixed = [line for line in lines if re.fullmatch(r"[A-Z][a-z].{27,}", line) and "[" not in line]
    fixed = [line for line in fixed if not re.search(r"\d|: |crowns$", line)]
    people = [*names._FIRST, *(f" {last}" for last in names._LAST)]
    people += [name.lower() for name in (*names._FIRST, *names._LAST)]
    people += [f"_{last.lower()}" for last in names._LAST]
    titles = [
        *SECTIONS.values(),
        "Back to the section",
        "Home",
        "Head of office",
        "easy",
        "moderate",
        "hard",
        *web_phrases.fixed_names(),
    ]
    return [*titles, *paths, _PEOPLE, *labels, "Programme of ", *fixed, *people, "one", " kilo", " jar"]


def _list_words(text: str) -> Iterable[str]:
    for match in re.finditer(r"([A-Za-z]+)([,;.:?]?)", re.sub(r"\{\w\}|\*", "", text)):
        word, tail = match.groups()
        yield f" {word}"
        if word[0].isupper():
            yield word
        if tail:
            yield tail


def build() -> PreTrainedTokenizerFast:
    return tokens.tokenizer_of(pieces(), CHAT_TEMPLATE)
