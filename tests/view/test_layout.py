"""How pages lie on screens, in Chromium: nothing wider than the screen, no short word broken, edges to be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.store import Store
from tests.support.stored_run import MANIFEST, make_episode, write_stored_run
from tests.view.colours import COLOURS
from tests.view.conftest import Served, serving
from tests.view.test_pages import find_run

pytestmark = pytest.mark.slow
OpenPage = Callable[..., Any]
READY = "html[data-ready=yes]"
AFTER = "evaluate/after/sampled/000000/0"
PAGES = ["", "/episodes", "/episodes?text=caesar", "/proposals", "/pairs", "/task?id=t0", f"/episode?at={AFTER}",
         f"/pair?at={AFTER}", "/group?at=train/1/0000000001/2", "/proposal?round=1&index=1"]  # fmt: skip


def write_results(run: Path) -> None:
    """Rates with intervals, so that the page has its widest table."""
    rates = dict.fromkeys(("pass@1", "pass@4", "pass^4", "greedy"), 0.135)
    bounds = {"intervals": {name: [0.1, 0.177] for name in rates}, "warnings": {"pass@1": "too few tasks"}}
    change = {"mean": 0.287, "low": 0.235, "high": 0.342, "warning": "too few tasks"}
    results = {"held_out_tasks": 2, "before": rates | bounds, "after": rates | bounds, "difference": change}
    (run / "results.json").write_text(json.dumps(results))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A run with scores, and with long names and tokens wherever they can be."""
    run = write_stored_run(tmp_path_factory.mktemp("runs") / "odd", MANIFEST)
    write_results(run)
    with Store.resume(run, MANIFEST) as store:
        store.put_episodes("train", f"1/{'9' * 120}", [make_episode("i" * 200, "say " + "x" * 500, 1.0)])
        for step, reward in ((1, 0.1), (2, 0.4)):
            store.put_metrics("train 1", step, {"reward": reward})
    tokenizer = run / "checkpoints" / "1" / "last" / "tokenizer.json"
    tokenizer.parent.mkdir(parents=True)
    tokenizer.write_text(json.dumps({"model": {"vocab": {"y" * 400: 4, "  two  blanks": 5}}}))
    with serving(run.parent) as served:
        yield served


# Words of up to 14 letters, and intervals, that begin on one line and end on another, in cells.
BROKEN = """() => {
  const found = [];
  for (const cell of document.querySelectorAll("th, td, .tag, .whole")) {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest(".path, .hidden")) continue;
      for (const word of node.textContent.matchAll(/\\[[^\\]]{1,40}\\]|[^ \\n,/-]{1,40}/g)) {
        if (word[0].length > 14 && word[0][0] !== "[") continue;
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (tops.size > 1) found.push(word[0]);
      }
    }
  }
  return found;
}"""


@pytest.mark.parametrize("width", [360, 400, 768, 1600])
def test_pages_are_as_wide_as_the_screen_and_break_no_short_word(
    odd: Served, open_page: OpenPage, width: int
) -> None:
    page = open_page(odd.address, viewport={"width": width, "height": 800})
    run = find_run(odd, "small")
    for at in ("/", f"/compare?run={run[3:]}", *(run + each for each in PAGES)):
        page.goto(odd.base + at)
        page.wait_for_selector(READY)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, at
        assert page.evaluate(BROKEN) == [], at


def test_a_long_token_breaks_inside_its_strip(odd: Served, open_page: OpenPage) -> None:
    page = open_page(odd.address, viewport={"width": 400, "height": 800})
    page.goto(f"{odd.base}{find_run(odd, 'small')}/episode?at={AFTER}")
    page.locator(".tokens summary").first.click()
    token = page.locator(".t", has_text="yyyy").first
    assert token.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    assert token.evaluate("e => e.getBoundingClientRect().right - innerWidth") <= 0
    blanks = page.locator(".t", has_text="two").first
    assert blanks.evaluate("e => e.innerText") == "  two  blanks"


def test_the_number_of_the_funnel_stands_beside_its_bar(odd: Served, open_page: OpenPage) -> None:
    page = open_page(odd.address, viewport={"width": 1600, "height": 800})
    page.goto(odd.base + find_run(odd, "small"))
    gap = page.locator(".funnel tbody tr").first.evaluate("""row => {
      const range = document.createRange();
      range.selectNodeContents(row.cells[2]);
      return range.getBoundingClientRect().left - row.querySelector("svg").getBoundingClientRect().right;
    }""")
    assert 0 <= gap < 30


def test_every_field_has_a_name_of_its_own(odd: Served, open_page: OpenPage) -> None:
    page = open_page(odd.address)
    for at in ("/episodes", "/pairs", "/proposals"):
        page.goto(odd.base + find_run(odd, "small") + at)
        names = page.locator(".filters label").evaluate_all(
            "labels => labels.map((label) => label.firstChild.textContent.trim() || label.textContent.trim())"
        )
        assert len(names) == len(set(names)), names
        assert all(len(name) > 2 for name in names), names


# Edges of fields, buttons and bars whose contrast with what is around them is below 3 (WCAG 2.2, 1.4.11).
EDGES = (
    "() => {"
    + COLOURS
    + """  const found = [];
  for (const element of document.querySelectorAll("input:not([type=checkbox]), select, button:not([hidden]), .bar, .mask")) {
    const style = getComputedStyle(element);
    for (const other of [behind(element.parentElement), behind(element)]) {
      const pair = [light(style.borderTopColor), light(other)].sort((a, b) => b - a);
      if (parseFloat(style.borderTopWidth) < 1 || (pair[0] + 0.05) / (pair[1] + 0.05) < 3) found.push(element.outerHTML.slice(0, 80));
    }
  }
  return found;
}"""
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_can_be_seen(odd: Served, open_page: OpenPage, scheme: str) -> None:
    page = open_page(odd.address, color_scheme=scheme)
    run = find_run(odd, "small")
    for at in ("/", "/compare", *(run + each for each in PAGES)):
        page.goto(odd.base + at)
        page.wait_for_selector(READY)
        assert page.evaluate(EDGES) == [], at
