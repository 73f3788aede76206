"""Expectations and integrals without hypergeometric series: exact where scipy's series give NaN."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["beta_mean", "discounted_integral", "is_gentle", "survival_integral"]

_NODES = 128
_DROP = 40.0  # e-folds below its peak at which an integrand is cut off: 4e-18
_BLOCK = 4_000_000  # values held in memory at once
_LEGENDRE = {points: np.polynomial.legendre.leggauss(points) for points in (16, 32)}


def beta_mean(function: Callable[..., ndarray], a: Any, b: Any, *rows: Any) -> ndarray:
    """E[f(p)] for p ~ Beta(a, b), one value a row, with a relative error near 1e-13.

    Parameters
    ----------
    function : f(p, *rows) that broadcasts; smooth and finite on 0 <= p <= 1
    a, b : shape parameters above 0, one a row
    rows : further arguments of f, one value a row; any of these may be one number for all rows

    Notes
    -----
    f is split into its chord f(0)(1 - p) + f(1) p, whose mean is exact, and a rest that vanishes at
    both ends. In u = log(p / (1 - p)) the rest times the density falls off at least as exp(-|u|),
    whatever a and b, and the trapezoidal rule converges exponentially.

    References
    ----------
    Trefethen and Weideman (2014), "The exponentially convergent trapezoidal rule", SIAM Review
    56(3).

    Examples
    --------
    >>> float(beta_mean(lambda p: p**2, 2.0, 3.0)[0])  # a(a+1) / ((a+b)(a+b+1))
    0.2
    """
    values = np.stack(np.broadcast_arrays(np.zeros(1), a, b, *rows)[1:])
    out = np.empty(values.shape[1])
    step = max(1, _BLOCK // _NODES)
    for i in range(0, len(out), step):
        part = slice(i, i + step)
        out[part] = _beta_mean(function, *values[:, part])
    return out


def _beta_mean(function: Callable, a: ndarray, b: ndarray, *rows: ndarray) -> ndarray:
    u = _logit_grid(a + 1, b + 1)
    p, q = _sigmoid(u), _sigmoid(-u)
    log_weight = (a + 1)[:, None] * np.log(p) + (b + 1)[:, None] * np.log(q)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    columns = [row[:, None] for row in rows]
    ends = np.tile([0.0, 1.0], (len(a), 1))
    at_0, at_1 = function(ends, *columns).T
    rest = (function(p, *columns) - at_0[:, None] * q - at_1[:, None] * p) / (p * q)
    # The weights are those of Beta(a + 1, b + 1); E[p(1-p)] of Beta(a, b) turns one into the other.
    scale = a * b / ((a + b) * (a + b + 1))
    mean_rest = scale * (weight * rest).sum(axis=1) / weight.sum(axis=1)
    return (at_0 * b + at_1 * a) / (a + b) + mean_rest


def _logit_grid(a: ndarray, b: ndarray) -> ndarray:
    """Equal steps in u that hold all of p^a (1-p)^b du but a share of exp(-_DROP), one row an (a,
    b).
    """
    peak = np.log(a / b)
    height = _log_beta_kernel(peak, a, b)
    ends = []
    for side in (-1.0, 1.0):
        near, far = np.zeros_like(a), np.full_like(a, 2.0)
        while np.any(inside := _log_beta_kernel(peak + side * far, a, b) > height - _DROP):
            far = np.where(inside, 2 * far, far)
        for _ in range(12):
            middle = (near + far) / 2
            inside = _log_beta_kernel(peak + side * middle, a, b) > height - _DROP
            near, far = np.where(inside, middle, near), np.where(inside, far, middle)
        ends.append(peak + side * far)
    return np.linspace(ends[0], ends[1], _NODES, axis=1)


def _log_beta_kernel(u: ndarray, a: ndarray, b: ndarray) -> ndarray:
    return -a * np.logaddexp(0, -u) - b * np.logaddexp(0, u)


def _sigmoid(u: ndarray) -> ndarray:
    return np.exp(-np.logaddexp(0, -u))


def survival_integral(
    start: ndarray, end: ndarray, *, shapes: tuple, scales: tuple, points: int = 32
) -> tuple[ndarray, ndarray, ndarray]:
    """Nodes and log weights for the integral of (A + u)^-c (B + u)^-d over start <= u <= end.

    Parameters
    ----------
    start, end : limits, 0 <= start <= end, one a row
    shapes : (c, d), above 0: numbers or one a row
    scales : (A, B), above 0: numbers
    points : nodes a row, 32, or 16 where `is_gentle`

    Returns
    -------
    (u, log_weight, log_rest) : three arrays, a row a customer and a column a node; the integral is
        sum(exp(log_weight - c log(A + u) - d log(B + u))), and log_rest is log((end + m) / (u +
        m)), m = min(A, B).

    Notes
    -----
    Gauss-Legendre in log(u + min(A, B)); the tail is cut where the integrand has fallen by
    exp(-40).
    """
    (c, d), (big, small) = shapes, scales
    low = start + min(big, small)
    reach = np.minimum(
        (big + start) * np.expm1(np.minimum(_DROP / c, 600.0)),
        (small + start) * np.expm1(np.minimum(_DROP / d, 600.0)),
    )
    width = np.log1p((np.minimum(end, start + reach) - start) / low)
    nodes, weights = _LEGENDRE[points]
    v = width[:, None] * ((nodes + 1) / 2)
    with np.errstate(divide="ignore"):
        log_weight = np.log(weights / 2) + (np.log(width) + np.log(low))[:, None]
    log_weight += v
    return (
        low[:, None] * np.exp(v) - min(big, small),
        log_weight,
        np.log1p((end - start) / low)[:, None] - v,
    )


def is_gentle(start: ndarray, end: ndarray, *, shapes: tuple, scales: tuple) -> ndarray:
    """Where the integrand of `survival_integral` falls so little, by less than exp(-8), that 16
    nodes are enough.

    Notes
    -----
    The error of n nodes for exp(-E t) on 0 < t < 1 is below E^(2n) (n!)^4 / ((2n + 1) (2n)!^3):
    1e-16 for E = 16, the steepest place of a fall of 8 that is uneven.
    """
    widths = [np.log1p((end - start) / (start + scale)) for scale in scales]
    return (np.maximum(*widths) < 2.0) & (shapes[0] * widths[0] + shapes[1] * widths[1] < 8.0)


def discounted_integral(expected: Callable[[float], Any], rate: float) -> Any:
    """Present value of all future purchases: the integral of e^(-rate t) dE(t) for a curve of
    expected purchases E(t).

    Parameters
    ----------
    expected : E(t), an array or Series with a value a row, for one t above 0; 0 at t = 0
    rate : continuous discount rate per unit of time, above 0

    Notes
    -----
    Equals rate * integral of e^(-rate t) E(t) dt (by parts); trapezoidal rule in log t, 120 points.
    """
    points, step = np.linspace(np.log(1e-9), np.log(45.0), 120, retstep=True)
    total: Any = 0.0
    for point in points:
        w = np.exp(point)
        total = total + step * w * np.exp(-w) * expected(w / rate)
    return total
