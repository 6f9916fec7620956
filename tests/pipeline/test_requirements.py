from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.errors import PluginError
from selfchal.core.requirement import Requirement
from selfchal.pipeline.requirements import check_installed, find_missing, requirements_of

ABSENT, ALSO_ABSENT = "no_such_module_at_all", "nor_this_one"


class Options(BaseModel):
    fast: bool = False


class Plain:
    name: ClassVar[str] = "plain"


class Demanding:
    name: ClassVar[str] = "demanding"
    requires: ClassVar[tuple[Requirement, ...]] = (
        Requirement("json", "json-from-the-standard-library"),
        Requirement(ABSENT, "my-package[all]"),
        Requirement(ALSO_ABSENT, "fast-package", when=lambda config: config.fast),
    )


class Other:
    name: ClassVar[str] = "other"
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement(ABSENT, "my-package[all]"),)


def test_a_class_that_states_nothing_requires_nothing() -> None:
    assert requirements_of(Plain) == ()
    check_installed([(Plain, Options())])


def test_what_only_some_options_need_is_asked_for_with_these_options_alone() -> None:
    assert [one.module for one in find_missing(Demanding, Options())] == [ABSENT]
    assert [one.module for one in find_missing(Demanding, Options(fast=True))] == [ABSENT, ALSO_ABSENT]


def test_one_sentence_names_every_plugin_module_and_the_pip_command() -> None:
    with pytest.raises(PluginError) as told:
        check_installed([(Plain, Options()), (Demanding, Options(fast=True)), (Other, Options())])
    assert str(told.value) == (
        f"'demanding' and 'other' need the Python modules {ABSENT} and {ALSO_ABSENT}, which are not "
        "installed: pip install 'my-package[all]' 'fast-package'"
    )


def test_one_missing_module_is_spoken_of_in_the_singular() -> None:
    with pytest.raises(
        PluginError, match=f"'other' needs the Python module {ABSENT}, which is not installed"
    ):
        check_installed([(Other, Options())])
