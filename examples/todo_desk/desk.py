"""A to-do desk: six functions over a list of to-dos. With its tools an agent answers people's wishes."""

from datetime import date
from typing import Any, Literal

from selfchal import hookimpl, small_environment

ListName = Literal["home", "office", "garden"]

# Every episode, and every check of a task, begins with a copy of this.
START: dict[str, Any] = {
    "todos": [
        {"title": "water the tomatoes", "list": "garden", "due": "2026-05-04", "done": False},
        {"title": "mow the lawn", "list": "garden", "due": "2026-05-09", "done": True},
        {"title": "call the plumber", "list": "home", "due": "2026-05-05", "done": False},
        {"title": "pay the rent", "list": "home", "due": "2026-05-01", "done": True},
        {"title": "bake a cake", "list": "home", "due": "2026-05-16", "done": False},
        {"title": "send the invoice", "list": "office", "due": "2026-05-06", "done": False},
        {"title": "book the train", "list": "office", "due": "2026-05-11", "done": False},
        {"title": "order paper", "list": "office", "due": "2026-05-20", "done": False},
    ]
}


def list_todos(state: dict[str, Any], list_name: ListName | None = None) -> list[dict[str, Any]]:
    """List the to-dos of one list, or of all lists.

    Args:
        list_name: The list; all of them where none is named.
    """
    return [todo for todo in state["todos"] if list_name in (None, todo["list"])]


def find_todo(state: dict[str, Any], title: str) -> dict[str, Any]:
    """Show one to-do: its list, the day on which it is due, and whether it is done.

    Args:
        title: The title of the to-do.
    """
    for todo in state["todos"]:
        if todo["title"] == title:
            return todo
    raise ValueError(f"there is no to-do {title!r}")


def add_todo(state: dict[str, Any], title: str, list_name: ListName, due: date) -> str:
    """Add a to-do to a list.

    Args:
        title: A title that no other to-do has.
        list_name: The list.
        due: The day on which it is due.
    """
    if any(todo["title"] == title for todo in state["todos"]):
        raise ValueError(f"there is a to-do {title!r} already")
    state["todos"].append({"title": title, "list": list_name, "due": due.isoformat(), "done": False})
    return f"added to {list_name}"


def finish_todo(state: dict[str, Any], title: str) -> str:
    """Mark a to-do as done.

    Args:
        title: The title of the to-do.
    """
    find_todo(state, title)["done"] = True
    return "done"


def move_todo(state: dict[str, Any], title: str, list_name: ListName) -> str:
    """Move a to-do to another list.

    Args:
        title: The title of the to-do.
        list_name: The list it goes to.
    """
    find_todo(state, title)["list"] = list_name
    return f"moved to {list_name}"


def postpone_todo(state: dict[str, Any], title: str, due: date) -> str:
    """Give a to-do another day on which it is due.

    Args:
        title: The title of the to-do.
        due: The new day.
    """
    find_todo(state, title)["due"] = due.isoformat()
    return f"due on {due.isoformat()}"


Environment = small_environment(
    "todo",
    start=START,
    reads=[list_todos, find_todo],
    writes=[add_todo, finish_todo, move_todo, postpone_todo],
    policy="You keep somebody's to-do lists. Change only what you are asked to change.",
)


@hookimpl
def register_environments() -> list[type[Any]]:
    return [Environment]
