"""Two further ways to stop buying: at any moment (Pareto/NBD), or between two periods (BG/BB)."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import betaln, digamma, expit, exprel, gammaln, logsumexp

from personalize.clv.customers import check
from personalize.clv.likelihood import fitted
from personalize.clv.purchases import PurchaseModel, ladder, mean_gap, mixed_poisson
from personalize.clv.quadrature import is_gentle, survival_integral
from personalize.tables import TableError

__all__ = ["BetaGeoBetaBinom", "ParetoNBD"]


class ParetoNBD(PurchaseModel):
    """Pareto/NBD: customers buy at random and may leave at any moment, purchases or not.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    Rates are Gamma(r, alpha), lifetimes exponential with Gamma(s, beta) rates. With x repeat purchases, the last at
    t_x, in T, L = Gamma(r+x) alpha^r beta^s / Gamma(r) * [(alpha+T)^-(r+x) (beta+T)^-s + s I], where I is the integral
    of (alpha+u)^-(r+x) (beta+u)^-(s+1) over t_x < u < T: a quadrature, its gradient on the same points. No
    hypergeometric function, so no overflow where beta or x is large. When nobody leaves, s and beta grow together
    without limit: see `clv.advice`.

    References
    ----------
    Schmittlein, Morrison and Colombo (1987), "Counting your customers", Management Science 33(1).
    Fader and Hardie (2005), "A note on deriving the Pareto/NBD model", note 009, brucehardie.com.

    Examples
    --------
    >>> model = ParetoNBD.at(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6562)
    >>> one = pd.DataFrame({"customer_id": [1], "frequency": [26], "recency": [30.86], "T": [31.0]})
    >>> round(float(model.expected_purchases(52, one).iloc[0]), 2), round(float(model.p_alive(one).iloc[0]), 4)
    (25.45, 0.9979)
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    def expected_from_start(self, t: np.ndarray) -> np.ndarray:
        """Expected repeat purchases of a new customer in the first `t` units of time, one value a `t`."""
        fitted(self)
        r, alpha, s, beta = self.params_
        return r / alpha * _lifetime_within(np.atleast_1d(np.asarray(t, float)), s, beta)

    def probability_of(self, n: np.ndarray, t: float) -> np.ndarray:
        """Probability that a new customer makes exactly `n` repeat purchases in the first `t` units of time.

        Notes
        -----
        Those who stay, and those who leave at u: P(n in t) (beta / (beta+t))^s + the integral over 0 < u < t of
        P(n in u) s beta^s / (beta+u)^(s+1), by 64 Gauss-Legendre points in log(u + min(alpha, beta)).
        """
        fitted(self)
        r, alpha, s, beta = self.params_
        n = np.asarray(n, float)
        nodes, weights = np.polynomial.legendre.leggauss(64)
        near = min(alpha, beta)
        u = near * np.exp(np.log1p(t / near) * (nodes + 1) / 2) - near
        leaves = (
            s
            / (beta + u)
            * np.exp(-s * np.log1p(u / beta))
            * (u + near)
            * weights
            * np.log1p(t / near)
            / 2
        )
        gone = sum(
            w * mixed_poisson(n, at, r=r, alpha=alpha) for w, at in zip(leaves, u, strict=True)
        )
        return gone + mixed_poisson(n, t, r=r, alpha=alpha) * np.exp(-s * np.log1p(t / beta))

    def _start(self, data: np.ndarray) -> Mapping[str, float]:
        gap = mean_gap(data)
        return {"r": 0.5, "alpha": gap / 2, "s": 0.5, "beta": gap}

    def _terms(self, theta: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (r, alpha, s, beta), (x, _, age) = theta, data.T
        rise, slope = ladder(x, r)
        log_odds, inverse_a, inverse_b, log_a, log_b = self._odds(theta, data)
        dead, longer_a, longer_b = expit(log_odds), np.log1p(age / alpha), np.log1p(age / beta)
        value = (
            rise - r * longer_a - x * np.log(alpha + age) - s * longer_b + np.logaddexp(0, log_odds)
        )
        gradient = [
            slope - longer_a + dead * log_a,
            r / alpha - (r + x) * ((1 - dead) / (alpha + age) + dead * inverse_a),
            -longer_b + dead * (1 / s + log_b),
            s * age / beta / (beta + age) + dead * (s / (beta + age) - (s + 1) * inverse_b),
        ]
        return value, np.column_stack(gradient)

    def _odds(self, theta: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Log odds of having left; and, had the customer left at u, the means of 1 / (alpha + u), 1 / (beta + u),
        log((alpha + T) / (alpha + u)) and log((beta + T) / (beta + u)): five rows."""
        (r, alpha, s, beta), (x, recency, age) = theta, data.T
        gentle = is_gentle(recency, age, shapes=(r + x, s + 1), scales=(alpha, beta))
        found = np.empty((5, len(data)))
        for rows, points in ((gentle, 16), (~gentle, 32)):
            if rows.any():
                found[:, rows] = self._odds_by(points, theta, data[rows])
        return found

    def _odds_by(self, points: int, theta: np.ndarray, data: np.ndarray) -> list[np.ndarray]:
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
        part = np.divide(
            part, total[:, None], out=np.full_like(part, 1 / points), where=total[:, None] > 0
        )
        return [
            log_odds,
            *(np.einsum("ij,ij->i", part, of) for of in (inverse_a, inverse_b, log_a, log_b)),
        ]

    def _alive(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        return expit(-self._odds(self.params_.to_numpy(), np.column_stack([x, recency, age]))[0])

    def _if_alive(self, t: float, x: np.ndarray, age: np.ndarray) -> np.ndarray:
        r, alpha, s, beta = self.params_
        return (r + x) / (alpha + age) * _lifetime_within(t, s, beta + age)

    def _drawn_if_alive(
        self, t: float, rows: list, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        (r, alpha, s, beta), (x, _, age) = self.params_, rows
        stay = (
            rng.exponential(size=size) * (beta + age) / np.maximum(rng.gamma(s, size=size), 1e-300)
        )
        return rng.poisson(np.minimum(stay, t) * rng.gamma(r + x, size=size) / (alpha + age))


def _lifetime_within(t: np.ndarray | float, s: float, beta: np.ndarray | float) -> np.ndarray:
    """Expected part of the next `t` that a customer is still there: (beta / (s-1)) (1 - (beta / (beta+t))^(s-1))."""
    length = np.log1p(np.asarray(t) / beta)
    return beta * length * exprel((1 - s) * length)


class BetaGeoBetaBinom(PurchaseModel):
    """BG/BB: in every period a customer buys or not, and between periods may leave for good.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    Time runs in whole periods: use `pz.clv.periods`, not `pz.clv.summary`. Buying chances are Beta(alpha, beta),
    leaving chances Beta(gamma, delta). With x purchase periods, the last one t_x, of n,
    L = [B(alpha+x, beta+n-x) B(gamma, delta+n)
    + sum_{i=0}^{n-t_x-1} B(alpha+x, beta+t_x-x+i) B(gamma+1, delta+t_x+i)] / (B(alpha, beta) B(gamma, delta)).

    References
    ----------
    Fader, Hardie and Shang (2010), Marketing Science 29(6).

    Examples
    --------
    >>> model = BetaGeoBetaBinom.at(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    >>> two = pd.DataFrame({"customer_id": [1, 2], "frequency": [6, 0], "recency": [6, 0], "T": [6, 6]})
    >>> model.expected_purchases(5, two).round(2).to_dict()
    {1: 3.75, 2: 0.07}
    """

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")

    def expected_purchases(self, t: float, summary: pd.DataFrame | None = None) -> pd.Series:
        """Expected purchases of each customer in the next `t` periods (a whole number), given the history."""
        if t % 1:
            raise TableError(f"t = {t}: BG/BB counts whole periods; give a whole number")
        return super().expected_purchases(t, summary)

    def expected_from_start(self, t: np.ndarray) -> np.ndarray:
        """Expected purchase periods of a new customer in the first `t` periods after the first purchase."""
        fitted(self)
        alpha, beta, _, _ = self.params_
        return np.array(
            [
                alpha / (alpha + beta) * self._periods_left(np.zeros(1), int(n))[0]
                for n in np.atleast_1d(t)
            ]
        )

    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        table = check(summary)
        whole = (table[["recency", "T"]] % 1 == 0).all(axis=1)
        if not whole.all():
            raise TableError(
                f"{(~whole).sum():,} customer(s) have a recency or T that is no whole number of periods. "
                "Next step: pz.clv.periods(tables, as_of=...)"
            )
        if (above := table.frequency > table.recency).any():
            raise TableError(
                f"{above.sum():,} customer(s) have more purchases than periods: count one a period"
            )
        return table

    def _start(self, data: np.ndarray) -> Mapping[str, float]:
        return {"alpha": 1.0, "beta": 1.0, "gamma": 0.5, "delta": 2.0}

    def _log_parts(
        self, theta: np.ndarray, data: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log of each way to explain a customer: left after period m (columns m = 0..n-1), or still there (m = n)."""
        (alpha, beta, gamma, delta), (x, last, n) = (
            theta,
            data[:, :, None].astype(np.intp).transpose(1, 0, 2),
        )
        k = np.arange(n.max(initial=0) + 1)
        still, possible = k == n, (k >= last) & (k <= n)
        m = np.where(possible, k, n)
        bought = gammaln(alpha + k)[x] + gammaln(beta + k)[m - x] - gammaln(alpha + beta + k)[m]
        stays, leaves = betaln(gamma, delta + k), betaln(gamma + 1, delta + k)
        return np.where(possible, bought + np.where(still, stays[m], leaves[m]), -np.inf), m, still

    def _terms(self, theta: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (alpha, beta, gamma, delta), x = theta, data[:, :1].astype(np.intp)
        log_part, m, still = self._log_parts(theta, data)
        k = np.arange(m.max(initial=0) + 2)
        total = logsumexp(log_part, axis=1)
        share = np.exp(log_part - total[:, None])
        value = total - betaln(alpha, beta) - betaln(gamma, delta)
        both = (digamma(alpha + beta) - digamma(alpha + beta + k))[m]
        left = (digamma(gamma + delta) - digamma(gamma + delta + k))[m + ~still]
        slopes = [
            both + (digamma(alpha + k) - digamma(alpha))[x],
            both + (digamma(beta + k) - digamma(beta))[m - x],
            left + np.where(still, 0.0, 1 / gamma),
            left + (digamma(delta + k) - digamma(delta))[m],
        ]
        return value, np.column_stack([(share * slope).sum(axis=1) for slope in slopes])

    def _alive(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        log_part, _, still = self._log_parts(
            self.params_.to_numpy(), np.column_stack([x, recency, age])
        )
        share = np.exp(log_part - logsumexp(log_part, axis=1)[:, None])
        return (share * still).sum(axis=1)

    def _periods_left(self, age: np.ndarray, t: int) -> np.ndarray:
        """Expected number of the next `t` periods that begin with the customer still there."""
        _, _, gamma, delta = self.params_
        ahead = age[:, None] + np.arange(1, t + 1)[None, :]
        return np.exp(betaln(gamma, delta + ahead) - betaln(gamma, delta + age)[:, None]).sum(
            axis=1
        )

    def _if_alive(self, t: float, x: np.ndarray, age: np.ndarray) -> np.ndarray:
        alpha, beta, _, _ = self.params_
        return (alpha + x) / (alpha + beta + age) * self._periods_left(age, int(t))
