"""Quantiles against closed forms and against printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.pipeline.quantiles import beta_quantile, student_quantile

shares = st.floats(0.001, 0.999)
shapes = st.floats(0.2, 400)


@given(shares, shapes)
def test_of_a_power_of_a_uniform_number_the_quantile_is_known(share: float, a: float) -> None:
    """X^(1/a) of a uniform X is of Beta(a, 1)."""
    assert beta_quantile(share, a, 1) == pytest.approx(share ** (1 / a), abs=1e-9)


@given(shares, shapes, shapes)
def test_the_distribution_turned_around_has_the_quantiles_turned_around(
    share: float, a: float, b: float
) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(1 - beta_quantile(1 - share, b, a), abs=1e-8)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2, 3), (7, 44), (120, 3)])
def test_as_many_drawn_numbers_lie_below_as_the_quantile_says(a: float, b: float) -> None:
    drawn = np.random.default_rng(1).beta(a, b, 200_000)
    for share in (0.025, 0.5, 0.975):
        assert float((drawn <= beta_quantile(share, a, b)).mean()) == pytest.approx(share, abs=0.004)


def test_an_exact_interval_is_the_printed_one() -> None:
    """Clopper and Pearson for 7 of 50: 5.82 to 26.74 per cent."""
    assert beta_quantile(0.025, 7, 44) == pytest.approx(0.0582, abs=5e-5)
    assert beta_quantile(0.975, 8, 43) == pytest.approx(0.2674, abs=5e-5)


@pytest.mark.parametrize(
    ("degrees", "printed"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (1000, 1.962)]
)
def test_students_quantiles_are_the_printed_ones(degrees: int, printed: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(printed, abs=6e-4)


def test_with_one_degree_of_freedom_the_quantile_is_a_tangent() -> None:
    for share in (0.6, 0.9, 0.99):
        assert student_quantile(share, 1) == pytest.approx(math.tan(math.pi * (share - 0.5)), rel=1e-6)
