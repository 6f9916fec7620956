"""The report in a real browser: its script runs, its lists open, and nothing is asked of the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from selfchal.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]

OPEN_ALL = """
for (const details of document.querySelectorAll("details")) details.open = true;
document.getElementById("tasks-group").value = "train";
"""


def _dom(page: Path, profile: Path, *flags: str) -> str:
    """The page's document after its scripts ran."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=3000", *flags]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_lists_fill_and_open_and_model_text_stays_text(run: Path, tmp_path: Path) -> None:
    page = write_report(run)
    opened = tmp_path / "opened.html"
    opened.write_text(page.read_text().replace('dataset.ready = "yes";', f'dataset.ready = "yes";{OPEN_ALL}'))
    dom = _dom(opened, tmp_path / "profile")
    assert 'data-ready="yes"' in dom
    assert "<title>demo &lt;b&gt;run&lt;/b&gt;: selfchal report</title>" in dom, "a script of the model ran"
    assert re.search(r'id="tasks-count"[^>]*>90 of 90<', dom)
    assert dom.count("<details") >= 60
    assert "Failure case 3" in dom
    assert "17 of 63 tokens are the agent's own" in dom
    assert "&lt;/script&gt;&lt;script&gt;document.title" in dom
    assert "<img" not in dom


def test_nothing_overflows_on_a_phone(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "phone.html"
    measure = "document.body.dataset.over = document.documentElement.scrollWidth - window.innerWidth;"
    text = write_report(run).read_text()
    page.write_text(text.replace('dataset.ready = "yes";', f'dataset.ready = "yes";{measure}'))
    frame = tmp_path / "frame.html"  # headless Chromium has a least window width of 500 pixels
    frame.write_text(f'<iframe src="{page.as_uri()}" style="width:360px;height:700px;border:0"></iframe>')
    shot = tmp_path / "phone.png"
    dom = _dom(page, tmp_path / "profile", "--window-size=500,900")
    assert int(re.search(r'data-over="(-?\d+)"', dom).group(1)) <= 0  # type: ignore[union-attr]
    _dom(frame, tmp_path / "profile", f"--screenshot={shot}", "--window-size=500,900")
    assert shot.stat().st_size > 10_000
