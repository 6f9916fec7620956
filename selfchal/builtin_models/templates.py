"""Chat templates: where they are read from, and what is said of one that is broken."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection
from pathlib import Path

from jinja2 import TemplateError, TemplateSyntaxError

from selfchal.core.errors import ModelError
from selfchal.text_files import MOST_WRITTEN_BYTES, explain_unreadable, read_text_file

_JINJA_FILE = "<template>"  # what Jinja calls a template that was given as text, in tracebacks
_MARKS = ("{{", "{%")


class TemplateRefusalError(ModelError):
    """A template that is in order will not have such a conversation."""


def read_template(template: str) -> str:
    """The template that an option gives: as Jinja, or as the path of a file. Raises ModelError.

    Text without a mark of Jinja would show nothing of a conversation, so it is a path. An empty one asks for
    plain text.
    """
    if not template.strip() or any(mark in template for mark in _MARKS):
        return template
    path = Path(template).expanduser()
    try:
        return read_text_file(path, MOST_WRITTEN_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = explain_unreadable(error)
    except ValueError as error:  # no path at all, as with a null character in it
        reason = str(error)
    raise ModelError(
        f"model.chat_template: {str(path)[:200]!r}: {reason}. It holds no Jinja ({{{{ … }}}}), so it is "
        "taken for the path of a template."
    )


def check_arguments(template: str, names: Collection[str]) -> None:
    """Raise ModelError for a variable that the template never reads."""
    unread = [name for name in names if not re.search(rf"\b{re.escape(name)}\b", template)]
    if unread:
        raise ModelError(
            f"model.chat_template_kwargs: the model's chat template does not read {', '.join(unread)}. "
            "Look into the template for the right name, or leave it out."
        )


def is_refusal(error: Exception) -> bool:
    """Did the template itself raise this (``raise_exception``), rather than break?"""
    return type(error) is TemplateError


def explain_broken(error: Exception) -> str:
    """What is wrong with a template, with its line."""
    line = error.lineno if isinstance(error, TemplateSyntaxError) else _find_line(error)
    where = f" in line {line}" if line else ""
    return (
        f"The model's chat template is broken{where}: {error}. Mend it, set model.chat_template to another "
        "one, or to an empty string for plain text."
    )


def _find_line(error: Exception) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == _JINJA_FILE), None)
