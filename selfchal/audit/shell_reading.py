"""Takes a shell script apart into its commands, as far as one can without running it.

It knows quotes, comments, continued lines, here-documents and the words that open and close blocks. What it
does not know (functions that are called elsewhere, ``eval``) makes it see less, never run anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_OPENING = re.compile(r"^(if|for|while|until|case|select)\b|\{$")
_CLOSING = re.compile(r"^(fi|done|esac)\b|^\}")
_KEYWORDS = re.compile(r"^((then|do|else|elif|if|while|until|!)\s+)+")
_OPERATORS = ("&&", "||", "|&", "|", ";;", ";", "&", "\n")


@dataclass(frozen=True)
class Command:
    """A simple command. ``before`` is the operator before it (newline and ``;`` are the same), ``depth`` the
    number of blocks that it stands in, ``condition`` true where a block hangs on its exit code."""

    text: str
    before: str
    depth: int
    condition: bool

    @property
    def name(self) -> str:
        """Its first word."""
        return self.text.split(maxsplit=1)[0] if self.text.split() else ""

    @property
    def always_runs(self) -> bool:
        """Does it run whatever others say, if the script gets there at all?"""
        return self.depth == 0 and self.before not in ("&&", "||")


def list_commands(script: str) -> list[Command]:
    """The commands in the order in which they stand."""
    found: list[Command] = []
    depth = 0
    condition = False
    for text, before in _split(_drop_documents(script)):
        opens, closes = bool(_OPENING.search(text)), bool(_CLOSING.search(text))
        depth = max(0, depth - closes)
        starts = re.match(r"^(if|elif|while|until)\b", text) is not None
        condition = starts or (condition and before in ("&&", "||", "|", "|&"))
        plain = _KEYWORDS.sub("", text)
        if plain and plain not in ("then", "do", "else", "fi", "done", "esac", "{", "}"):
            found.append(Command(plain, before, depth, condition))
        depth += opens
    return found


def _drop_documents(script: str) -> str:
    """The script without the lines of its here-documents, and with continued lines joined."""
    kept: list[str] = []
    end = ""
    for line in script.replace("\\\n", " ").split("\n"):
        if end:
            end = "" if line.strip() == end else end
            continue
        kept.append(line)
        if opened := _HEREDOC.search(line):
            end = opened[2]
    return "\n".join(kept)


def _split(script: str) -> Iterator[tuple[str, str]]:
    """The texts between operators, each with the operator before it; comments are left out."""
    text, before, quote = "", "\n", ""
    index = 0
    while index < len(script):
        letter = script[index]
        operator = "" if quote else next((o for o in _OPERATORS if script.startswith(o, index)), "")
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (not text or text[-1].isspace()):
            index = _find_end_of_line(script, index)
            continue
        elif operator == "&" and text.endswith((">", "<")):
            operator = ""  # 2>&1
        if operator and not quote:
            if text.strip():
                yield text.strip(), before
                before = "\n"
            before = _join_operators(before, operator) if not text.strip() else _name_operator(operator)
            text = ""
            index += len(operator)
            continue
        text += letter
        index += 1
    if text.strip():
        yield text.strip(), before


def _find_end_of_line(script: str, index: int) -> int:
    end = script.find("\n", index)
    return len(script) if end < 0 else end


def _name_operator(operator: str) -> str:
    return "\n" if operator in (";", ";;", "&") else operator


def _join_operators(before: str, operator: str) -> str:
    """A line may end with ``&&`` or a pipe: the newline after it means nothing."""
    return before if before in ("&&", "||", "|", "|&") else _name_operator(operator)
