"""Hooks of mkdocs.yml: the pages that `make test-all` writes are listed, links that leave docs/ lead to the
source repository, and pages count in the search as mkdocs.yml says.

On the site there is no README.md above docs/; in the repository there is. So such links stay relative in the
pages, and are rewritten here. One that leads nowhere is a warning, which fails the build.
"""

from __future__ import annotations

import logging
import re
from fnmatch import fnmatch
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = "https://github.com/selfchal/selfchal/blob/main"
_LINK = re.compile(r"(?<=\]\()((?:\.\./)+[^)#\s]+)")
_log = logging.getLogger("mkdocs.selfchal")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of docs/results that the navigation does not name at the end of its section Results."""
    assert config.nav is not None
    (results,) = (entry["Results"] for entry in config.nav if "Results" in entry)
    named = {page for entry in results for page in ([entry] if isinstance(entry, str) else entry.values())}
    written = [f"results/{page.name}" for page in sorted((DOCS / "results").glob("*.md"))]
    results += [{Path(page).stem.replace("_", " "): page} for page in written if page not in named]
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with every link out of docs/ led to the source repository."""
    assert page.file.abs_src_path is not None
    for pattern, boost in config.extra["search_boost"].items():
        if fnmatch(page.file.src_uri, pattern):
            page.meta["search"] = {"boost": boost}
    folder = Path(page.file.abs_src_path).parent

    def lead(found: re.Match[str]) -> str:
        target = (folder / found[1]).resolve()
        if target.is_relative_to(DOCS) or not target.is_relative_to(ROOT):
            return found[1]
        if not target.exists():
            _log.warning("%s links to %s, which is not there", page.file.src_uri, found[1])
        return f"{SOURCE}/{target.relative_to(ROOT).as_posix()}"

    return _LINK.sub(lead, markdown)
