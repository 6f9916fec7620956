"""A name, a section of a manifest, a class or an instance: each gives the plugin that is meant."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

import selfchal
from selfchal.core.errors import ManifestError, PluginError
from selfchal.core.model import Capability
from selfchal.testing.in_process import InProcessSandbox
from selfchal.testing.scripted import ScriptedModel


def count(state: dict[str, Any]) -> int:
    """Say how many there are."""
    return int(state["count"])


Counter = selfchal.small_environment("counter", start={"count": 0}, reads=[count], policy="Count.")


class Options(BaseModel, extra="forbid"):
    size: int = 1


class ClosingSandbox(InProcessSandbox):
    name: ClassVar[str] = "closing"
    Config: ClassVar[type[BaseModel]] = Options

    def __init__(self, config: Options) -> None:
        super().__init__()
        self.size, self.closed = config.size, False

    def close(self) -> None:
        self.closed = True


class ClosingModel(ScriptedModel):
    name: ClassVar[str] = "closing"
    Config: ClassVar[type[BaseModel]] = Options

    @classmethod
    def provides(cls, config: Options) -> frozenset[Capability]:
        return frozenset({Capability.TEXT})

    def __init__(self, config: Options) -> None:
        super().__init__(say=lambda messages: "Answer: 1")
        self.size, self.closed = config.size, False

    def close(self) -> None:
        self.closed = True


def test_an_environment_is_opened_by_name_section_class_or_instance() -> None:
    by_name = selfchal.open_environment("calculation")
    assert by_name.name == "calculation"
    assert type(selfchal.open_environment({"name": "calculation"})) is type(by_name)
    assert isinstance(selfchal.open_environment(Counter), Counter)
    assert selfchal.open_environment(by_name) is by_name


def test_options_are_those_of_the_plugins_config() -> None:
    everything = selfchal.open_environment("calculation")
    assert len(selfchal.open_environment("calculation", family="trade_calculator").tools) < len(
        everything.tools
    )
    with selfchal.open_sandbox(ClosingSandbox, size=3) as sandbox:
        assert sandbox.size == 3  # type: ignore[attr-defined]  # a sandbox as such has no size


@pytest.mark.parametrize(
    ("wanted", "options", "error", "words"),
    [
        ("calculaton", {}, PluginError, "did you mean 'calculation'"),
        ("calculation", {"colour": 1}, ManifestError, "calculation.colour: no such key"),
        ({"colour": 1}, {}, ManifestError, "name: is missing"),
        (Counter, {"colour": 1}, ManifestError, "counter.colour: no such key"),
        (Counter(Counter.Config()), {"colour": 1}, TypeError, "colour: options go with"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(
    wanted: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        selfchal.open_environment(wanted, **options)


@pytest.mark.parametrize(
    ("opener", "plugin"),
    [(selfchal.open_sandbox, ClosingSandbox), (selfchal.open_model, ClosingModel)],
    ids=["sandbox", "model"],
)
def test_what_was_opened_here_is_closed_and_what_was_given_stays_open(opener: Any, plugin: Any) -> None:
    with opener(plugin) as made:
        assert not made.closed
    assert made.closed
    own = plugin(Options())
    with opener(own) as given:
        assert given is own
    assert not own.closed


def test_it_is_closed_when_the_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), selfchal.open_model(ClosingModel) as made:
        raise ZeroDivisionError
    assert made.closed  # type: ignore[attr-defined]


def test_an_environment_that_is_opened_for_a_block_is_named_with_its_block() -> None:
    unopened: Any = selfchal.using_environment("calculation")
    with pytest.raises(TypeError, match=r"with selfchal\.using_environment\(…\) as environment:"):
        selfchal.judge([], unopened)
    with unopened as environment:
        assert environment.name == "calculation"
