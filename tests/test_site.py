"""The documentation as a site: whole, offline, and it answers a newcomer's questions."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("mkdocs", reason="the site needs what `pip install 'selfchal[docs]'` brings")

ROOT = Path(__file__).parents[1]
# What a newcomer asks, in words of his own, and the page that answers it.
QUESTIONS = {
    "which GPU for my model": ("tutorial/one-gpu/", "start/gpu/", "gpu/"),
    "how much does it cost": ("costs/",),
    "use my MCP server": ("mcp/",),
    "nothing was kept": ("howto/troubleshooting/",),
    "write a trainer": ("write_a_trainer/", "plugins/trainer/"),
    "compare two runs": ("view/",),
    "export to TRL": ("interop/",),
    "is my data sent anywhere": ("explain/data/",),
}


class _Outside(HTMLParser):
    """Collects what a browser would fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        fetches = tag in ("script", "img", "iframe", "source", "video") or named.get("rel") != "canonical"
        target = named.get("src") or (named.get("href") if tag == "link" else None) or ""
        if fetches and re.match(r"(https?:)?//", target):
            self.found.append(target)


def _build(folder: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "-f", str(config), "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = _build(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_and_asks_nothing_of_the_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        outside = _Outside()
        outside.feed(page.read_text(encoding="utf-8"))
        assert not outside.found, page
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\W?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_broken_links_and_a_page_without_an_owner_fail_the_build(tmp_path: Path) -> None:
    for folder in ("docs", "scripts", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    links = ("nowhere.md", "view.md#no-such-heading", "../NO_SUCH_FILE.md")
    with (tmp_path / "docs" / "costs.md").open("a", encoding="utf-8") as page:
        page.write("\n" + " ".join(f"[broken]({link})" for link in links))
    (tmp_path / "docs" / "stray.md").write_text("# Stray\n", encoding="utf-8")
    done = _build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode == 1
    for complaint in (
        "'costs.md' contains a link 'nowhere.md', but the target",
        "does not contain an anchor '#no-such-heading'",
        "links to ../NO_SUCH_FILE.md, which is not there",
        'not included in the "nav" configuration:\n  - stray.md',
    ):
        assert complaint in done.stderr
    assert done.stderr.count("WARNING") == 4, done.stderr


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no browser: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.slow
def test_one_search_answers_each_of_a_newcomers_questions(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    missed = {}
    for question, answers in QUESTIONS.items():
        page.goto(f"{address}?q={quote(question)}")
        page.locator(".md-search-result__item").first.wait_for()
        links = page.locator(".md-search-result__item > a.md-search-result__link:first-child").all()[:3]
        hits = [str(link.get_attribute("href")).removeprefix(address).partition("?")[0] for link in links]
        if not any(hit.partition("#")[0] in answers for hit in hits):
            missed[question] = hits
    assert not missed
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)


@pytest.mark.slow
def test_the_front_page_leads_to_each_answer_by_one_click(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    links = [str(link.get_attribute("href")) for link in page.locator("article a").all()]
    targets = {link.partition("#")[0].removeprefix("./") for link in links}
    for question, answers in QUESTIONS.items():
        assert targets & set(answers), question


@pytest.mark.slow
def test_pages_with_wide_tables_and_code_fit_a_narrow_screen(browser: Any, address: str) -> None:
    page, wide = browser.new_page(viewport={"width": 400, "height": 800}), []
    for path in (
        "",
        "cli/",
        "manifest/",
        "judging/",
        "howto/troubleshooting/",
        "results/",
        "results/sandbox/",
    ):
        page.goto(address + path)
        page.locator("article h1").wait_for()
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert not wide
