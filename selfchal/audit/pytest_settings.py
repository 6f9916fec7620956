"""What stands beside tests and decides which of them run and how the run ends: conftest.py and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from selfchal.audit.findings import CheckName, Finding, Grade

_SETTINGS = frozenset(["pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"])
_OPTIONS = re.compile(
    r"^[ \t]*\"?addopts\b[^\n]*(?:\n[ \t]+[^\n]*){0,20}?"
    r"\s['\"]?(--co\b|--collect-only|--ignore|--deselect|-k\b)"
    r"|^[ \t]*(python_(?:files|functions|classes)|collect_ignore\w*|xfail_strict)\b",
    re.MULTILINE,
)
# the hooks by which pytest takes tests away, and what ends a run as its author likes
_HOOKS = re.compile(
    r"\b(collect_ignore\w*|pytest_(?:collection_modifyitems|ignore_collect|pycollect\w+|sessionfinish|pyfunc_call"
    r"|runtest_\w+)|exitstatus|os\._exit|pytest\.exit)\b"
)


def find_in_settings(number: int, beside: Mapping[str, str]) -> Iterator[Finding]:
    """Findings on the files of a folder of tests, by their path in it."""
    for name, text in beside.items():
        base = name.rpartition("/")[2]
        pattern = _HOOKS if base == "conftest.py" else _OPTIONS if base in _SETTINGS else None
        if pattern and (said := pattern.search(text)):
            what = next(group for group in said.groups() if group)
            reason = f"tests/{name[:80]} decides which tests run, or how the run ends ({what[:40]})."
            yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)
