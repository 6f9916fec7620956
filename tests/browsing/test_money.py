"""What a run has cost so far: from the tokens of its stages and the prices in its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfchal.browsing.index import open_index
from selfchal.browsing.money import is_priced, measure_money
from selfchal.browsing.runs import describe_run, summarise_run
from tests.support.stored_run import MANIFEST, write_stored_run

PAID, FREE, UNKNOWN = (
    {"name": "openai", "price_in": 1.0, "price_out": 10.0}, {"name": "seedling"},
    {"name": "openai", "price_in": 0.0, "price_out": 0.0},
)  # fmt: skip
EPISODE = ((4 + 10) * 1.0 + 5 * 10.0) / 1e6  # before its turns 4 and 10 tokens are read, and 5 are sampled


@pytest.mark.parametrize(
    ("models", "episodes"),
    [
        ({"model": PAID}, 11),
        ({"model": FREE, "challenger": PAID}, 3),
        ({"model": FREE, "teacher": PAID}, 4),
        ({"model": PAID, "challenger": FREE}, 8),
        ({"model": FREE}, None),
        ({"model": UNKNOWN}, None),
        ({"model": PAID, "challenger": UNKNOWN}, None),
        ({"model": {"name": "openai", "price_in": "<b>"}}, None),
        ({"model": {"name": "openai", "price_in": float("inf")}}, None),
        ({"model": {"name": "openai", "price_in": -1.0}}, None),
    ],
)
def test_the_stored_episodes_of_paid_models_are_counted(
    tmp_path: Path, models: dict[str, Any], episodes: int | None
) -> None:
    run = write_stored_run(tmp_path / "run", {**MANIFEST, **models})
    summary = summarise_run(run)
    with open_index(run) as index:
        index.catch_up()
        found = measure_money(summary, index)
    assert found == (None if episodes is None else pytest.approx(episodes * EPISODE))


def test_results_say_what_the_whole_run_cost(tmp_path: Path) -> None:
    run = write_stored_run(tmp_path / "run", {**MANIFEST, "model": PAID})
    (run / "results.json").write_text('{"costs": {"all": {"money": 2.5}}}')
    summary = summarise_run(run)
    assert not is_priced(summary)
    assert describe_run(summary)["money"] == 2.5
