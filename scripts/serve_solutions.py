"""Serve the solutions of tasks as a teacher's turns: an OpenAI-compatible endpoint on loopback.

    python scripts/serve_solutions.py docs/results/data/qwen_tasks.jsonl

A challenger has solved each of its tasks, in Python that calls the tools. Played as an agent's turns (the
solution as an action, what it printed as the answer) that is an episode to learn from, also where no model is
at hand that solves the task as an agent. A `teacher:` section with this address distils the tasks'
author. Asked about any other task it answers that it does not know. It serves until Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
UNKNOWN = "Answer: I do not know."
_OBSERVATION = re.compile(r"\AObservation:\n(.*)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tasks", type=Path, help="JSONL, a task a line")
    parser.add_argument("--port", type=int, default=8081)
    options = parser.parse_args(arguments)
    try:
        solutions = read_solutions(options.tasks)
    except (OSError, ValueError, KeyError) as error:
        print(f"Error: {options.tasks} holds no tasks: {error}", file=sys.stderr)
        return 1
    server = make_server(solutions, options.port)
    print(f"{len(solutions)} solutions at http://{HOST}:{server.server_address[1]}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


def read_solutions(file: Path) -> dict[str, str]:
    """By instruction. Raises OSError, ValueError, KeyError."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {row["instruction"].strip(): row["solution"] for row in rows}


def play(solutions: Mapping[str, str], messages: Sequence[Mapping[str, str]]) -> str:
    """The next turn of a conversation about one of these tasks."""
    asked = next((m["content"].strip() for m in messages if m["role"] == "user"), "")
    solution = solutions.get(asked)
    if solution is None:
        return UNKNOWN
    if not any(message["role"] == "assistant" for message in messages):
        return f"Action:\n{solution}\nprint(result)\nEnd Action"
    observed = _OBSERVATION.match(messages[-1]["content"])
    return f"Answer: {_round(observed[1].strip())}" if observed else UNKNOWN


def _round(text: str) -> str:
    """A number that is no integer to two decimals, as agents are told to answer."""
    try:
        return str(round(float(text), 2)) if "." in text else text
    except ValueError:
        return text


def make_server(solutions: Mapping[str, str], port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = json.dumps(_make_answer(play(solutions, body["messages"]))).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Say nothing of each request."""

    return ThreadingHTTPServer((HOST, port), Handler)


def _make_answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


if __name__ == "__main__":
    sys.exit(main())
