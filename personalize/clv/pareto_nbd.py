"""Pareto/NBD: customers buy at random and may stop for good at any moment."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy import ndarray
from scipy.special import expit, exprel

from personalize.clv.bg_nbd import PurchaseModel, ladder, mean_gap
from personalize.clv.likelihood import Terms
from personalize.clv.quadrature import is_gentle, survival_integral

__all__ = ["ParetoNBD"]


class ParetoNBD(PurchaseModel):
    """Pareto/NBD: customers buy at random and may leave at any moment, purchases or not.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result
        is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    Rates are Gamma(r, alpha), lifetimes exponential with Gamma(s, beta) rates. With x repeat
    purchases, the last at t_x, in T, L = Gamma(r+x) alpha^r beta^s / Gamma(r) * [(alpha+T)^-(r+x)
    (beta+T)^-s + s I], where I is the integral of (alpha+u)^-(r+x) (beta+u)^-(s+1) over t_x < u <
    T: a quadrature, its gradient on the same points. No hypergeometric function, so no overflow
    where beta or x is large. When nobody leaves, s and beta grow together without limit: see
    `clv.identification`.

    References
    ----------
    Schmittlein, Morrison and Colombo (1987), "Counting your customers", Management Science 33(1).
    Fader and Hardie (2005), "A note on deriving the Pareto/NBD model", note 009, brucehardie.com.

    Examples
    --------
    >>> model = ParetoNBD.at(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6562)
    >>> import pandas as pd
    >>> one = pd.DataFrame({"customer_id": [1], "frequency": [26], "recency": [30.86], "T": [31.0]})
    >>> float(model.expected_purchases(52, one).iloc[0].round(2))
    25.45
    >>> float(model.p_alive(one).iloc[0].round(4))
    0.9979
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    def _start(self, data: ndarray) -> Mapping[str, float]:
        gap = mean_gap(data)
        return {"r": 0.5, "alpha": gap / 2, "s": 0.5, "beta": gap}

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (r, alpha, s, beta), (x, _, age) = theta, data.T
        rise, slope = ladder(x, r)
        log_odds, inverse_a, inverse_b, log_a, log_b = self._odds(theta, data)
        dead, longer_a, longer_b = expit(log_odds), np.log1p(age / alpha), np.log1p(age / beta)
        value = rise - r * longer_a - x * np.log(alpha + age) - s * longer_b
        value += np.logaddexp(0, log_odds)
        gradient = [
            slope - longer_a + dead * log_a,
            r / alpha - (r + x) * ((1 - dead) / (alpha + age) + dead * inverse_a),
            -longer_b + dead * (1 / s + log_b),
            s * age / beta / (beta + age) + dead * (s / (beta + age) - (s + 1) * inverse_b),
        ]
        return value, np.column_stack(gradient)

    def _odds(self, theta: ndarray, data: ndarray) -> ndarray:
        """Log odds of having left; and, had the customer left at u, the means of 1 / (alpha + u), 1
        / (beta + u), log((alpha + T) / (alpha + u)) and log((beta + T) / (beta + u)): five rows.
        """
        (r, alpha, s, beta), (x, recency, age) = theta, data.T
        gentle = is_gentle(recency, age, shapes=(r + x, s + 1), scales=(alpha, beta))
        found = np.empty((5, len(data)))
        for rows, points in ((gentle, 16), (~gentle, 32)):
            if rows.any():
                found[:, rows] = self._odds_by(points, theta, data[rows])
        return found

    def _odds_by(self, points: int, theta: ndarray, data: ndarray) -> tuple[ndarray, ...]:
        (r, alpha, s, beta), (x, recency, age) = theta, data.T
        shapes, scales = (r + x, s + 1), (alpha, beta)
        u, part, log_a = survival_integral(
            recency, age, shapes=shapes, scales=scales, points=points
        )
        inverse_a, inverse_b, log_b = 1 / (alpha + u), 1 / (beta + u), log_a
        if alpha < beta:
            log_b = np.log1p((age[:, None] - u) * inverse_b)
        else:
            log_a = np.log1p((age[:, None] - u) * inverse_a)
        part += (r + x)[:, None] * log_a
        part += (s + 1) * log_b
        top = np.maximum(part.max(axis=1), -1e300)
        np.exp(part - top[:, None], out=part)
        total = part.sum(axis=1)
        with np.errstate(divide="ignore"):
            log_odds = np.log(s) - np.log(beta + age) + top + np.log(total)
        some = total > 0
        part[~some] = 1 / points
        part[some] /= total[some, None]
        means = []
        for values in (inverse_a, inverse_b, log_a, log_b):
            means.append(np.einsum("ij,ij->i", part, values))
        return log_odds, *means

    def _alive(self, x: ndarray, recency: ndarray, age: ndarray) -> ndarray:
        return expit(-self._odds(self.params_.to_numpy(), np.column_stack([x, recency, age]))[0])

    def _if_alive(self, t: float, x: ndarray, age: ndarray) -> ndarray:
        r, alpha, s, beta = self.params_
        return (r + x) / (alpha + age) * _lifetime_within(t, s, beta + age)

    def _from_start(self, t: ndarray) -> ndarray:
        r, alpha, s, beta = self.params_
        return r / alpha * _lifetime_within(t, s, beta)

    def _drawn_if_alive(
        self, t: float, histories: ndarray, size: tuple[int, ...], rng: np.random.Generator
    ) -> ndarray:
        (r, alpha, s, beta), (x, _, age) = self.params_, histories
        lifetime = rng.exponential(size=size) * (beta + age)
        stay = lifetime / np.maximum(rng.gamma(s, size=size), 1e-300)
        return rng.poisson(np.minimum(stay, t) * rng.gamma(r + x, size=size) / (alpha + age))


def _lifetime_within(t: ndarray | float, s: float, beta: ndarray | float) -> ndarray:
    """Expected part of the next `t` that a customer is still there: (beta / (s-1)) (1 - (beta /
    (beta+t))^(s-1)).
    """
    length = np.log1p(np.asarray(t) / beta)
    return beta * length * exprel((1 - s) * length)
