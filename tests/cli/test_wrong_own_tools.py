"""Tools of one's own, wrongly written: in functions, on MCP servers, in the sections that make and measure tasks.

Each ends with exit code 2, the cause and the cure, and leaves nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Selfchal
from tests.support.wrong_start import Wrong, check_ended, list_contents

ENDPOINT = "model: {name: openai, model: m, retries: 0, base_url: 'http://127.0.0.1:9/v1'}\n"
SHELF = '''
from selfchal import HeldOut, hookimpl, small_environment

START = {"books": {"Emma": None}, "fees": 0}

def list_books(state: dict) -> list[str]:
    """List the titles."""
    return list(state["books"])

def lend(state: dict, title: str, reader: str = "Ann") -> str:
    """Lend a book."""
    state["books"][title] = reader
    return "done"

TASKS = [HeldOut("Lend Emma to Ann.", [("lend", {"title": "Emma"})])]
Shelf = small_environment("shelf", start=START, reads=[list_books], writes=[lend], test_tasks=TASKS)

@hookimpl
def register_environments():
    return [Shelf]
'''
SERVER = '{"mcpServers": {"desk": {"command": "true", "args": ["/x/desk.db"]}}}'
REMOTE = '{"mcpServers": {"desk": {"type": "http", "url": "https://example.com/mcp"}}}'
REAL = Path(__file__).parents[1] / "support" / "mcp_server.py"


def own(id_: str, old: str, new: str, cause: str, cure: str) -> Wrong:
    """A run in an environment out of functions, whose module has this in the place of that."""
    assert old in SHELF
    files = {
        "own_shelf.py": SHELF.replace(old, new, 1),
        "m.yaml": f"environment: {{name: shelf}}\n{ENDPOINT}",
    }
    return Wrong(id_, ("run", "m.yaml"), cause, cure, files)


def mcp(id_: str, options: str, cause: str, cure: str, servers: str = SERVER) -> Wrong:
    manifest = f"environment: {{name: mcp, servers: s.json, {options}}}\n{ENDPOINT}"
    return Wrong(id_, ("run", "m.yaml"), cause, cure, {"m.yaml": manifest, "s.json": servers})


def real(id_: str, options: str, cause: str, cure: str) -> Wrong:
    """The tests' own server is started, and shows that these options are wrong."""
    servers = json.dumps({"desk": {"command": sys.executable, "args": ["-I", str(REAL), "memory"]}})
    return mcp(id_, options, cause, cure, servers)


def section(id_: str, sections: str, cause: str, cure: str, *words: str) -> Wrong:
    """A run with these sections more."""
    manifest = f"environment: {{name: calculation}}\n{ENDPOINT}{sections}\n"
    return Wrong(id_, words or ("run", "m.yaml"), cause, cure, {"m.yaml": manifest})


def words(id_: str, command: str, cause: str, cure: str, **others: Any) -> Wrong:
    return Wrong(id_, tuple(command.split()), cause, cure, **others)


FUNCTIONS = [
    own("no type", "title: str, reader", "title, reader", "lend: the parameter title has no type", "write one"),
    own("options of any name", "reader: str = \"Ann\"", "**more: str", r"no caller can know what \*\*more", "write each"),
    own("a type that is nowhere", "title: str", "title: 'Title'", "cannot be looked up", "import it where"),
    own("async", "def lend(", "async def lend(", "lend is async", "use def"),
    own("no state", "def list_books(state: dict)", "def list_books()", "no parameter for the state", "write it first"),
    own("a name of Python's", "def lend(", "def print(", "name 'lend' is not defined", "own_shelf.py"),
    own("a lambda", "writes=[lend]", "writes=[lambda state: 1]", "cannot be a tool", "write it as a function with def"),
    own("a tool twice", "reads=[list_books]", "reads=[list_books, lend]", "two tools are called lend", "listed once"),
    own("no tools", "reads=[list_books], writes=[lend]", "reads=[]", "shelf has no tools", "list functions under"),
    own("a reader that writes", 'return list(', 'state["fees"] = 1; return list(', r"changed state\['fees'\]", "list it under writes="),
    own("a slip in a reader", "list(state", "lst(state", "list_books fails: NameError", "own_shelf.py"),
    own("a slip in a writer", 'return "done"', "return don", "'Lend Emma to Ann.' is not solved", "name 'don' is not defined"),
    own("a state that is a list", 'START = {"books": {"Emma": None}, "fees": 0}', "START = [1]", "start is a dict", "name the parts"),
    own("a set in the state", '"fees": 0', '"fees": {1}', r"state\['fees'\] as a set", "keep a list"),
    own("a task of nothing that is there", '("lend"', '("led"', "no tool 'led'", "the tools are list_books, lend"),
    own("a task with a wrong argument", '{"title"', '{"titel"', "missing a required argument: 'title'", "call it as lend"),
    own("calls that are no pairs", '[("lend", {"title": "Emma"})]', '["lend"]', "calls is a list of pairs", "as in"),
    own("a task that is none", "test_tasks=TASKS", "test_tasks=['Lend Emma']", "test_tasks is a list of HeldOut", "own_shelf.py"),
    own("an option mistyped", "reads=", "read=", "unexpected keyword argument 'read'", "own_shelf.py"),
    own("another name", '"shelf"', '"shelves"', "no environment named 'shelf'", "did you mean 'shelves'"),
    own("a built-in name", '"shelf"', '"calculation"', "'calculation' is left out", "Give Calculation another name"),
    own("no hook", "@hookimpl", "", "is named as a hook and is not marked", "write @selfchal.hookimpl above it"),
]  # fmt: skip
SERVERS = [
    mcp("a reset and no state", "reset: restart", "'desk' has a reset and no state", "say which tool shows it"),
    mcp("a reset of what never changes", "state: read_only, reset: restart", "'desk' is read_only", "needs no reset"),
    mcp("a state in memory without a reset", "state: {tool: x}", "needs a reset", "restart, or a tool, or an argument"),
    mcp("a reset by two ways", "state: {tool: x}, reset: {tool: y, argument: z}", "reset", "write one of tool and argument"),
    mcp("a tool that resets a file", "state: {file: /x/desk.db}, reset: {tool: y}", "is put back", "only be restart"),
    mcp("a file on another machine", "state: {file: /x/desk.db}", "reached by an address", "name a tool", REMOTE),
    mcp("a restart of another machine", "state: {tool: x}, reset: restart", "by an address", "cannot be restarted", REMOTE),
    mcp("arguments beside a file", "state: {file: /x/desk.db, arguments: {a: 1}}", r"state\.desk", "arguments go with tool"),
    mcp("no time", "state: read_only, timeout: 0", r"environment\.timeout", "more than 0"),
    mcp("too many processes", "state: read_only, processes: 99", r"environment\.processes", "64 or less"),
    mcp("no tasks there", "state: read_only, test_tasks: t.jsonl", "'desk' does not start", "Start it by hand"),
    real("a hidden tool mistyped", "state: {tool: list_items}, reset: restart, hide: [putt_item]", "hide: no server has a tool 'putt_item'", "did you mean 'put_item'"),
    real("a state of a tool that is not there", "state: {tool: list_itms}, reset: restart",
         "state: server 'desk' has no tool 'list_itms'", "did you mean 'list_items'"),
    real("a reset of a tool that is not there", "state: {tool: list_items}, reset: {tool: forget}",
         "reset: server 'desk' has no tool 'forget'", "there are: list_items"),
]  # fmt: skip
SECTIONS = [
    section("an exam of nothing", "evaluation: {exam: 0}", r"evaluation\.exam: 1 or more", "given: 0"),
    section("an exam in words", "evaluation: {exam: some}", r"evaluation\.exam: a whole number", "given: .some"),
    section("an exam where nothing is proposed", "tasks: {from: m.yaml}\nevaluation: {exam: 4}",
            r"evaluation\.exam: nothing is proposed", "name a synthesizer, or leave that out"),
    section("a budget in hours", "budget: {hours: 3}", r"budget\.hours: no such key", "there are: minutes"),
    section("a budget of no tokens", "budget: {tokens: 0}", r"budget\.tokens: 1 or more", "given: 0"),
    section("a budget as a number", "budget: 30", "budget: a mapping of options", "minutes, tokens, money"),
    section("a budget without end", "budget: {minutes: .inf}", r"budget\.minutes", "a finite number"),
    section("money of a challenger without prices",
            "budget: {money: 3}\nchallenger: {name: openai, model: c, base_url: 'http://x/v1'}",
            r"budget\.money.*challenger", r"give challenger\.price_in"),
    section("a pilot of words", "", "--pilot", "'few' is not a valid integer", "run", "m.yaml", "--dry-run", "--pilot", "few"),
    section("a pilot that reaches nobody", "", "did not answer", "Is the server up", "run", "m.yaml", "--dry-run", "--pilot", "2"),
    section("a teacher and nothing that learns", "teacher: {name: openai, model: t, base_url: 'http://x/v1'}",
            "teacher makes the rollouts", "name a trainer, or leave out teacher"),
    section("a judge that nobody asks", "judge: {name: openai, model: t, base_url: 'http://x/v1'}",
            "no model rates anything", "leave it out, or ask one"),
]  # fmt: skip
PACKAGES = [
    words("a kind that is none", "plugins new enviroment shelf", "'enviroment' is not one of", "environment"),
    words("no name", "plugins new environment", "Missing argument", "NAME"),
    words("a file at its place", "plugins new environment shelf --out f", "f is there already|f is a file|Not a directory",
          "--out|another", files={"f": "x"}),
]  # fmt: skip
ALL = [*FUNCTIONS, *SERVERS, *SECTIONS, *PACKAGES]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder beside which the package of the environment ``shelf`` is installed."""
    folder = tmp_path / "work"
    info = tmp_path / "installed" / "own_shelf-1.0.dist-info"
    info.mkdir(parents=True)
    folder.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[selfchal]\nshelf = own_shelf\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield folder
    sys.modules.pop("own_shelf", None)


@pytest.mark.parametrize("wrong", ALL, ids=lambda wrong: wrong.id)
def test_wrong_tools_of_ones_own_are_said_to_be_wrong_and_how(
    wrong: Wrong, selfchal: Selfchal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong.command[1] == "m.yaml" and any(name == "s.json" for name in wrong.files):
        pytest.importorskip("mcp")
    wrong.write_files(folder)
    if "own_shelf.py" in wrong.files:
        (folder / "own_shelf.py").rename(folder.parent / "installed" / "own_shelf.py")
        monkeypatch.syspath_prepend(str(folder.parent / "installed"))
    before = list_contents(folder)
    check_ended(wrong, selfchal(*wrong.command))
    assert list_contents(folder) == before


def test_each_case_is_another_one() -> None:
    assert len({wrong.id for wrong in ALL}) == len(ALL) >= 40
