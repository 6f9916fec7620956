"""A manifest that is wrong in any way ends with exit code 2, the cause and the cure, and leaves nothing."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Selfchal
from tests.support.wrong_start import Wrong, check_ended, list_contents

SOUND = """environment:
  name: calculation
model:
  name: openai
  base_url: http://127.0.0.1:9/v1
  model: m
"""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, key in zip("abcdefg", "bcdefgh", strict=True)
)


def text(id_: str, content: str | bytes, cause: str, cure: str, name: str = "m.yaml") -> Wrong:
    """A file that cannot be read as a manifest."""
    return Wrong(id_, ("validate", name), f"{name}.*{cause}", cure, {name: content})


def key(id_: str, addition: str, cause: str, cure: str) -> Wrong:
    """A sound manifest and a section that is wrong."""
    return Wrong(id_, ("validate", "m.yaml"), cause, cure, {"m.yaml": SOUND + addition})


def override(value: str, cause: str, cure: str) -> Wrong:
    return Wrong(f"--set {value}", ("run", "m.yaml", "--set", value), cause, cure, {"m.yaml": SOUND})


TEXTS = [
    text("a tab", "environment:\n\tname: calculation\n", "line 2: a tab", "indent with spaces"),
    text("a brace left open", "a: {b: c\nmodel: {d: e}\n", "line 2", "{ of line 1 is not closed"),
    text("a quote left open", "a: 'b\nc: d\n", "the quote of line 1", "is not closed"),
    text("a wrong indentation", "a:\n  b: 1\n c: 2\n", "line 3", "not indented as those before it"),
    text("a colon in a text", "a: b: c\n", "line 1", "without quotes"),
    text("a key twice", SOUND + "model:\n  name: x\n", "'model' is written twice", "lines 3 and 7"),
    text("an empty file", "", "is empty", "`selfchal examples` shows some"),
    text("comments alone", "# nothing\n", "is empty", "`selfchal examples` shows some"),
    text("a list", "- environment\n", "holds a list", "is a mapping of sections"),
    text("one text", "calculation\n", "holds a text", "is a mapping of sections"),
    text("two documents", SOUND + "---\n" + SOUND, "line 7: a second document", "write one"),
    text("a tag that runs code", "a: !!python/object/apply:os.abort []\n", "line 1", "write the value alone"),
    text("an alias of nothing", SOUND + "rounds: *x\n", "line 7: 'x' is defined nowhere", "in quotes"),
    text("a text that begins with @", "a: @b\n", "line 1", "is written in quotes"),
    text("a control character", "a: \x07\n", r"line 1 holds the character U\+0007", "remove it"),
    text("TOML named YAML", '[run]\nname = "x"\n', "line 2", "write KEY: VALUE"),
    text("YAML named TOML", SOUND, "is not valid TOML", "line 1", "m.toml"),
    text("aliases that explode", BOMB, "is not valid YAML", "more than 100,000 values"),
    text("brackets without end", "[" * 9_999, "nested too deeply", "50 levels are allowed"),
    text("indentation without end", "\n".join(" " * i + "a:" for i in range(999)), "too deeply", "50 levels"),
    text("a number of 9,000 digits", "rounds: " + "9" * 9_000, "line 1", "9,000 digits"),
    text("random bytes", bytes(range(256)), "binary data and no text", "name another file"),
    text("UTF-16", SOUND.encode("utf-16"), "written in UTF-16", "save it as UTF-8"),
    text(
        "Latin-1", "# größer\n".encode("latin-1"), "line 1 holds a byte that is no UTF-8", "save it as UTF-8"
    ),
    text("an archive", gzip.compress(SOUND.encode()), "is compressed", "unpack it first"),
]
KEYS = [
    key("an unknown section", "chalenge: {tasks: 1}", "chalenge: no such key", "did you mean 'challenge'"),
    key("an unknown key", "rollout: {max_step: 3}", r"rollout\.max_step: no such key", "'max_steps'"),
    key("an unknown key in a list", "checks: [{name: strength, enable: 1}]", r"checks\.0\.enable: no such", "there are"),
    key("an unknown option of a plugin", "trainer: {name: grpo, grup_size: 3}", r"trainer\.grup_size", "'group_size'"),
    key("a plugin that is not there", "trainer: {name: groo}", "no trainer named 'groo'", "did you mean 'grpo'"),
    key("a watcher that is not there", "watchers: [{name: wandbb}]", "no watcher named", "did you mean 'wandb'"),
    key("a text for a number", "rounds: many", "rounds", "a whole number is needed .given: .many"),
    key("a fraction for a whole number", "rounds: 1.5", "rounds", "a whole number is needed .given: 1.5"),
    key("true for a number", "rounds: true", "rounds", "a number is needed .given: true"),
    key("a number below the least", "challenge: {tasks: -1}", r"challenge\.tasks: 1 or more", "given: -1"),
    key("a number above the most", "rounds: 99999999", "rounds: 10000 or less", "given: 99999999"),
    key("a number without end", "rollout: {temperature: .inf}", r"rollout\.temperature", "a finite number is needed"),
    key("a text for a section", "rollout: fast", "rollout: a mapping of options", "max_steps"),
    key("a section left empty", "challenge:", "challenge: is empty", "or leave it out"),
    key("a plugin by name alone", "trainer: grpo", "trainer: a section", "write {name: grpo}"),
    key("a check by name alone", "checks: [novelty]", r"checks\.0: a section", "write {name: novelty}"),
    key("a section without a name", "trainer: {steps: 3}", r"trainer\.name: is missing", "selfchal plugins list"),
    key("a check twice", "checks: [{name: novelty}, {name: novelty}]", r"checks\.1\.name.*named before", "in one section"),
    key("two environments", "environments: [{name: retail}]", "environment and environments", "write one"),
    key("a name with a path", "run: {name: ../x}", r"run\.name", "letters, digits, dots"),
    key("a band upside down", "curriculum: {band: [0.9, 0.1]}", r"curriculum\.band", "the lower one first"),
    key("a budget without prices", "budget: {money: 3}", r"budget\.money", r"give model\.price_in"),
    key("a trainer that cannot train this", "trainer: {name: grpo}", "grpo.*openai", "choose another model"),
    key("tasks from nowhere", "tasks: {from: t.jsonl}", r"tasks\.from: t\.jsonl", "a task a line as JSON"),
    key("a split that is not there", "evaluation: {split: tset}", "no split 'tset'", "it has test, dev"),
    Wrong("no environment", ("validate", "m.yaml"), "environment: is missing", "write environment: {name: NAME}",
          {"m.yaml": "model: {name: seedling}"}),
    Wrong("no model", ("validate", "m.yaml"), "model: is missing", "write model: {name: NAME}",
          {"m.yaml": "environment: {name: calculation}"}),
    Wrong("an option that must be there", ("validate", "m.yaml"), r"model\.base_url: is missing", "The endpoint up to",
          {"m.yaml": SOUND.replace("  base_url: http://127.0.0.1:9/v1\n", "")}),
]  # fmt: skip
OVERRIDES = [
    override("nonsense", "--set nonsense", "section.key=value"),
    override("=3", "--set =3", "section.key=value"),
    override("challenge.=3", r"--set challenge\.=3", "section.key=value"),
    override("challenge.tasks=[", "not valid YAML", "a bracket is not closed"),
    override("challenge.tasks=", r"challenge\.tasks", "a whole number is needed"),
    override("chalenge.tasks=3", "chalenge: no such key", "did you mean 'challenge'"),
    override("environment.data=/nowhere", "/nowhere/.* does not exist", "`data` must name a folder"),
    override("model.name.x=3", r"model\.name\.x=3", "is not a section"),
]


def make_file_of_100_mb(folder: Path) -> None:
    with (folder / "m.yaml").open("wb") as file:
        file.truncate(100 * 2**20)


PATHS = [
    Wrong("nothing there", ("run", "no.yaml"), "there is no manifest 'no.yaml'", "selfchal examples"),
    Wrong("a name mistyped", ("run", "mm.yaml"), "there is no manifest", "did you mean m.yaml", {"m.yaml": SOUND}),
    Wrong("an example's name mistyped", ("run", "quikstart.yaml"), "there is no manifest", "the example 'quickstart'"),
    Wrong("a directory", ("run", "d"), "d is a directory", "name the manifest's file in it", {"d/m.yaml": SOUND}),
    Wrong("a file as folder", ("run", "f/m.yaml"), "cannot read the manifest f/m.yaml", "Not a directory", {"f": "x"}),
    Wrong("not allowed", ("run", "/proc/1/mem"), "cannot read the manifest /proc/1/mem: you may not", "change its rights"),
    Wrong("a link in a circle", ("run", "m.yaml"), "cannot read the manifest", "Too many levels of symbolic links",
          prepare=lambda folder: os.symlink("m.yaml", folder / "m.yaml")),
    Wrong("a link to nowhere", ("run", "m.yaml"), "'m.yaml' is a link to 'gone'", "where there is no manifest",
          prepare=lambda folder: os.symlink("gone", folder / "m.yaml")),
    Wrong("a device without end", ("run", "/dev/zero"), "cannot read the manifest", "more than 1,048,576 bytes"),
    Wrong("100 MB", ("run", "m.yaml"), "cannot read the manifest", "more than 1,048,576 bytes", prepare=make_file_of_100_mb),
]  # fmt: skip
ALL = [*TEXTS, *KEYS, *OVERRIDES, *PATHS]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("wrong", ALL, ids=lambda wrong: wrong.id)
def test_a_wrong_manifest_is_said_to_be_wrong_and_how(wrong: Wrong, selfchal: Selfchal, folder: Path) -> None:
    wrong.write_files(folder)
    before = list_contents(folder)
    check_ended(wrong, selfchal(*wrong.command))
    assert list_contents(folder) == before


def test_each_case_is_another_one() -> None:
    assert len({wrong.id for wrong in ALL}) == len(ALL) >= 40
