"""An OpenAI-compatible endpoint on this machine: it solves held-out tasks, and proposes one task of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from selfchal.core.environment import Environment


@contextmanager
def serve_oracle(environment: Environment, proposal: Mapping[str, Any]) -> Iterator[str]:
    """The address of the endpoint, which knows the first split of this environment.

    Whoever asks about none of its tasks is taken for somebody who wants a task, and gets ``proposal``.
    """
    turns = {
        task.instruction: environment.oracle(task) for task in environment.test_tasks(environment.splits()[0])
    }

    class Oracle(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = json.dumps(_answer(turns, _write_proposal(proposal), body["messages"])).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Say nothing between the lines of pytest."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Oracle)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def _answer(turns: dict[str, Any], proposal: str, messages: list[dict[str, str]]) -> dict[str, Any]:
    known = [text for text in turns if any(text in message["content"] for message in messages)]
    spoken = sum(message["role"] == "assistant" for message in messages)
    message = {"role": "assistant", "content": turns[known[0]][spoken] if known else proposal}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


def _write_proposal(task: Mapping[str, Any]) -> str:
    """The task as a challenger answers."""
    parts = [("instruction", task["instruction"]), ("evaluation_function", task["evaluate"])]
    parts += [("solution", task["solution"]), *(("failure_case", failure) for failure in task["failures"])]
    return "Answer:\n" + "\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in parts) + "\nEnd Answer"
