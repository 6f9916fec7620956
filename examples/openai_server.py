"""A small OpenAI-compatible server over any transformers model, on this machine alone.

    python examples/openai_server.py DIRECTORY [--port 8011]

It serves `/v1/models`, `/v1/chat/completions` and `/v1/completions` (prompts as text or token ids, with
vLLM's `return_token_ids`, `stop_token_ids` and `include_stop_str_in_output`). Requests that arrive
together are generated together. For trying the models `openai` and, without a GPU, the exchange that a
vLLM server speaks; it is no server for other people: no keys, no streaming, no TLS.
"""

from __future__ import annotations

import argparse
import json
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from selfchal import Generation, Message, Model, Sampling, open_model

GATHER = 0.01  # seconds to wait for requests that come together


@dataclass(frozen=True)
class Job:
    prompt: tuple[int, ...]
    sampling: Sampling
    done: Future[Generation]


class Batcher(threading.Thread):
    """Generates for all waiting requests of the same settings at once."""

    def __init__(self, model: Model) -> None:
        super().__init__(daemon=True)
        self.model = model
        self.jobs: queue.Queue[Job] = queue.Queue()

    def ask(self, prompt: list[int], sampling: Sampling) -> Generation:
        job = Job(tuple(prompt), sampling, Future())
        self.jobs.put(job)
        return job.done.result()

    def run(self) -> None:
        while True:
            jobs = [self.jobs.get()]
            time.sleep(GATHER)
            while not self.jobs.empty():
                jobs.append(self.jobs.get())
            groups: dict[Sampling, list[Job]] = {}
            for job in sorted(jobs, key=lambda job: (job.prompt, job.sampling.seed)):
                groups.setdefault(replace(job.sampling, seed=0), []).append(job)
            for sampling, group in groups.items():
                self._generate(replace(sampling, seed=group[0].sampling.seed), group)

    def _generate(self, sampling: Sampling, group: list[Job]) -> None:
        try:
            said = self.model.generate([job.prompt for job in group], sampling)
        except Exception as error:  # noqa: BLE001 — a server lives on; each client is told
            for job in group:
                job.done.set_exception(error)
            return
        for job, generation in zip(group, said, strict=True):
            job.done.set_result(generation)


class Handler(BaseHTTPRequestHandler):
    """One request. The server's ``batcher`` is where the model is."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            context = self.server.batcher.model.context_length
            card = {"id": self.server.name, "object": "model", "max_model_len": context}
            self._answer(200, {"object": "list", "data": [card]})
        else:
            self._answer(404, {"error": {"message": f"no {self.path} here"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        routes = {"/v1/completions": self._complete, "/v1/chat/completions": self._answer_chat}
        route = routes.get(self.path)
        if route is None:
            self._answer(404, {"error": {"message": f"no {self.path} here"}})
            return
        try:
            self._answer(200, route(body))
        except (KeyError, TypeError, ValueError) as error:
            self._answer(400, {"error": {"message": f"{type(error).__name__}: {error}"}})

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        model = self.server.batcher.model
        prompt = body["prompt"] if isinstance(body["prompt"], list) else model.encode(body["prompt"])
        said = self.server.batcher.ask(prompt, _sampling(body))
        choice = {"text": said.text, **_finish(said)}
        if body.get("return_token_ids"):
            choice["token_ids"] = list(said.ids)
        if body.get("logprobs") is not None:
            choice["logprobs"] = {"token_logprobs": list(said.logprobs)}
        return self._send_whole("text_completion", choice, prompt, said)

    def _answer_chat(self, body: dict[str, Any]) -> dict[str, Any]:
        messages = [Message(row["role"], row["content"]) for row in body["messages"]]
        prompt = self.server.batcher.model.render_prompt(messages)
        said = self.server.batcher.ask(prompt, _sampling(body))
        reached = [(said.text.index(stop), stop) for stop in body.get("stop") or [] if stop in said.text]
        choice = {"message": {"role": "assistant", "content": said.text}, **_finish(said)}
        if reached:
            offset, stop = min(reached)
            choice["message"]["content"] = said.text[:offset]
            choice["stop_reason"] = stop
        return self._send_whole("chat.completion", choice, prompt, said)

    def _send_whole(
        self, kind: str, choice: dict[str, Any], prompt: list[int], said: Generation
    ) -> dict[str, Any]:
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(said.ids)}
        return {
            "object": kind,
            "model": self.server.name,
            "choices": [{"index": 0, **choice}],
            "usage": usage,
        }

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Silent: the client reports."""


class Server(ThreadingHTTPServer):
    """Listens on the loopback interface alone; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, model: Model, name: str, port: int = 0, handler: type[Handler] = Handler) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.name = name
        self.batcher = Batcher(model)
        self.batcher.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


def _sampling(body: dict[str, Any]) -> Sampling:
    limit = body.get("max_tokens", body.get("max_completion_tokens"))
    return Sampling(
        temperature=float(body.get("temperature", 1.0)),
        top_p=float(body.get("top_p", 1.0)),
        max_tokens=16 if limit is None else int(limit),
        stop=tuple(body.get("stop") or ()),
        seed=int(body.get("seed") or 0),
    )


def _finish(said: Generation) -> dict[str, Any]:
    return {"finish_reason": "stop" if said.finished else "length"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", help="model directory or hub name")
    parser.add_argument("--port", type=int, default=8011)
    options = parser.parse_args()
    with open_model("transformers", path=options.path) as model:
        server = Server(model, options.path, options.port)
        print(f"{options.path} at {server.url}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
