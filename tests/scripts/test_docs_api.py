"""The page of public names: nothing vanishes from it unless the changelog says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import selfchal

pytestmark = pytest.mark.torch  # the page has names that need it

ROOT = Path(__file__).parents[2]


@pytest.fixture
def docs_api(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    sys.modules.pop("docs_api", None)
    import docs_api

    return docs_api


def test_every_public_name_is_on_the_committed_page_and_none_is_lost(docs_api: object) -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    for name in selfchal.__all__:
        assert f"### `selfchal.{name}`" in page
    assert docs_api.list_lost(page, docs_api.api_page(), "") == []  # type: ignore[attr-defined]


def test_a_name_that_vanishes_is_named_unless_the_changelog_tells_of_it(docs_api: object) -> None:
    before, after = "### `selfchal.judge`\n\n### `selfchal.weigh`\n", "### `selfchal.judge`\n"
    lost = docs_api.list_lost  # type: ignore[attr-defined]
    assert lost(before, after, "") == ["selfchal.weigh"]
    assert lost(before, after, "- removed: `selfchal.weigh`, deprecated since 0.2") == []


def test_a_page_that_would_lose_a_name_is_not_written(
    docs_api: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "api.md"
    page.write_text("### `selfchal.weigh`\n")
    monkeypatch.setattr(docs_api, "PAGE", page)
    with pytest.raises(SystemExit, match=r"public names vanished: selfchal\.weigh"):
        docs_api.api_page()  # type: ignore[attr-defined]
