"""A wrong file, path, machine or command ends with exit code 2, the cause and the cure, and leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.store import Store
from tests.cli.conftest import Ended, Selfchal
from tests.support.misbehaving import Reply, answer, chat_answer, serving
from tests.support.wrong_start import Wrong, check_ended, list_contents

CALCULATION = "environment: {name: calculation}\nevaluation: {tasks: 1, samples: 1, baselines: false}\n"
ENDPOINT = "model: {name: openai, model: m, retries: 0, base_url: 'http://127.0.0.1:9/v1'}\n"
SOUND = CALCULATION + ENDPOINT
SERVERS = json.dumps({"mcpServers": {"a": {"command": "true"}, "b": {"command": "true"}}})
KEY_WRITTEN_OUT = "{name: mcp, servers: {a: {command: x, env: {API_KEY: z}}}, state: {a: read_only}}"
BYTES = bytes(range(256))
LOST: dict[str, str | bytes] = {"d/store.sqlite": ""}
DAMAGED = {"d/manifest.yaml": SOUND, "d/store.sqlite": "x" * 999}


def model(id_: str, options: str, cause: str, cure: str, **others: Any) -> Wrong:
    """A run that would use a model with these options."""
    files = {"m.yaml": f"{CALCULATION}model: {{{options}}}\n", **others.pop("files", {})}
    return Wrong(id_, ("run", "m.yaml"), cause, cure, files, **others)


def local(id_: str, options: str, cause: str, cure: str, **others: Any) -> Wrong:
    """A run that would load the weights of its model."""
    return model(id_, options, cause, cure, needs="torch", **others)


def run(id_: str, arguments: str, cause: str, cure: str, **others: Any) -> Wrong:
    """A sound manifest, run with wrong arguments or where it cannot be."""
    files = {"m.yaml": SOUND, **others.pop("files", {})}
    return Wrong(id_, ("run", "m.yaml", *arguments.split()), cause, cure, files, **others)


def mcp(id_: str, options: str, cause: str, cure: str, servers: str = SERVERS) -> Wrong:
    """An environment of MCP servers with these options."""
    manifest = f"environment: {{name: mcp, servers: s.json, {options}}}\n{ENDPOINT}"
    return Wrong(id_, ("run", "m.yaml"), cause, cure, {"m.yaml": manifest, "s.json": servers})


def file(id_: str, command: str, content: str | bytes | None, cause: str, cure: str) -> Wrong:
    """A command whose last word is a file with this content, which is not there where it is None."""
    words = tuple(command.split())
    return Wrong(id_, words, cause, cure, {} if content is None else {words[-1]: content})


def words(id_: str, command: str, cause: str, cure: str, **others: Any) -> Wrong:
    return Wrong(id_, tuple(command.split()), cause, cure, **others)


JUDGE = "tasks judge calculation t.jsonl"
MODELS = [
    local("no such directory", "name: transformers, path: ./no", "no directory './no'", "Check the path"),
    local("a file for a model", "name: transformers, path: f", "'f' is a file", "Point to the directory", files={"f": ""}),
    local("no config", "name: transformers, path: d", "no config.json", "save_pretrained", files={"d/x": ""}),
    local("no weights", "name: transformers, path: d", "no weights", "Download them", files={"d/config.json": "{}"}),
    local("a hub name offline", "name: transformers, path: no/such", "HF_HUB_OFFLINE is set", "path of a directory",
          settings={"HF_HUB_OFFLINE": "1"}),
    model("no key", "name: openai, base_url: 'http://x/v1', model: m, api_key_env: NO_KEY", "NO_KEY is not set", "put the key there"),
    model("a key in the manifest", "name: openai, base_url: 'http://x/v1', model: m, api_key_env: sk-1a2b3c", "api_key_env", "export it"),
    model("an address without scheme", "name: openai, base_url: 'localhost:8000', model: m", "is no address", "with its scheme"),
    model("an address of requests", "name: openai, base_url: 'http://x/v1/chat/completions', model: m", "must end before", "leave that out"),
    model("a tokenizer that is not there", "name: openai, base_url: 'http://x/v1', model: m, tokenizer: ./no",
          r"model\.tokenizer: no directory './no'", "Check the path", needs="torch"),
    model("a ledger that is none", "name: openai, base_url: 'http://x/v1', model: m, ledger: m.yaml", "is no ledger", "another file"),
    model("a ledger nowhere", "name: openai, base_url: 'http://x/v1', model: m, ledger: no/l.json", "no directory 'no'", "make it"),
    model("a model that cannot read", "name: seedling, skill: web_browsing", "knows web_browsing alone", "put a model there"),
    model("nobody listens", "name: openai, base_url: 'http://127.0.0.1:9/v1', model: m, retries: 0", "did not answer", "server up"),
]  # fmt: skip
STARTS = [
    run("a file at the run directory", "--out f", "cannot create the run in f: File exists", "--out", files={"f": "x"}),
    run("a file above it", "--out f/x", "cannot create the run in f/x: Not a directory", "--out", files={"f": "x"}),
    run("nothing may be written there", "--out /proc/zz/x", "cannot create the run in /proc/zz/x", "--out"),
    run("a pilot without a dry run", "--pilot 3", "--pilot", "is for --dry-run"),
    run("a pilot of nothing", "--dry-run --pilot 0", "--pilot", "x>=1"),
    run("no container engine", "--set sandbox.name=docker", "no container engine answers", "start Docker",
        settings={"DOCKER_HOST": "unix:///nowhere.sock"}, needs="docker"),
    run("an option mistyped", "--dryrun", "--dryrun", "Did you mean '--dry-run'"),
    words("a command mistyped", "rum m.yaml", "No such command 'rum'", "Did you mean 'run'"),
    words("a command of a group", "tasks lst x", "No such command 'lst'", "Did you mean 'list'"),
    words("no file", "run", "Missing argument", "FILE"),
]  # fmt: skip
SERVING = [
    mcp("nothing declared", "hide: [x]", "no server has a declared state", "selfchal mcp inspect"),
    mcp("a server that is not there", "state: {c: read_only}", "no server 'c'", "there are: a, b"),
    mcp("several servers and no name", "state: {file: x}", "needs the server's name", "a, b"),
    mcp("a word mistyped", "state: {a: readonly}", r"environment\.state\.a", "'read_only' is needed"),
    mcp("two kinds of state", "state: {a: {file: x, tool: y}}", r"environment\.state\.a", "one of file, directory"),
    mcp("a key of a state mistyped", "state: {a: {fil: x}}", r"environment\.state\.a\.fil: no such key", "'file'"),
    mcp("a file that it does not use", "state: {a: {file: x.db}}", "stands neither in its args", "put the path into"),
    mcp("no such program", "state: {a: read_only}", "there is no program 'nope'", "install it",
        '{"a": {"command": "nope"}}'),
    mcp("a server that ends at once", "state: {a: read_only}", "'a' does not start", "Start it by hand"),
    mcp("a variable not set", "state: {a: read_only}", "NOT_SET, which is not set", "export NOT_SET",
        '{"mcpServers": {"a": {"command": "true", "env": {"X": "${NOT_SET}"}}}}'),
    mcp("servers that are no JSON", "state: {a: read_only}", "s.json is not JSON", "line 1", "{mcpServers"),
    Wrong("a key written out", ("run", "m.yaml", "--set", f"environment={KEY_WRITTEN_OUT}"),
          r"a\.env\.API_KEY: a key does not belong", "export VAR", {"m.yaml": SOUND}),
    file("inspect nothing", "mcp inspect s.json", None, "s.json cannot be read", "JSON with the servers' commands"),
    words("inspect a directory", "mcp inspect d", "d cannot be read: Is a directory", "JSON", files={"d/x": ""}),
    file("inspect bytes", "mcp inspect s.json", BYTES, "binary data", "JSON with the servers' commands"),
    file("inspect no servers", "mcp inspect s.json", "{}", "names no server", "write .*mcpServers"),
    file("inspect a text", "mcp inspect s.json", '{"mcpServers": {"a": "npx"}}', "server 'a' must be an object", "command"),
    file("inspect a forgotten wire", "mcp inspect s.json", '{"a": {"type": "sse", "url": "http://x"}}', "SSE", "HTTP address"),
    file("try without a model", "mcp try --set environment.state=read_only s.json", '{"a": {"command": "true"}}',
         r"model\.base_url: is missing", "The endpoint"),
]  # fmt: skip
COMMANDS = [
    file("judge nothing", JUDGE, None, "no file of tasks 't.jsonl'", "it was looked for in /"),
    file("judge an empty file", JUDGE, "", "holds no tasks", "instruction, evaluate, solution and failures"),
    file("judge bytes", JUDGE, BYTES, "failed at 'parsed'", "is no UTF-8"),
    file("judge a list", JUDGE, '[{"a": 1},\n{"b": 2}]\n', "the line is no JSON", "one object a line"),
    file("judge in no environment", "tasks judge calculaton t.jsonl", "{}\n", "no environment named", "mean 'calculation'"),
    file("judge by a check that is none", f"tasks judge --check [ {JUDGE[12:]}", "{}\n", "--check", "a value is missing"),
    file("judge where a check cannot be made", "tasks judge --sandbox monty calculation t.jsonl", "{}\n",
         "'strength' cannot be made in sandbox 'monty'", "name another sandbox"),
    words("measure an environment", "eval calculation", "is an environment", "--policy oracle"),
    words("measure an empty directory", "eval d", "d is no run directory", "name a run or a manifest", files={"d/x": ""}),
    words("measure nothing", "eval runs/x", "no run directory or manifest 'runs/x'", "selfchal examples"),
    words("a checkpoint of nobody", "eval calculation --policy oracle --checkpoint x", "checkpoint", "leave out checkpoint"),
    words("a plugin of a built-in name", "plugins new environment retail", "has that name already", "choose another name"),
    words("a plugin of a wrong name", "plugins new environment My-Env", "cannot be a plugin's name", "use lower-case"),
    words("a plugin where something is", "plugins new check own --out d", "d is there already", "--out", files={"d/x": ""}),
    words("a plugin where nothing can be", "plugins new check own --out /proc/zz", r"/proc/zz.*No such", "Choose another"),
    words("a run that is none", "tasks list d", "d is no run directory", "it has no store.sqlite", files={"d/x": ""}),
    words("a damaged run", "report d", "cannot read the run in d", "restore it from a copy", files=DAMAGED),
    words("a run of another program", "tasks list d", "cannot read the run in d", "restore it", files={**DAMAGED, "d/store.sqlite": ""}),
    words("a run without its manifest", "report d", "d/manifest.yaml: No such file", "check the path", files=LOST),
    file("code that is not there", "sandbox exec process x.py", None, "no Python file 'x.py'", "it was looked for in /"),
    file("code that is none", "sandbox exec process x.py", BYTES, "x.py: it holds binary data", "name another file"),
    file("calls that are none", "env replay calculation c.jsonl", '{"nme": 1}\n', "c.jsonl, line 1: write", '"name"'),
    words("an example mistyped", "examples quikstart", "no example 'quikstart'", "did you mean 'quickstart'"),
]  # fmt: skip
ALL = [*MODELS, *STARTS, *SERVING, *COMMANDS]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("wrong", ALL, ids=lambda wrong: wrong.id)
def test_a_wrong_start_is_said_to_be_wrong_and_how(
    wrong: Wrong, selfchal: Selfchal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong.write_files(folder)
    for name, value in wrong.settings.items():
        monkeypatch.setenv(name, value)
    before = list_contents(folder)
    check_ended(wrong, selfchal(*wrong.command))
    assert list_contents(folder) == before


def test_each_case_is_another_one() -> None:
    assert len({wrong.id for wrong in ALL}) == len(ALL) >= 40


ODD_ANSWERS: list[tuple[str, Reply, str, str]] = [
    ("status 404", answer({"detail": "Not Found"}, 404), "404.*Not Found", r"check model\.base_url"),
    ("a web page", answer(b"<!doctype html><title>Hello</title>"), "not JSON|no JSON", "address"),
    ("status 401", answer({"error": {"message": "bad key"}}, 401), "401.*bad key", "api_key_env"),
    ("an answer of something else", answer({"status": "ok"}), "without choices", "address"),
]


@pytest.mark.parametrize(
    ("reply", "cause", "cure"), [row[1:] for row in ODD_ANSWERS], ids=[row[0] for row in ODD_ANSWERS]
)
def test_an_endpoint_that_is_none_ends_the_run(
    selfchal: Selfchal, folder: Path, reply: Reply, cause: str, cure: str
) -> None:
    with serving(reply) as server:
        wrong = Wrong(
            "", ("run", "m.yaml", f"--set=model.base_url={server.url}"), cause, cure, {"m.yaml": SOUND}
        )
        wrong.write_files(folder)
        check_ended(wrong, selfchal(*wrong.command))
    assert list_contents(folder).keys() == {"m.yaml"}


def list_own_contents(folder: Path) -> dict[str, int]:
    """All but what SQLite itself keeps beside a database for those who read it."""
    return {name: size for name, size in list_contents(folder).items() if not name.endswith(("-wal", "-shm"))}


def test_a_run_that_is_there_is_not_touched_by_a_wrong_start(selfchal: Selfchal, folder: Path) -> None:
    (folder / "m.yaml").write_text(SOUND)
    with serving(answer(chat_answer("Answer: 3"))) as server:
        sound = (
            "run",
            "m.yaml",
            f"--set=model.base_url={server.url}",
            "--set=challenge={tasks: 1, proposals: 1}",
        )
        assert selfchal(*sound).code == 0
    before = list_own_contents(folder)
    again = Wrong("", sound, "runs/run already holds a run", r"--resume.*--out")
    check_ended(again, selfchal(*sound))
    other = Wrong(
        "", (*sound, "--resume", "--set=run.seed=9"), "run.seed is 0 there and 9 here", "another place"
    )
    check_ended(other, selfchal(*other.command))
    assert list_own_contents(folder) == before


def test_the_corrected_command_goes_on_as_if_nothing_had_been(selfchal: Selfchal, folder: Path) -> None:
    (folder / "m.yaml").write_text(SOUND)
    (folder / "out").mkdir()
    (folder / "out" / "notes").write_text("mine")
    for arguments in (("--out=out",), ("--out=deep/er", "--resume")):
        assert selfchal("run", "m.yaml", *arguments).code == 2
    assert list_contents(folder).keys() == {"m.yaml", "out", "out/notes"}
    with serving(answer(chat_answer("Answer: 3"))) as server:
        sound = (f"--set=model.base_url={server.url}", "--set=challenge={tasks: 1, proposals: 1}")
        assert selfchal("run", "m.yaml", "--out=out", *sound).code == 0
    assert (folder / "out" / "notes").read_text() == "mine"


def test_a_start_where_another_run_is_under_way_leaves_that_one_alone(
    selfchal: Selfchal, folder: Path
) -> None:
    (folder / "m.yaml").write_text(SOUND)
    with Store.create(folder / "runs" / "run", {"model": {"name": "m"}}):
        ended = selfchal("run", "m.yaml")
        assert (ended.code, "in use by another selfchal process; wait for it" in ended.err) == (2, True)
        assert (folder / "runs" / "run" / "store.sqlite").is_file()


BROKEN_PLUGINS = {
    "that does not parse": ("def (:\n", "SyntaxError"),
    "that raises when it is imported": ("raise ValueError('no luck')\n", "ValueError: no luck"),
    "that ends the program": ("import sys; sys.exit(3)\n", "SystemExit: 3"),
    "that needs what is not there": ("import no_such_module\n", "needs the Python module 'no_such_module'"),
    "that raises in its hook": (
        "from selfchal import hookimpl\n@hookimpl\ndef selfchal_environments():\n    raise KeyError('x')\n",
        "selfchal_environments raised KeyError",
    ),
}


@pytest.mark.parametrize(("source", "said"), BROKEN_PLUGINS.values(), ids=BROKEN_PLUGINS.keys())
def test_an_environment_in_a_plugin(
    selfchal: Selfchal, folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    """Its error names the plugin, the package, the cause and the cure."""
    package = folder / "installed"
    cure = "Install it|Update or uninstall selfchal-broken|it is left out now"
    files = {
        "installed/broken_plugin.py": source,
        "installed/selfchal_broken-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: selfchal-broken\nVersion: 1.0\n",
        "installed/selfchal_broken-1.0.dist-info/entry_points.txt": "[selfchal]\nbroken = broken_plugin\n",
        "m.yaml": SOUND.replace("calculation", "broken"),
    }  # fmt: skip
    wrong = Wrong(
        "", ("run", "m.yaml"), f"no environment named 'broken'.*plugin 'broken'.*{said}", cure, files
    )
    wrong.write_files(folder)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(package))
    before = list_contents(folder)
    check_ended(wrong, selfchal(*wrong.command))
    sys.modules.pop("broken_plugin", None)
    assert list_contents(folder) == before


def _run_program(folder: Path, *command: str, **settings: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "selfchal", *command],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **settings},
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tiny_disk(folder: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_by_the_real_program(folder: Path, tiny_disk: Path) -> None:
    (folder / "m.yaml").write_text(SOUND)
    (tiny_disk / "filler").write_bytes(b"x" * 40_000)
    wrong = Wrong(
        "",
        ("run", "m.yaml", "--out", str(tiny_disk / "run")),
        "cannot (create|write) the run",
        "free some space",
    )
    check_ended(wrong, _run_program(folder, *wrong.command))
    assert list_contents(tiny_disk).keys() == {"filler"}


@pytest.mark.parametrize(
    "settings", [{}, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}], ids=["UTF-8", "ASCII"]
)
def test_the_real_program_ends_as_it_does_here(folder: Path, settings: dict[str, str]) -> None:
    (folder / "größe.yaml").write_text("rounds: …\n", encoding="utf-8")
    wrong = Wrong("", ("validate", "größe.yaml"), "rounds: a whole number is needed", "given: ")
    check_ended(wrong, _run_program(folder, *wrong.command, **settings))


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="pydantic cannot be imported there on Python 3.13")
def test_a_working_folder_that_was_removed(folder: Path) -> None:
    gone = "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone');"
    program = f"{gone} from selfchal.cli.main import call; sys.exit(call(['doctor']))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    wrong = Wrong("", ("doctor",), "the folder that you are in was removed", "go to another one")
    check_ended(wrong, Ended(done.returncode, done.stdout, done.stderr))
