"""A scripted model for the to-do desk behind an OpenAI-compatible endpoint: it writes tasks and does them.

python endpoint.py [--port 8011]

It stands in for a language model where there is none, so that the tutorial runs anywhere and always says the
same. Whoever does not ask for one of its tasks is taken for somebody who wants a new one. It does tasks right
three times out of four. Some of its tasks are bad, as a model's are: the judge has to find them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TODOS = {  # title -> list, day
    "water the tomatoes": ("garden", "2026-05-04"),
    "call the plumber": ("home", "2026-05-05"),
    "bake a cake": ("home", "2026-05-16"),
    "send the invoice": ("office", "2026-05-06"),
    "book the train": ("office", "2026-05-11"),
    "order paper": ("office", "2026-05-20"),
}
NEW = {"prune the roses": "garden", "buy stamps": "office", "fix the lamp": "home", "sow carrots": "garden"}
DAYS = {"2026-06-02": "2 June 2026", "2026-06-15": "15 June 2026", "2026-07-01": "1 July 2026"}


@dataclass(frozen=True)
class Proposal:
    instruction: str
    evaluate: str
    solution: str
    failures: tuple[str, ...]

    def write(self) -> str:
        """As a challenger answers."""
        parts = [("instruction", self.instruction), ("evaluation_function", self.evaluate)]
        parts += [("solution", self.solution), *(("failure_case", failure) for failure in self.failures)]
        return "Answer:\n" + "\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in parts) + "\nEnd Answer"


def make_proposals() -> list[Proposal]:
    """All tasks, in an order that is always the same."""
    made = [*_finish(), *_move(), *_postpone(), *_add(), *_ask()]
    random.Random(0).shuffle(made)
    for index, bad in enumerate(_make_bad_ones()):
        made.insert(5 * index + 2, bad)
    return made


def _about_change(instruction: str, condition: str, solution: str, *failures: str) -> Proposal:
    return Proposal(instruction, f"def evaluate():\n    return {condition}", solution, failures)


def _name_another(title: str) -> str:
    titles = list(TODOS)
    return titles[titles.index(title) - 1]


def _finish() -> list[Proposal]:
    return [
        _about_change(
            f"I have done '{title}'. Mark it as done.",
            f"find_todo({title!r})['done'] is True",
            f"finish_todo({title!r})",
            f"finish_todo({_name_another(title)!r})",
            f"move_todo({title!r}, {'home' if name != 'home' else 'office'!r})",
            f"postpone_todo({title!r}, '2026-06-02')",
        )
        for title, (name, _) in TODOS.items()
    ]


def _move() -> list[Proposal]:
    pairs = [(title, name) for title in TODOS for name in ("home", "office", "garden")]
    return [
        _about_change(
            f"'{title}' belongs on the list {name}. Move it there.",
            f"find_todo({title!r})['list'] == {name!r}",
            f"move_todo({title!r}, {name!r})",
            f"move_todo({_name_another(title)!r}, {name!r})",
            f"finish_todo({title!r})",
            f"postpone_todo({title!r}, '2026-06-02')",
        )
        for title, name in pairs
        if TODOS[title][0] != name
    ]


def _postpone() -> list[Proposal]:
    return [
        _about_change(
            f"Let me have until {DAYS[day]} for '{title}'.",
            f"find_todo({title!r})['due'] == {day!r}",
            f"postpone_todo({title!r}, {day!r})",
            f"postpone_todo({title!r}, '2026-06-03')",
            f"postpone_todo({_name_another(title)!r}, {day!r})",
            f"finish_todo({title!r})",
        )
        for title, day in itertools.product(TODOS, DAYS)
    ]


def _add() -> list[Proposal]:
    return [
        _about_change(
            f"Put '{title}' on the list {name}, due on {DAYS[day]}.",
            f"[(todo['title'], todo['due']) for todo in list_todos({name!r})][-1] == ({title!r}, {day!r})",
            f"add_todo({title!r}, {name!r}, {day!r})",
            f"add_todo({title!r}, {name!r}, '2026-05-30')",
            f"add_todo({title!r}, {'home' if name != 'home' else 'office'!r}, {day!r})",
            f"add_todo('something else', {name!r}, {day!r})",
        )
        for (title, name), day in zip(NEW.items(), itertools.cycle(DAYS), strict=False)
    ]


def _ask() -> list[Proposal]:
    return [
        Proposal(
            f"On which day is '{title}' due?",
            f"def evaluate(answer):\n    return answer == find_todo({title!r})['due']",
            f"result = find_todo({title!r})['due']",
            (
                f"result = find_todo({_name_another(title)!r})['due']",
                f"result = find_todo({title!r})['list']",
                "result = '2026-05-30'",
            ),
        )
        for title in TODOS
    ]


def _make_bad_ones() -> list[Proposal]:
    """Each breaks one rule of the judge."""
    good = _finish()[0]
    right, wrong = good.solution, good.failures
    return [
        _about_change("Do what has to be done.", "True", right, *wrong),
        _about_change(
            "Delete 'order paper'.", "len(list_todos()) == 7", "delete_todo('order paper')", *wrong
        ),
        _about_change("Clear the garden's list.", "list_todos('garden') == []", right, *wrong),
        _about_change("Finish a to-do.", "any(todo['done'] for todo in list_todos())", right, *wrong),
    ]


class Handler(BaseHTTPRequestHandler):
    """One request. The server knows what to say."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not body.get("messages"):  # so `selfchal validate` asks whether somebody is here
            self._answer(400, {"error": {"message": "messages is required"}})
            return
        said = self.server.answer(body["messages"], int(body.get("seed") or 0))
        message = {"role": "assistant", "content": said}
        read = sum(len(one["content"]) for one in body["messages"])
        usage = {"prompt_tokens": read // 4, "completion_tokens": len(said) // 4}
        choices = [{"message": message, "finish_reason": "stop"}]
        self._answer(200, {"choices": choices, "usage": usage})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Silent: the client reports."""


class Server(ThreadingHTTPServer):
    """Listens on the loopback interface alone; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.proposals = make_proposals()
        self.next = itertools.cycle(self.proposals)
        self.lock = threading.Lock()

    def answer(self, messages: list[dict[str, str]], seed: int) -> str:
        asked = next(one["content"] for one in messages if one["role"] == "user")
        spoken = [one["content"] for one in messages if one["role"] == "assistant"]
        known = [one for one in self.proposals if asked.startswith(one.instruction)]
        if known:
            return _say_what_came(messages[-1]["content"]) if spoken else _act(known[0], seed)
        return self._propose(spoken)

    def _propose(self, spoken: list[str]) -> str:
        """It explores, proposes a task, and when that is refused it says the same again."""
        if not spoken:
            return "Action:\nprint(list_todos())\nEnd Action"
        if len(spoken) > 1:
            return spoken[-1]
        with self.lock:
            return next(self.next).write()


def _act(task: Proposal, seed: int) -> str:
    """The code that does the task, or one time out of four does something else."""
    code = random.Random(seed).choice([task.solution] * 3 + [task.failures[0]])
    _, assigned, value = code.partition("result = ")
    return f"Action:\n{f'print({value})' if assigned else code}\nEnd Action"


def _say_what_came(observation: str) -> str:
    return f"Answer: {observation.removeprefix('Observation:').strip() or 'done'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8011)
    server = Server(parser.parse_args().port)
    print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
