"""What an engine would fetch for a Dockerfile is seen, however it is written."""

from __future__ import annotations

import pytest

from selfchal.strangers.dockerfiles import adds_from_network, list_images


@pytest.mark.parametrize(
    ("dockerfile", "images"),
    [
        ("FROM python:3.12\n", ["python:3.12"]),
        ("from --platform=linux/amd64 a/b AS one\nFROM one\nCOPY --from=one /x /y\n", ["a/b"]),
        ("FROM scratch\nCOPY --from=0 /x /y\n", []),
        ("FROM a\nCOPY --from=b /x /y\n", ["a", "b"]),
        ("FROM a\nCOPY \\\n# a comment\n  --from=b /x /y\n", ["a", "b"]),
        ("# escape=`\nFROM a\nCOPY `\n --from=b /x /y\n", ["a", "b"]),
        ("FROM a\nRUN --mount=type=bind,from=b,target=/b true\n", ["a", "b"]),
        ("ARG BASE=evil\nFROM $BASE\n", ["$BASE"]),
        ("FROM \\\n evil\n", ["\\"]),
    ],
)
def test_images(dockerfile: str, images: list[str]) -> None:
    assert list_images(dockerfile) == images


@pytest.mark.parametrize(
    ("dockerfile", "fetches"),
    [
        ("FROM a\nADD https://x/y /z\n", True),
        ("FROM a\n  add \\\n\n# comment\n  --chown=1 \\\n  http://x/y /z\n", True),
        ("# escape=`\nFROM a\nADD `\n http://x/y /z\n", True),
        ("# escape=`\nFROM a\nRUN echo \\\nADD http://x/y /z\n", True),
        ("FROM a\nARG URL=http://x\nADD $URL /z\n", True),
        ("FROM a\nADD git@host:x.git /z\n", True),
        ("FROM a\nADD data.tar /z\nRUN apk add --no-cache curl\nRUN curl http://x\n", False),
    ],
)
def test_addresses(dockerfile: str, fetches: bool) -> None:
    assert adds_from_network(dockerfile) is fetches
