"""Takes the pictures of docs/view.md: pages of `selfchal view` over two runs, light, dark, narrow.

python scripts/view_pictures.py RUNS docs/pictures      `make pictures` does it with runs/pictures

Needs Chromium, and playwright from `pip install -e '.[test]'`. RUNS is a folder for two small runs of the
quick start, which are made there, or gone on with; pages name it as it is given here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import selfchal

WIDE, NARROW = {"width": 1100, "height": 760}, {"width": 390, "height": 760}
READY = "html[data-ready=yes]"
QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart.yaml"
SMALL = (
    "challenge.tasks=24",
    "challenge.proposals=96",
    "trainer.steps=4",
    "trainer.tasks_per_step=6",
    "trainer.group_size=4",
    "trainer.warmup_steps=0",
    "rollout.batch=48",
    "evaluation.samples=2",
)


def make_runs(folder: Path) -> None:
    """Two runs that differ in their seed, too small to show a gain."""
    for seed in (0, 1):
        manifest = selfchal.load_manifest(QUICKSTART, [*SMALL, f"run.name=small{seed}", f"run.seed={seed}"])
        selfchal.run(manifest, folder / f"small{seed}", resume=True)


def take_pictures(browser: Any, address: str, out: Path) -> None:
    """One after the other, as a person would come to them."""
    page = browser.new_page(viewport=WIDE)
    page.goto(address)
    page.locator("#runs").wait_for()
    _take(page, out / "view_runs.png")
    page.locator("#runs tbody a").first.click()
    page.wait_for_selector(READY)
    run = page.url
    while page.locator("#head .note").count():  # until the index is made
        page.reload()
        page.wait_for_selector(READY)
    _take(page, out / "view_run.png")
    page.locator("#charts").scroll_into_view_if_needed()
    page.locator("#charts .u-over").first.hover()
    page.screenshot(path=out / "view_curves.png")
    _visit(page, f"{run}/episodes?text=convert&stage=train+1&solved=solved")
    _take(page, out / "view_episodes.png")
    page.locator("#episodes tbody a").first.click()
    page.wait_for_selector(READY)
    page.get_by_role("link", name="rollouts side by side").click()
    _take(page, out / "view_group.png")
    _visit(page, f"{run}/episodes?stage=challenge+1&solved=solved")
    page.locator("#episodes tbody a").first.click()
    page.wait_for_selector(READY)
    page.locator("details.tokens").last.locator("summary").click()
    page.locator("details.tokens").last.scroll_into_view_if_needed()
    _take(page, out / "view_episode.png")
    _visit(page, f"{run}/proposals?stage=solution+passed")
    page.locator("tbody a").first.click()
    _take(page, out / "view_proposal.png")
    page.goto(address)
    page.locator("#runs").wait_for()
    for box in page.locator("#runs input").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_selector(READY)
    while page.locator(".note").count():  # until the other run is indexed too
        page.reload()
    _take(page, out / "view_compare.png")
    pair = f"{run}/pairs?before=failed&after=solved"
    _take_pair(
        browser.new_page(viewport=WIDE, color_scheme="dark"), address, pair, out / "view_pair_dark.png"
    )
    _take_pair(browser.new_page(viewport=NARROW), address, pair, out / "view_pair_narrow.png")


def _take_pair(page: Any, address: str, pairs: str, path: Path) -> None:
    page.goto(address)
    page.locator("#runs").wait_for()
    _visit(page, pairs)
    page.locator("#pairs tbody a").first.click()
    _take(page, path)


def _visit(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(READY)


def _take(page: Any, path: Path) -> None:
    page.wait_for_selector(READY)
    page.screenshot(path=path)


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if len(sys.argv) != 3 or chromium is None:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    make_runs(Path(sys.argv[1]))
    command = [sys.executable, "-m", "selfchal", "view", sys.argv[1]]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                take_pictures(browser, address, out)
                browser.close()
        finally:
            process.send_signal(signal.SIGINT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
