"""Quantiles of the Beta distribution and of Student's t, for intervals. SciPy is no dependency."""

from __future__ import annotations

import math

ACCURACY = 1e-12
_TINY = 1e-300  # in the place of a denominator of 0


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x with P(X <= x) = ``share`` for X of Beta(a, b), to an absolute accuracy of about 1e-12.

    Newton's method, which halves the bracket wherever a step would leave it.
    """
    low, high, x, before = 0.0, 1.0, a / (a + b), math.inf
    while abs(x - before) > ACCURACY:
        before, excess = x, _compute_distribution(x, a, b) - share
        low, high = (low, x) if excess > 0 else (x, high)
        density = _compute_density(x, a, b)  # so small far from the mean that it may come out as 0
        step = x - excess / density if density > 0 else low
        x = step if low < step < high else (low + high) / 2
    return x


def student_quantile(share: float, degrees: float) -> float:
    """The t with P(T <= t) = ``share`` for Student's t, where ``share`` is above one half.

    T² / (T² + degrees) is of Beta(1/2, degrees/2).
    """
    part = beta_quantile(2 * share - 1, 0.5, degrees / 2)
    return math.sqrt(degrees * part / (1 - part))


def _compute_density(x: float, a: float, b: float) -> float:
    return math.exp(_log_weight(x, a, b)) / (x * (1 - x))


def _log_weight(x: float, a: float, b: float) -> float:
    """The logarithm of x^a (1-x)^b / B(a, b)."""
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return scale + a * math.log(x) + b * math.log1p(-x)


def _compute_distribution(x: float, a: float, b: float) -> float:
    """P(X <= x): the regularised incomplete beta function, for 0 < x < 1."""
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side of this
        return 1 - _compute_distribution(1 - x, b, a)
    return math.exp(_log_weight(x, a, b)) * _continued_fraction(x, a, b) / a


def _continued_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz's
    method (Numerical Recipes, section 6.4)."""
    up, down = 1.0, 1.0 / _avoid_zero(1 - (a + b) * x / (a + 1))
    value, m, change = down, 0, 0.0
    while abs(change - 1) > ACCURACY / 10:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            down = 1.0 / _avoid_zero(1 + term * down)
            up = _avoid_zero(1 + term / up)
            change = up * down
            value *= change
    return value


def _avoid_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
