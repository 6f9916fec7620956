"""The examples that come with the package: each stands under one heading and says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfchal.pipeline.examples import find_examples, group_examples, read_summary

KNOWN = find_examples()


def test_every_example_stands_under_one_heading() -> None:
    headings = dict(group_examples(KNOWN))
    assert [heading.partition(" (")[0] for heading in headings] == [
        "The first hour",
        "Trainers",
        "GPUs",
        "Environments",
        "Python",
    ]
    listed = [name for group in headings.values() for name in group]
    assert len(listed) == len(set(listed))
    assert {re.sub(r"(/.*)_[a-z]+$", r"\1_TRAINER", name) for name in KNOWN} == set(listed)
    assert next(iter(headings["The first hour"])) == "quickstart"


@pytest.mark.parametrize("name", KNOWN)
def test_what_an_example_says_of_itself_is_a_whole_sentence(name: str) -> None:
    said = read_summary(KNOWN[name])
    assert re.fullmatch(r"[A-Z].{20,250}\.", said), said


def test_the_first_sentence_may_run_over_several_lines(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("# Runs 4.5 rounds\n# of it. And more.\nrun: {}\n# Not this.\n")
    assert read_summary(file) == "Runs 4.5 rounds of it."
