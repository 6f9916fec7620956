"""The same to-do desk as an MCP server, whose to-dos are a JSON file.

python server.py FILE
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

ListName = Literal["home", "office", "garden"]
FILE = Path(sys.argv[1])
server = MCPServer("todo")
reads = server.tool(annotations=ToolAnnotations(read_only_hint=True))
writes = server.tool(annotations=ToolAnnotations(read_only_hint=False))


@contextmanager
def change_todos() -> Iterator[list[dict[str, Any]]]:
    """The to-dos of the file, which are written back where nothing was raised."""
    todos = json.loads(FILE.read_text(encoding="utf-8"))
    yield todos
    FILE.write_text(json.dumps(todos, indent=1), encoding="utf-8")


def find(todos: list[dict[str, Any]], title: str) -> dict[str, Any]:
    for todo in todos:
        if todo["title"] == title:
            return todo
    raise ToolError(f"there is no to-do {title!r}")


@reads
def list_todos(list_name: ListName | None = None) -> list[dict[str, Any]]:
    """List the to-dos of one list, or of all lists."""
    todos = json.loads(FILE.read_text(encoding="utf-8"))
    return [todo for todo in todos if list_name in (None, todo["list"])]


@reads
def find_todo(title: str) -> dict[str, Any]:
    """Show one to-do: its list, the day on which it is due, and whether it is done."""
    return find(list_todos(), title)


@writes
def add_todo(title: str, list_name: ListName, due: date) -> str:
    """Add a to-do to a list. No two to-dos have the same title."""
    with change_todos() as todos:
        if any(todo["title"] == title for todo in todos):
            raise ToolError(f"there is a to-do {title!r} already")
        todos.append({"title": title, "list": list_name, "due": due.isoformat(), "done": False})
    return f"added to {list_name}"


@writes
def finish_todo(title: str) -> str:
    """Mark a to-do as done."""
    with change_todos() as todos:
        find(todos, title)["done"] = True
    return "done"


@writes
def move_todo(title: str, list_name: ListName) -> str:
    """Move a to-do to another list."""
    with change_todos() as todos:
        find(todos, title)["list"] = list_name
    return f"moved to {list_name}"


@writes
def postpone_todo(title: str, due: date) -> str:
    """Give a to-do another day on which it is due."""
    with change_todos() as todos:
        find(todos, title)["due"] = due.isoformat()
    return f"due on {due.isoformat()}"


if __name__ == "__main__":
    server.run()
