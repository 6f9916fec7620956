"""MCP over standard input and output: a client starts this process, and it serves that one client."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import BinaryIO

from selfchal.serving.mcp_session import PARSE_ERROR, McpSession, Message, make_error, parse_message

MOST_BYTES = 16 * 2**20  # of one message


def serve_stdio(session: McpSession) -> None:
    """Answer messages, one a line, until the client closes its end.

    What tools print goes to standard error, since standard output belongs to the protocol.
    """
    source, target = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(BrokenPipeError):
        answer_lines(session, source, target)


def answer_lines(session: McpSession, source: BinaryIO, target: BinaryIO) -> None:
    """Raises BrokenPipeError where nobody reads the answers any more."""
    while line := source.readline(MOST_BYTES):
        if not line.strip():
            continue
        response = _answer_line(session, line)
        if response is not None:
            target.write(json.dumps(response).encode() + b"\n")
            target.flush()


def _answer_line(session: McpSession, line: bytes) -> Message | None:
    if len(line) == MOST_BYTES and not line.endswith(b"\n"):
        return make_error(None, PARSE_ERROR, f"a message has at most {MOST_BYTES:,} bytes")
    try:
        message = parse_message(line)
    except ValueError as error:
        return make_error(None, PARSE_ERROR, f"the line is no JSON: {error}")
    return session.answer(message)
