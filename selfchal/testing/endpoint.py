"""An OpenAI-compatible endpoint on this machine that says what a function tells it to, for tests alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from selfchal.core.environment import Environment
from selfchal.core.world import Json
from selfchal.testing.scripted import write_proposal

Conversation = list[dict[str, str]]  # messages with role and content
SayInChat = Callable[[Conversation], str]


@contextmanager
def serve_turns(say: SayInChat) -> Iterator[str]:
    """The address of an endpoint whose every answer is what ``say`` gives for the messages."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = json.dumps(_make_answer(say(body["messages"]))).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Say nothing between the lines of a test runner."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve_oracle(environment: Environment, proposal: Mapping[str, Json] | str) -> Iterator[str]:
    """The address of an endpoint that solves the first split of this environment's held-out tasks.

    Whoever asks about none of them is taken for somebody who wants a task, and is told ``proposal``:
    a text, or a task (instruction, evaluate, solution, failures) as ``code_as_task`` reads it.
    """
    proposed = proposal if isinstance(proposal, str) else write_proposal(proposal)
    turns = {
        task.instruction: environment.oracle(task) for task in environment.test_tasks(environment.splits()[0])
    }

    def say(messages: Conversation) -> str:
        known = [text for text in turns if any(text in message["content"] for message in messages)]
        spoken = sum(message["role"] == "assistant" for message in messages)
        return turns[known[0]][spoken] if known else proposed

    with serve_turns(say) as address:
        yield address


def _make_answer(text: str) -> dict[str, Json]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
