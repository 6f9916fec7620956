"""What a person does, in Chromium with real clicks: watch, filter, open, follow a link, compare, search."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.store import Store
from tests.patience import SOON
from tests.support.stored_run import MANIFEST, make_episode, write_stored_run
from tests.view.colours import COLOURS
from tests.view.conftest import Served, serving
from tests.view.test_pages import write_hostile_run

pytestmark = pytest.mark.slow
OpenPage = Callable[..., Any]
READY = "html[data-ready=yes]"
SMALL = """
run: {name: small, seed: 0}
environment: {name: calculation}
model: {name: seedling}
synthesizer: {name: code_as_task, revisions: 0, exploration_steps: 4}
challenge: {tasks: 8, proposals: 48}
trainer: {name: grpo, steps: 2, tasks_per_step: 6, group_size: 8, validation_samples: 0}
rollout: {batch: 16, max_steps: 3, max_tokens: 24, challenge_tokens: 200}
curriculum: {validation: 0}
evaluation: {samples: 1, tasks: 6, baselines: false}
"""


@pytest.mark.torch
def test_a_page_that_is_open_fills_while_a_run_goes_on(tmp_path: Path, open_page: OpenPage) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "runs").mkdir()
    command = [
        sys.executable,
        "-m",
        "selfchal",
        "run",
        tmp_path / "small.yaml",
        "--out",
        tmp_path / "runs" / "small",
    ]
    with serving(tmp_path / "runs") as served:
        page = open_page(served.address)
        page.get_by_text("No run here yet").wait_for()
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        try:
            page.get_by_role("link", name="small").click(timeout=60_000)
            seen = watch_funnel(page, running)
            assert running.wait(2 * SOON) == 0
        finally:
            running.kill()
            running.wait()
        page.get_by_text("ended", exact=True).wait_for()
    assert seen[-1] > 0
    assert len(set(seen)) > 1, "the funnel never changed while the page was open"


def watch_funnel(page: Any, running: subprocess.Popen[bytes]) -> list[int]:
    """How many proposals the open page says there are, until scores stand on it; it is never loaded anew."""
    page.evaluate("document.body.dataset.untouched_page = 'yes'")
    seen = [0]
    proposed = page.locator("[data-stage=proposed]")
    while page.locator("#scores h2").count() == 0:
        assert running.poll() in (None, 0)
        if proposed.count():
            seen.append(int(proposed.inner_text().replace(",", "")))
        page.wait_for_timeout(250)
    page.locator("#charts .chart canvas").first.wait_for()
    assert page.evaluate("document.body.dataset.untouched_page") == "yes"
    return seen


def test_from_failed_before_and_solved_after_to_the_pair_and_its_link_in_a_fresh_browser(
    served: Served, open_page: OpenPage, chromium: Any
) -> None:
    page = open_page(served.address, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="first", exact=True).click()
    page.get_by_role("link", name="Episodes").click()
    page.get_by_label("Before training").select_option("failed")
    page.get_by_label("After training").select_option("solved")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(lambda url: "solved" in url)
    rows = page.locator("#episodes tbody tr")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    rows.first.get_by_role("link", name="failed → solved").click()
    assert "alpha_beta" in page.locator("#before").inner_text()
    assert "print(delta)" in page.locator("#after").inner_text()
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("copied").wait_for()
    page.wait_for_timeout(5_000)  # two looks at whether something changed
    assert page.get_by_text("copied").is_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    fresh = open_page(link)
    fresh.locator("#after").wait_for()
    assert "print(delta)" in fresh.locator("#after").inner_text()
    assert "token" not in fresh.url
    refused = open_page(fresh.url)
    assert "needs the address" in refused.locator("body").inner_text()


def test_search_finds_what_was_said_and_not_what_every_system_prompt_says(
    served: Served, open_page: OpenPage
) -> None:
    page = open_page(served.address)
    page.get_by_role("link", name="first", exact=True).click()
    page.get_by_role("link", name="Episodes").click()
    page.get_by_label("Search").fill("caesar")
    page.get_by_label("Search").press("Enter")
    page.locator("mark").wait_for()
    assert page.locator("#episodes tbody tr").count() == 1
    page.locator("#episodes tbody a").first.click()
    prompt = page.get_by_text("You have the tool caesar.")
    assert not prompt.is_visible()
    page.get_by_text("System prompt").click()
    assert prompt.is_visible()


def test_two_runs_are_marked_and_compared(served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address)
    for box in page.locator("#runs input").all():
        box.check()
    page.get_by_role("button", name="Compare the marked runs").click()
    page.locator("#options").wait_for()
    options = page.locator("#options tbody tr").all_inner_texts()
    assert [text.split()[0] for text in options] == ["model.dtype", "run.name", "run.seed"]
    assert page.locator("#scores tbody tr").count() == 2


def test_a_hostile_run_executes_nothing(tmp_path: Path, open_page: OpenPage) -> None:
    write_hostile_run(tmp_path / "runs" / "bad")
    with serving(tmp_path / "runs") as served:
        page = open_page(served.address)
        with page.expect_navigation():  # else the page before is found ready
            page.locator("#runs tbody a").first.click()
        page.wait_for_selector(READY)
        run = page.url
        for at in ("", "/proposals", "/proposal?round=1&index=0", "/episodes?text=needle", "/pairs",
                   "/pair?at=evaluate/after/sampled/000000/0", "/episode?at=evaluate/after/sampled/000000/0"):  # fmt: skip
            page.goto(run + at)
            page.wait_for_selector(READY)
            assert "owned" not in page.title() or "<script>" in page.title()
            assert page.locator("main img, main script, main iframe").count() == 0


EVIL_PAGE = """<body><script>
  const note = (name, said) => { document.body.dataset[name] = said; };
  const frame = document.createElement("iframe");
  frame.onload = () => note("frame", "loaded");
  frame.src = "BASE/";
  const tag = document.createElement("script");
  tag.onload = () => note("script", "ran");
  tag.onerror = () => note("script", "refused");
  tag.src = "BASE/static/view.js";
  document.body.append(frame, tag);
  fetch("BASE/link-token", {credentials: "include"}).then(() => note("read", "read"), () => note("read", "refused"));
</script>"""


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost"]
)  # the first is even sent the cookie: ports do not count
def test_another_sites_page_gets_nothing(
    served: Served, open_page: OpenPage, tmp_path: Path, name: str
) -> None:
    """A page of another origin, in the browser that has the cookie: no read, no frame, no script."""
    (tmp_path / "index.html").write_text(EVIL_PAGE.replace("BASE", served.base))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as evil:
        threading.Thread(target=evil.serve_forever, daemon=True).start()
        site = f"http://{name}:{evil.server_port}"
        page = open_page(served.address, allowed=site)
        page.goto("about:blank")  # what the page itself is still given is none of the other site's
        statuses: list[int] = []
        page.on("response", lambda a: statuses.append(a.status) if a.url.startswith(served.base) else None)
        page.goto(f"{site}/index.html")
        for mark in ("script", "read", "frame"):
            page.wait_for_selector(f"body[data-{mark}]")
        body = page.locator("body")
        assert (body.get_attribute("data-script"), body.get_attribute("data-read")) == ("refused", "refused")
        page.wait_for_load_state("networkidle")
        evil.shutdown()
    assert set(statuses) == {403}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_can_be_read_and_reached_by_keyboard(
    served: Served, open_page: OpenPage, scheme: str
) -> None:
    page = open_page(served.address, viewport={"width": 360, "height": 700}, color_scheme=scheme)
    with page.expect_navigation():  # else the page before is found ready
        page.get_by_role("link", name="first", exact=True).click()
    page.wait_for_selector(READY)
    run = page.url
    for at in ("", "/episodes", "/proposals", "/pairs", "/pair?at=evaluate/after/sampled/000000/0"):
        page.goto(run + at)
        page.wait_for_selector(READY)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, at
        assert page.evaluate(CONTRASTS) == [], at
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


# Every text whose contrast with what is behind it is below 4.5 (WCAG 2.2, AA).
CONTRASTS = (
    "() => {"
    + COLOURS
    + """  const found = [];
  for (const element of document.querySelectorAll("main *, header *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("svg, .u-legend, .hidden")) continue;
    const pair = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < 4.5) found.push(element.outerHTML.slice(0, 120));
  }
  return found;
}"""
)


def test_what_is_stored_meanwhile_appears_and_what_is_open_stays_open(
    tmp_path: Path, open_page: OpenPage
) -> None:
    run = write_stored_run(tmp_path / "runs" / "live")
    with serving(tmp_path / "runs") as served, Store.resume(run, MANIFEST) as store:
        page = open_page(served.address)
        page.get_by_role("link", name="small").click()
        page.wait_for_selector(READY)
        store.put_metrics("train 1", 1, {"reward": 0.1})
        store.put_metrics("train 1", 2, {"reward": 0.4})
        page.locator("#curve-table summary").click()
        store.put_metrics("train 1", 3, {"reward": 0.9})
        store.put_episodes("train", "1/0000000002", [make_episode("t0", "more", 1.0)] * 3)
        page.locator("#spent").get_by_role("cell", name="7", exact=True).wait_for()
        assert page.locator("#curve-table").get_attribute("open") is not None
        assert "0.9" in page.locator("#curve-table").inner_text()
        assert page.locator("#charts .chart").count() == 1
    page.get_by_text("does not answer").wait_for(timeout=1000 * SOON)
