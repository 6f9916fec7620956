"""Which GPUs there are, from what NVIDIA's tool prints and from what a person says."""

from __future__ import annotations

import pytest

from selfchal.pipeline.gpus import Gpus, parse_gpus, read_gpus

TWO = "NVIDIA H100 80GB HBM3, 81559\nNVIDIA A10G, 23028\n"


@pytest.mark.parametrize(
    ("visible", "count", "kind", "mebibytes"),
    [
        (None, 2, "NVIDIA A10G", 23028),
        ("0", 1, "NVIDIA H100 80GB HBM3", 81559),
        ("1,0", 2, "NVIDIA A10G", 23028),
        ("GPU-8a1b", 1, "NVIDIA H100 80GB HBM3", 81559),
    ],
)
def test_the_smallest_of_the_visible_cards_decides(
    visible: str | None, count: int, kind: str, mebibytes: int
) -> None:
    assert read_gpus(TWO, visible) == Gpus(count, mebibytes * 2**20, kind)


@pytest.mark.parametrize(
    ("listing", "visible"), [("", None), (TWO, ""), (TWO, "7"), ("A card, [N/A]\n", None)]
)
def test_there_may_be_none(listing: str, visible: str | None) -> None:
    assert read_gpus(listing, visible) is None


def test_a_person_says_how_many_and_how_large() -> None:
    assert parse_gpus(" 4X80 ") == Gpus(4, 80 * 10**9, named=True)
    assert parse_gpus("1x22.5").bytes == 22_500_000_000
    assert str(parse_gpus("8x80")) == "8 of 80 GB"


@pytest.mark.parametrize("text", ["", "80", "0x80", "4x0", "x", "4x80GB", "-1x80", "4x80x2", "99999x80"])
def test_what_is_no_number_of_gpus_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 4x80"):
        parse_gpus(text)
