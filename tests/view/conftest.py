"""`selfchal view` as a user starts it: a process of its own on a free port, and Chromium to look at it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import SOON
from tests.support.stored_run import write_stored_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass(frozen=True)
class Served:
    """``address`` is the whole one with the token, ``base`` that of the machine and port."""

    address: str
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        return self.address.partition("/?")[0]

    @property
    def token(self) -> str:
        return self.address.partition("token=")[2]

    @contextlib.contextmanager
    def open_client(self) -> Iterator[httpx.Client]:
        """A client that has the cookie."""
        with httpx.Client(base_url=self.base, timeout=SOON) as client:
            client.get("/", params={"token": self.token}).raise_for_status()
            yield client


@contextlib.contextmanager
def serving(*directories: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "selfchal", "view", *map(str, directories)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield Served(found[0], process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SOON)
        finally:
            process.kill()
            process.stdout.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs that differ in their seeds and in an option."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("first", "second")):
        manifest = {
            "run": {"name": name, "seed": seed},
            "environment": {"name": "desk"},
            "model": {"name": "seedling", "dtype": f"float{16 * (1 + seed)}"},
        }
        write_stored_run(folder / name, manifest)
    return folder


@pytest.fixture(scope="module")
def served(runs: Path) -> Iterator[Served]:
    with serving(runs) as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """``open_page(address)`` opens a fresh browser without cookies; fails where a page raises or asks elsewhere."""
    faults: list[str] = []
    contexts = []

    def open_fresh(address: str, allowed: str = "", **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000 * SOON)  # a page of megabytes, in a browser that shares two cores
        own = ("/".join(address.split("/")[:3]), "data:", *([allowed] if allowed else []))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(own) else faults.append(asked.url))
        page.goto(address)
        if "token=" in address:
            page.locator("main").wait_for()  # it leads on to the address without the token
        return page

    yield open_fresh
    for context in contexts:
        context.close()
    assert faults == []
