"""The page holds what the run found, and nothing that a model wrote can become markup or a script."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.core.errors import StoreError
from selfchal.report import write_report
from selfchal.report.charts import curves_of
from selfchal.report.page import _dump_script_json


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def _outline(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Outline()
    parser.feed(page)
    return parser.tags


def test_the_page_shows_scores_funnel_curves_and_sandbox(run: Path) -> None:
    page = write_report(run).read_text()
    for text in (
        "14.0 %",
        "41.0 %",
        "+27.0",
        "failure cases failed",
        "first action forced",
        "decoding",
        "field_values",
    ):
        assert text in page
    assert "did not fully guarantee: determinism" in page
    assert page.count('class="curve') >= 3
    assert "demo &lt;b&gt;run&lt;/b&gt;" in page
    assert "convert raised in 7 of 7 calls (NameError 7)" in page


def test_no_text_of_a_model_becomes_an_element(run: Path) -> None:
    tags = _outline(write_report(run).read_text())
    assert [attrs.get("type") for tag, attrs in tags if tag == "script"] == ["application/json"] * 2 + [None]
    assert not [tag for tag, _ in tags if tag == "img"]


def test_the_page_asks_nothing_of_the_network(run: Path) -> None:
    page = write_report(run).read_text()
    tags = _outline(page)
    assert not [attrs for _, attrs in tags if "src" in attrs or "href" in attrs]
    assert "default-src 'none'" in page
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest", page)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_in_a_script_is_the_same_json_and_never_ends_it(value: object) -> None:
    text = str(_dump_script_json(value))
    assert json.loads(text) == value
    assert "<" not in text


def test_a_run_under_way_has_a_report_too(run: Path) -> None:
    (run / "results.json").unlink()
    page = write_report(run).read_text()
    assert "has not ended" in page
    assert "why the others fell" in page.lower()


def test_an_improvement_that_is_none_is_called_so(run: Path) -> None:
    found = json.loads((run / "results.json").read_text())
    found["difference"]["low"] = -0.01
    found["elicitation"]["difference"]["low"] = -0.2
    (run / "results.json").write_text(json.dumps(found))
    page = write_report(run).read_text()
    assert "no improvement is shown" in page
    assert "may be elicitation, not skill" in page


def test_a_directory_without_a_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no run directory"):
        write_report(tmp_path)


def test_curves_keep_order_and_leave_out_what_never_changes() -> None:
    curves = curves_of({"kl": [0.0, 0.1], "reward": [0.1, 0.5, float("nan")], "steps": [4.0, 4.0]})
    assert [curve.label for curve in curves] == ["reward", "kl"]
    assert curves[0].raw == "M0.0,120.0 L600.0,0.0"
    assert (curves[0].first, curves[0].last, curves[0].updates) == (0.1, 0.5, 3)
