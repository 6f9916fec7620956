"""Takes a shell script apart into its commands, as far as one can without running it.

It knows quotes, comments, continued lines, here-documents, subshells, functions and the words that open and
close blocks. What it does not know (functions of other files, ``eval``) makes it see less, never run
anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEREDOC = re.compile(r"(?<!<)<<-?\s*['\"\\]?([A-Za-z_][\w.-]*)")
_FUNCTION = re.compile(r"(function\s+[\w:.-]+\s*(\(\s*\))?|[\w:.-]+\s*\(\s*\))\s*")
_OPENS = frozenset(["if", "while", "until", "for", "select", "case", "{", "("])
_CLOSES = frozenset(["fi", "done", "esac", "}", ")"])
_PARTS = frozenset(["then", "elif", "else", "do"])  # begin another part of the block
_JUDGED = frozenset(["if", "elif", "while", "until"])  # the block hangs on the exit code of what follows
_WORD = re.compile(r"(if|while|until|for|select|case|then|elif|else|do|fi|done|esac|time|[{}])(?=\s|$)\s*")
_LONGEST_WORD = 12  # characters of a word of a block and of the space around it
_OPERATORS = ("&&", "||", "|&", "|", ";;", ";", "&", "\n", ")")
_GOES_ON = ("&&", "||", "|", "|&")
_PARTNERS = {"'": "'", '"': '"', "`": "`", "(": ")", "{": "}"}


@dataclass(frozen=True)
class Command:
    """A simple command. ``before`` is the operator before it (newline and ``;`` are the same), ``depth`` the
    number of blocks, subshells and functions that it stands in, ``condition`` true where a block hangs on its
    exit code. ``part`` is the part of the innermost block: the block's number, the part's, and its word."""

    text: str
    before: str
    depth: int
    condition: bool
    part: tuple[int, int, str] = (0, 0, "")

    @property
    def name(self) -> str:
        """Its first word."""
        return self.text.split(maxsplit=1)[0] if self.text.split() else ""

    @property
    def always_runs(self) -> bool:
        """Does it run whatever others say, if the script gets there at all?"""
        return self.depth == 0 and self.before == "\n"


@dataclass
class _Blocks:
    """The blocks that are open, each by the part in which the reader stands."""

    open: list[tuple[int, int, str]] = field(default_factory=list)
    opened: int = 0

    def meet(self, word: str) -> None:
        if word in _OPENS:
            self.opened += 1
            self.open.append((self.opened, 0, word))
        elif word in _CLOSES and self.open:
            self.open.pop()
        elif word in _PARTS and self.open:
            block, part, _ = self.open[-1]
            self.open[-1] = (block, part + 1, word)


def list_commands(script: str) -> list[Command]:
    """The commands in the order in which they stand. The options of the first line (``#!/bin/bash -e``) are a
    ``set`` in front of all others."""
    found: list[Command] = []
    if options := re.match(r"#!.*?\s(-[a-z].*|-o\s.*)", script):
        found.append(Command(f"set {options[1]}", "\n", 0, False))
    blocks = _Blocks()
    condition = False
    for text, before in _split(_drop_documents(script)):
        condition = condition and before in _GOES_ON
        plain, words = _take_words(text)
        for word in words:
            blocks.meet(word)
            condition = word in _JUDGED
        if words and words[-1] in ("for", "select", "case"):
            continue  # what follows is no command
        if plain:
            part = blocks.open[-1] if blocks.open else (0, 0, "")
            found.append(Command(plain, before, len(blocks.open), condition, part))
    return found


def _take_words(text: str) -> tuple[str, list[str]]:
    """A command without the words of blocks in front of it, and these words."""
    if text in ("(", ")"):
        return "", [text]
    words: list[str] = []
    start = 0
    while opened := _FUNCTION.match(text, start) or _WORD.match(text, start):
        words += [opened[1]] if opened.re is _WORD else []
        start = opened.end()
    return text[start:], words


def _drop_documents(script: str) -> str:
    """The script without the lines of its here-documents, and with continued lines joined."""
    lines = script.replace("\\\n", " ").split("\n")
    last = {line.strip(): index for index, line in enumerate(lines)}
    kept: list[str] = []
    end = ""
    for index, line in enumerate(lines):
        if end:
            end = "" if line.strip() == end else end
            continue
        kept.append(line)
        opened = _HEREDOC.search(line)
        if opened and last.get(opened[1], -1) > index:
            end = opened[1]
    return "\n".join(kept)


def _split(script: str) -> Iterator[tuple[str, str]]:
    """The texts between operators, each with the operator before it; comments are left out, and the brackets
    of a subshell are texts of their own."""
    text, before = "", "\n"
    subshells = index = 0
    while index < len(script):
        piece, operator, index = _read_piece(script, index, text)
        if not operator:
            text += piece
            continue
        said, text = text.strip(), ""
        pattern = operator == ")" and not subshells  # of a ``case``
        if said and not (pattern and not said.startswith("case")):
            yield said, before
            before = "\n"
        if pattern:
            before = "\n"
        elif operator in "()":
            yield operator, before
            subshells += 1 if operator == "(" else -1
            before = "\n"
        else:
            before = _name_operator(operator) if said else _join_operators(before, operator)
    if text.strip():
        yield text.strip(), before


def _read_piece(script: str, index: int, text: str) -> tuple[str, str, int]:
    """What stands here, as a part of a command or as an operator, and where the next one begins. ``text`` is
    what was read of the command."""
    letter = script[index]
    if letter == "#" and (not text or text[-1].isspace()):
        end = script.find("\n", index)
        return "", "", len(script) if end < 0 else end
    if letter == "\\":
        return script[index : index + 2], "", index + 2
    if letter == "(" and not script.startswith("((", index) and _begins(text):
        return "", letter, index + 1
    if letter in "'\"`(" or (letter == "{" and text.endswith("$")):
        end = _find_close(script, index)
        return script[index:end], "", end
    operator = next((o for o in _OPERATORS if script.startswith(o, index)), "")
    if operator == "&" and (text.endswith((">", "<")) or script.startswith("&>", index)):
        operator = ""  # 2>&1
    return ("", operator, index + len(operator)) if operator else (letter, "", index + 1)


def _begins(text: str) -> bool:
    """Does a command begin after this text, which is empty or ends with a word of a block?"""
    end = text[-_LONGEST_WORD:].split()[-1:]
    return not end or end == ["!"] or _WORD.fullmatch(end[0]) is not None


def _find_close(script: str, index: int) -> int:
    """The place after what closes the quote or bracket that opens here; the end of a script that lacks it."""
    inside: list[str] = []
    while index < len(script):
        letter, closer = script[index], inside[-1] if inside else ""
        if letter == "\\" and closer != "'":
            index += 1
        elif letter == closer:
            inside.pop()
            if not inside:
                return index + 1
        elif _opens(script, index, closer):
            inside.append(_PARTNERS[letter])
        elif letter == "#" and closer == ")" and script[index - 1].isspace():
            index = max(index, script.find("\n", index))
        index += 1
    return len(script)


def _opens(script: str, index: int, closer: str) -> bool:
    """Does this letter open a quote or a bracket, where ``closer`` would close the innermost that is open?"""
    letter = script[index]
    substitutes = script[index - 1 : index] == "$" and letter in "({"
    if closer in ("'", "`"):
        return False
    if closer == '"':
        return substitutes or letter == "`"
    return letter in "'\"`" or substitutes or (letter == "(" and closer != "}") or not closer


def _name_operator(operator: str) -> str:
    return "\n" if operator in (";", ";;", "&") else operator


def _join_operators(before: str, operator: str) -> str:
    """A line may end with ``&&`` or a pipe: the newline after it means nothing."""
    return before if before in _GOES_ON else _name_operator(operator)
