"""The judge's checks come through the plugin door, and keep the contract that everybody's keep."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from selfchal.core.judge import STANDARD_CHECKS
from selfchal.judging.checks.standard import STANDARD, make_standard_checks
from selfchal.judging.plugin import register_checks
from selfchal.plugins import load_plugins
from selfchal.testing.conformance import Case, check_cases

CASES = [(check.name, case) for check in register_checks() for case in check_cases(check)]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case}" for name, case in CASES])
def test_each_check_keeps_the_contract(name: str, case: Case) -> None:
    case()


def test_a_judge_without_a_manifest_has_the_checks_that_a_manifest_has_by_default() -> None:
    assert tuple(check.name for check in STANDARD) == STANDARD_CHECKS
    assert tuple(check.name for check in make_standard_checks()) == STANDARD_CHECKS


def test_they_are_found_by_name_like_any_other_plugin() -> None:
    (entry,) = [one for one in entry_points(group="selfchal") if one.value == "selfchal.judging.plugin"]
    plugins = load_plugins()
    for check in register_checks():
        assert plugins.find("check", check.name) is check
        (item,) = [one for one in plugins.all() if (one.kind, one.name) == ("check", check.name)]
        assert (item.plugin, item.package) == (entry.name, "selfchal")
