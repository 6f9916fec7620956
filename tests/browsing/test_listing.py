"""Filters, search and pages over the episodes of one run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.browsing.addresses import Address
from selfchal.browsing.filters import EpisodeFilter, write_match
from selfchal.browsing.index import RunIndex, open_index
from selfchal.browsing.listing import list_episodes, walk_episodes
from selfchal.core.episode import End
from selfchal.core.errors import StoreError
from selfchal.pipeline.store import Store
from tests.support.stored_run import MANIFEST, make_episode


@pytest.fixture
def index(run: Path) -> Iterator[RunIndex]:
    with open_index(run) as opened:
        assert opened.catch_up()
        yield opened


def find(index: RunIndex, **wanted: object) -> list[str]:
    return [str(row.address) for row in walk_episodes(index, EpisodeFilter(**wanted))]  # type: ignore[arg-type]


BEFORE, AFTER, GROUP = "evaluate/before/sampled/000000", "evaluate/after/sampled/000000", "train/1/0000000001"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"stage": "evaluate before"}, [f"{BEFORE}/0", f"{BEFORE}/1"]),
        ({"stage": "evaluate after", "solved": "solved"}, [f"{AFTER}/0"]),
        ({"solved": "unjudged"}, [f"{AFTER}/1"]),
        ({"before": "failed", "after": "solved"}, [f"{BEFORE}/0", f"{AFTER}/0"]),
        ({"before": "solved", "after": "failed"}, []),
        ({"family": "hard"}, [f"{BEFORE}/1", f"{AFTER}/1"]),
        ({"task": "t0", "solved": "solved"}, [f"{GROUP}/1", f"{GROUP}/3"]),
        ({"end": "steps", "solved": "failed"}, [f"{GROUP}/0", f"{GROUP}/2"]),
        ({"mode": "greedy"}, []),
        ({"min_tokens": 13}, []),
        ({"max_steps": 2, "stage": "evaluate before"}, [f"{BEFORE}/0", f"{BEFORE}/1"]),
        ({"text": "gamma"}, [f"{BEFORE}/1"]),
        ({"text": "GAMMA print"}, [f"{BEFORE}/1"]),
        ({"text": "alpha_beta"}, [f"{BEFORE}/0"]),
        ({"text": '"print delta"'}, [f"{AFTER}/0"]),
        ({"text": '"delta print"'}, []),
        ({"text": "del*"}, [f"{AFTER}/0"]),
        ({"text": "del"}, []),
        ({"text": "one", "where": "asked"}, [f"{BEFORE}/0", f"{AFTER}/0"]),
        ({"text": "one"}, []),
        ({"text": "observation", "where": "said"}, []),
        ({"text": "***"}, []),
    ],
    ids=str,
)
def test_a_filter_lets_through_what_it_asks_for(
    index: RunIndex, wanted: dict[str, object], found: list[str]
) -> None:
    assert find(index, **wanted) == found


def test_the_system_prompt_is_not_searched(index: RunIndex) -> None:
    """Every episode's system prompt names caesar; one agent said it."""
    assert find(index, text="caesar") == [f"{AFTER}/1"]


def test_a_row_says_what_the_episode_was(index: RunIndex) -> None:
    (row, *_) = list_episodes(index, EpisodeFilter(task="one")).rows
    assert (row.family, row.opening, row.steps, row.tokens, row.sampled, row.seconds) == (
        "easy", "Do one", 2, 12, 5, 0.5)  # fmt: skip
    assert (row.before, row.after) == (0, 1)


@pytest.mark.parametrize("newest", [False, True])
def test_pages_follow_each_other_without_gap_or_repetition(index: RunIndex, newest: bool) -> None:
    found, after = [], None
    while True:
        page = list_episodes(index, EpisodeFilter(), after, 2, newest=newest)
        found += page.rows
        after = page.following
        if after is None:
            break
    numbers = [row.number for row in found]
    assert numbers == sorted(numbers, reverse=newest)
    assert len(numbers) == 11


def test_a_page_that_takes_too_long_says_how_far_it_got(
    index: RunIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfchal.browsing.listing.WINDOW", 2)
    found, after, cut = [], 0, 0
    while after is not None:
        page = list_episodes(index, EpisodeFilter(task="t0"), after, 50, patience=-1.0)
        found += page.rows
        cut += not page.complete
        after = page.following  # type: ignore[assignment]
    assert [row.sample for row in found] == [0, 1, 2, 3]
    assert cut > 1


def test_words_that_are_no_outcome_and_no_address_are_named(index: RunIndex) -> None:
    with pytest.raises(StoreError, match="there are: failed, solved, unjudged"):
        list_episodes(index, EpisodeFilter(solved="maybe"))
    for wrong in ("", "evaluate", "evaluate/0", "nothing/a/0", "train/1/x", "train/1/²", "../../etc/0"):
        with pytest.raises(StoreError, match="names no episode"):
            Address.parse(wrong)
    assert Address.parse(f"{AFTER}/12") == Address("evaluate", "after/sampled/000000", 12)


@given(st.text())
def test_nothing_that_is_typed_is_read_as_an_operator(text: str) -> None:
    import sqlite3

    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE texts USING fts5 (asked, said, seen)")
    if match := write_match(text, ""):
        database.execute("SELECT * FROM texts WHERE texts MATCH ?", (match,)).fetchall()


def test_turns_of_an_example_in_the_prompt_are_not_what_the_agent_said(tmp_path: Path) -> None:
    from selfchal.core.model import Message

    episode = make_episode("one", "print(mine)", 1.0, end=End.ANSWER)
    shown = [Message("user", "example task"), Message("assistant", "print(shown)")]
    episode.messages[1:1] = shown
    with Store.create(tmp_path / "run", MANIFEST) as store:
        store.put_episodes("train", "1/0000000001", [episode])
    with open_index(tmp_path / "run") as index:
        index.catch_up()
        assert len(find(index, text="mine")) == 1
        assert find(index, text="shown") == []
        assert len(find(index, text="one", where="asked")) == 1
