"""Each way a stranger's plugin can be wrong gives its own sentence, and takes nothing else down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from selfchal.core.errors import PluginError
from selfchal.core.judge import STANDARD_CHECKS
from selfchal.core.task import Task
from selfchal.pipeline.manifest import choose_checks
from selfchal.plugins import load_plugins
from tests.plugins.failures import find_failure

Install = Callable[..., None]
TASK = Task("t", "shop", {}, "do it", "def evaluate(): return True", "", ("", "", ""))

CHECK = """
    from pydantic import BaseModel
    from selfchal.core.hookspecs import hookimpl

    class NoOp(BaseModel):
        pass

    class Polite:
        '''Refuses rude instructions.'''
        name = "{name}"
        stage = "strong"
        Config = NoOp
        def __init__(self, config): ...
        def check(self, task, runner, evidence): ...

    @hookimpl
    def register_checks():
        return [Polite]
"""


def test_a_strangers_class_is_found_by_kind_and_name(install: Install) -> None:
    install("selfchal-polite", CHECK.format(name="polite"), version="2.3")
    plugins = load_plugins()
    assert plugins.find("check", "polite").__name__ == "Polite"
    (listed,) = [item for item in plugins.all() if item.name == "polite"]
    assert (listed.kind, listed.package, listed.version) == ("check", "selfchal-polite", "2.3")
    assert listed.summary == "Refuses rude instructions."


def test_the_list_of_the_plugins_that_come_with_selfchal_is_plain_text() -> None:
    """`selfchal plugins list` shows them in a terminal, where markup is noise."""
    for item in load_plugins().all():
        assert item.summary.endswith("."), item.name
        assert not set(item.summary) & set("`*{}"), item.name


def test_a_check_that_compares_tasks_is_a_check_too(install: Install) -> None:
    compares = CHECK.replace(
        "def check(self, task, runner, evidence)", "def compare(self, tasks, earlier, held_out)"
    )
    install("selfchal-polite", compares.format(name="polite"))
    assert load_plugins().find("check", "polite").__name__ == "Polite"


def test_a_missing_dependency_names_plugin_package_module_and_spares_the_rest(install: Install) -> None:
    install("broken-pack", "import not_there_at_all")
    install("sound-pack", CHECK.format(name="sound"))
    plugins = load_plugins()
    message = find_failure(plugins, "broken_pack")
    assert "broken-pack 1.0" in message
    assert "'not_there_at_all'" in message
    assert "Install it" in message
    assert plugins.find("check", "sound")


@pytest.mark.parametrize(
    ("source", "raised"),
    [
        ("x = 0\n1 / x", "ZeroDivisionError: division by zero, line 2 of "),
        ("raise SystemExit(3)", "SystemExit: 3, line 1 of "),
        (
            "import selfchal\nselfchal.small_environment('x', start={})",
            "x has no tools; list functions under reads= and writes=, line 2 of ",
        ),
        ("def broken(:", "SyntaxError: invalid syntax (bad_pack.py, line 1)"),
        (
            "from selfchal import no_such_name",
            "ImportError: cannot import name 'no_such_name' from 'selfchal'",
        ),
        ("import json; json.loads('{')", "JSONDecodeError"),
    ],
)
def test_a_module_that_fails_on_import_is_a_failure_with_a_cure(
    install: Install, source: str, raised: str
) -> None:
    install("bad-pack", source)
    message = find_failure(load_plugins(), "bad_pack")
    assert f"bad-pack 1.0: bad_pack cannot be imported ({raised}" in message
    assert "Traceback" not in message
    assert "\n" not in message
    assert "uninstall bad-pack" in message


def test_a_misspelt_hook_names_the_nearest_and_does_not_stop_the_program(install: Install) -> None:
    install("typo-pack", CHECK.format(name="typo").replace("register_checks", "register_cheks"))
    plugins = load_plugins()
    message = find_failure(plugins, "typo_pack")
    assert message.startswith(
        "plugin 'typo_pack' of package typo-pack 1.0: it implements the hook register_cheks"
    )
    assert "Did it mean register_checks()?" in message
    assert "\n" not in message
    with pytest.raises(PluginError, match="register_cheks"):
        plugins.find("check", "typo")


def test_a_hook_with_a_wrong_argument_is_afind_failure(install: Install) -> None:
    install("arg-pack", CHECK.format(name="arg").replace("register_checks()", "register_checks(config)"))
    assert (
        "arg-pack 1.0: its hook register_checks takes config, which it is not given; "
        "the signature is register_checks()." in find_failure(load_plugins(), "arg_pack")
    )


def test_a_hook_marked_as_a_wrapper_is_afind_failure(install: Install) -> None:
    install("wrap-pack", CHECK.format(name="wrap").replace("@hookimpl", "@hookimpl(wrapper=True)"))
    assert "its hook register_checks is marked as a wrapper" in find_failure(load_plugins(), "wrap_pack")


def test_a_name_offered_by_two_packages_is_used_by_neither_and_names_both(install: Install) -> None:
    install("first-pack", CHECK.format(name="twin"))
    install("second-pack", CHECK.format(name="twin"))
    install("third-pack", CHECK.format(name="single"))
    plugins = load_plugins()
    with pytest.raises(PluginError, match=r"first-pack 1\.0.*second-pack 1\.0.*Uninstall second-pack"):
        plugins.find("check", "twin")
    assert "twin" not in plugins.names("check")
    assert "single" in plugins.names("check")
    assert any("'twin' is offered twice" in failure.message for failure in plugins.failures)


@pytest.mark.parametrize("plugin", ["aaa", "zzz"])
@pytest.mark.parametrize("name", STANDARD_CHECKS)
def test_a_check_named_as_a_standard_one_is_left_out_and_says_so(
    install: Install, name: str, plugin: str
) -> None:
    install("own-pack", CHECK.format(name=name), plugin=plugin)
    plugins = load_plugins()
    assert plugins.find("check", name).__module__.startswith("selfchal.")
    assert choose_checks(plugins, [], "checks")
    told = find_failure(plugins, plugin)
    assert (
        f"of package own-pack 1.0: its check {name!r} is left out: one that comes with selfchal has that name"
        in told
    )
    assert "another name" in told


def test_equal_entry_point_names_of_two_packages_load_both(install: Install) -> None:
    install("one-pack", CHECK.format(name="one"), plugin="plugin")
    install("two-pack", CHECK.format(name="two"), plugin="plugin")
    assert {"one", "two"} <= set(load_plugins().names("check"))


@pytest.mark.parametrize("word", ["polite", "selfchal-polite"])
def test_a_plugin_is_disabled_by_its_name_or_its_package(
    install: Install, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    install("selfchal-polite", CHECK.format(name="polite"), plugin="polite")
    monkeypatch.setenv("SELFCHAL_DISABLED_PLUGINS", f"{word}, ghost")
    plugins = load_plugins()
    assert [source.plugin for source in plugins.disabled] == ["polite"]
    with pytest.raises(PluginError, match="disabled by SELFCHAL_DISABLED_PLUGINS"):
        plugins.find("check", "polite")
    assert "no installed plugin is called so" in find_failure(plugins, "ghost")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[Polite]", "[Polite(None)]", "not a class; return the class itself"),
        ("[Polite]", "Polite", "must return a list of classes"),
        ("[Polite]", "3", "must return a list of classes"),
        ("[Polite]", "'polite'", "must return a list of classes, not 'polite'"),
        ("return [Polite]", "[Polite]", "its hook register_checks must return a list of classes, not None."),
        ("return [Polite]", "pass", "Does it lack a return? Where there is nothing to add, return []."),
        ("return [Polite]", "yield 1 / 0", "its hook register_checks raised ZeroDivisionError"),
        ('name = "polite"', "pass", "has no name; add `name: ClassVar"),
        ('name = "polite"', 'name = "Very Polite"', "use lower-case letters"),
        ("Config = NoOp", "Config = dict", "has no Config; add `Config"),
        (
            "Config = NoOp",
            "Config = BaseModel",
            "Config is pydantic's BaseModel itself; make a class of your own",
        ),
        (
            "def check(self, task, runner, evidence)",
            "def check(self, task)",
            "check(self, task) cannot be called as Check.check(",
        ),
        (
            "def check(self, task, runner, evidence)",
            "def check(self, task, runner, evidence, more)",
            "missing a required argument: 'more'",
        ),
        ("def check", "def chec", "lacks check; see Check in the docs"),
        (
            "stage = ",
            "def compare(self, tasks, earlier, held_out): ...\n        stag = ",
            "lacks stage; see ComparingCheck in the docs",
        ),
        ("Config = NoOp", "Config = NoOp; requires = ['torch']", "requires must be a tuple of"),
        ("return [Polite]", "return 1 / 0", "register_checks raised ZeroDivisionError"),
    ],
)
def test_each_wrong_class_gets_its_own_sentence(install: Install, old: str, new: str, sentence: str) -> None:
    install("selfchal-polite", CHECK.format(name="polite").replace(old, new), plugin="polite")
    plugins = load_plugins()
    assert sentence in find_failure(plugins, "polite")
    assert "polite" not in plugins.names("check")


def test_an_entry_point_that_implements_nothing_or_names_a_class_is_told_so(install: Install) -> None:
    install("idle-pack", "x = 1")
    assert "implements no hook" in find_failure(load_plugins(), "idle_pack")
    install("class-pack", "class Plugin: ...", plugin="cls")
    _write_entry_point("class_pack", "cls = class_pack:Plugin")
    assert "names the class Plugin" in find_failure(load_plugins(), "cls")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("own = own_pack:plugins", "names plugins, which own_pack does not have"),
        ("own = own_pack:register_checks.inner", "names inner, which own_pack does not have"),
        ("own = own_pak", "names a module that is not there"),
        ("own = own_pak.plugin:hooks", "names a module that is not there"),
    ],
)
def test_an_entry_point_that_names_what_is_not_there_is_told_so(
    install: Install, line: str, said: str
) -> None:
    install("own-pack", CHECK.format(name="own"), plugin="own")
    _write_entry_point("own_pack", line)
    message = find_failure(load_plugins(), "own")
    value = line.partition(" = ")[2]
    assert f"own-pack 1.0: its entry point own = {value!r} {said}; correct its pyproject.toml" in message
    assert "\n" not in message


def test_a_module_behind_two_entry_points_is_registered_once(install: Install) -> None:
    install("own-pack", CHECK.format(name="own"))
    _write_entry_point("own_pack", "first = own_pack\nsecond = own_pack")
    plugins = load_plugins()
    assert "names what own-pack:first named before; keep one" in find_failure(plugins, "second")
    assert plugins.find("check", "own")


@pytest.mark.parametrize(
    ("asks", "fits"),
    [
        ("selfchal>=9", False),
        ("selfchal<0.1", False),
        ("selfchal>=0.1,<1", True),
        ("selfchal", True),
        ("selfchal>=9; extra == 'later'", True),
        ("selfchal-other>=9", True),
    ],
)
def test_a_plugin_for_another_version_of_selfchal_is_left_out_and_says_so(
    install: Install, asks: str, fits: bool
) -> None:
    install("own-pack", CHECK.format(name="own"))
    info = next(Path(sys.path[0]).glob("own_pack-*.dist-info"))
    with (info / "METADATA").open("a") as metadata:
        metadata.write(f"Requires-Dist: {asks}\n")
    plugins = load_plugins()
    assert ("own" in plugins.names("check")) == fits
    if not fits:
        assert f"it needs selfchal {asks.removeprefix('selfchal')}, and this is" in find_failure(
            plugins, "own_pack"
        )


def _write_entry_point(module: str, line: str) -> None:
    info = next(Path(sys.path[0]).glob(f"{module}-*.dist-info"))
    (info / "entry_points.txt").write_text(f"[selfchal]\n{line}\n")


def test_unknown_names_tell_what_exists_and_the_nearest(install: Install) -> None:
    install("selfchal-polite", CHECK.format(name="polite"))
    with pytest.raises(
        PluginError, match=r"no check named 'polit'; did you mean 'polite'\? there are: .*polite"
    ):
        load_plugins().find("check", "polit")
