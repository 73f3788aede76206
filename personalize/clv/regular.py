"""How often will a customer with a rhythm buy? BG/NBD and MBG/NBD for gaps more regular than chance."""

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from scipy.special import betainc, betaln, expit, gammaln

from personalize.clv.likelihood import fitted, group_rows
from personalize.clv.purchases import BetaGeo, ladder
from personalize.tables import TableError

__all__ = ["BetaGeoCNBD", "ModifiedBetaGeoCNBD"]

_MOST = 12  # largest k that is tried


class BetaGeoCNBD(BetaGeo):
    """BG/CNBD-k: as BG/NBD, but only every k-th event of the customer's Poisson clock is a purchase.

    Parameters
    ----------
    k : regularity, 1 (pure chance, the same as BG/NBD) to 12; the likeliest when None
    start : where the search begins, name -> value above 0; a sensible point when None
    max_iter : most steps of the optimiser

    Attributes
    ----------
    k_ : the regularity in use; the other learned attributes are those of every model. r and alpha describe the rate of
        events, so that purchases come at a k-th of it. `aic_` and `bic_` do not count k.

    Notes
    -----
    Gaps are Erlang(k, lambda), rates Gamma(r, alpha), dropout after a repeat purchase Beta(a, b). With x repeat
    purchases, the last at t_x, in T, and g_1..g_x the gaps between purchases,
    L = prod(g^(k-1)) / Gamma(k)^x * alpha^r / (Gamma(r) B(a, b)) * [B(a, b+x) sum_{j<k} (T-t_x)^j / j! *
    Gamma(r+kx+j) / (alpha+T)^(r+kx+j) + (x>0) B(a+1, b+x-1) Gamma(r+kx) / (alpha+t_x)^(r+kx)].
    The gaps enter by a factor without parameters: the summary's column log_gaps decides between values of k only.
    The expectation is exact: given j events since the last purchase, the n-th next purchase needs n k - j events, a
    negative binomial tail, and n - 1 times of staying. The paper and its R package approximate it. Its cost grows
    with the length of the future.

    References
    ----------
    Reutterer, Platzer and Schroeder (2021), "Leveraging purchase regularity for predicting customer behavior the easy
    way", International Journal of Research in Marketing 38(1).

    Examples
    --------
    >>> model = ModifiedBetaGeoCNBD.at(r=1.329, alpha=2.813, a=0.425, b=0.790, k=2)
    >>> two = pd.DataFrame({"customer_id": [1, 2], "frequency": 10, "recency": [20.0, 39.0], "T": 40.0})
    >>> model.p_alive(two).round(3).to_dict()
    {1: 0.0, 2: 0.958}
    """

    def __init__(
        self, *, k: int | None = None, start: Mapping[str, float] | None = None, max_iter: int = 500
    ) -> None:
        super().__init__(start=start, max_iter=max_iter)
        self.k = k

    @classmethod
    def at(cls, *, k: int = 1, **params: float) -> Self:
        """The model at given parameters and regularity, unfitted."""
        model = super().at(**params)
        model.k = model.k_ = _regularity(k)
        return model

    def fit(self, summary: pd.DataFrame) -> Self:
        """Find the likeliest parameters and, where k is None, the likeliest k.

        Parameters
        ----------
        summary : as `pz.clv.summary` gives it, with the column log_gaps

        Returns
        -------
        the model itself

        Raises
        ------
        TableError : as every model, and for a k that is no whole number from 1 to 12, or a summary without log_gaps.
        """
        if "log_gaps" not in summary:
            raise TableError(
                "the summary lacks log_gaps, which a regular model needs. Next step: pz.clv.summary(...)"
            )
        best: dict = {}
        for k in range(1, _MOST + 1) if self.k is None else [_regularity(self.k)]:
            self.k_ = k
            super().fit(summary)
            of_gaps = (k - 1) * float(summary.log_gaps.sum()) - float(
                summary.frequency.sum()
            ) * gammaln(k)
            self.log_likelihood_ += of_gaps
            self.aic_, self.bic_ = self.aic_ - 2 * of_gaps, self.bic_ - 2 * of_gaps
            if best and best["log_likelihood_"] >= self.log_likelihood_:
                break
            best = dict(vars(self))
        vars(self).update(best)
        return self

    def expected_purchases(self, t: float, summary: pd.DataFrame | None = None) -> pd.Series:
        """Expected purchases of each customer in the next `t` units of time, given the history."""
        if not t >= 0:
            raise TableError(
                f"t = {t}: give a length of time of 0 or more, in the unit of the summary"
            )
        groups, inverse, index = self._rows(summary)
        expected = self._alive(*groups.T) * self._if_alive_since(float(t), *groups.T)
        return pd.Series(expected[inverse], index=index, name="expected_purchases")

    def expected_from_start(self, t: np.ndarray) -> np.ndarray:
        """Expected repeat purchases of a new customer in the first `t` units of time, one value a `t`."""
        fitted(self)
        _, _, a, b = self.params_
        times, _, back = group_rows(np.atleast_1d(np.asarray(t, float))[:, None])
        none = np.zeros(len(times))
        return (b / (a + b)) ** self._chances_before * self._if_alive_since(
            times[:, 0], none, none, none
        )[back]

    def probability_of(self, n: np.ndarray, t: float) -> np.ndarray:
        """Probability that a new customer makes exactly `n` repeat purchases in the first `t` units of time."""
        fitted(self)
        r, alpha, a, b = self.params_
        n, z = np.asarray(n, float), t / (alpha + t)
        passed = n + self._chances_before
        made, more = _at_least(self.k_ * n, r, z), _at_least(self.k_ * (n + 1), r, z)
        stayed = np.exp(betaln(a, b + passed) - betaln(a, b))
        left = np.exp(betaln(a + 1, np.maximum(b + passed - 1, 1e-300)) - betaln(a, b))
        return stayed * (made - more) + np.where(passed > 0, left * made, 0.0)

    def _terms(self, theta: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (r, alpha, a, b), (x, recency, age) = theta, data.T
        rise, slope = ladder(self.k_ * x, r)
        stayed, by_a, by_b = self._staying(x, a, b)
        dead, log_odds, (waits, by_r, by_alpha) = self._odds_of(theta, x, recency, age)
        shape, longer = r + self.k_ * x, np.log1p(age / alpha)
        value = (
            rise
            - r * longer
            - (shape - r) * np.log(alpha + age)
            + stayed
            + np.log(waits)
            + np.logaddexp(0, log_odds)
        )
        gradient = [
            slope - longer + (1 - dead) * by_r + dead * np.log((alpha + age) / (alpha + recency)),
            r / alpha
            - shape * ((1 - dead) / (alpha + age) + dead / (alpha + recency))
            + (1 - dead) * by_alpha,
            by_a + dead / a,
            by_b - dead / self._chance(x, b),
        ]
        return value, np.column_stack(gradient)

    def _phases(self, shape: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Weights of j = 0..k-1 events since the last purchase, given that none of them was one: a row a customer."""
        parts = [np.ones_like(shape)]
        for j in range(1, self.k_):
            parts.append(parts[-1] * z * (shape + j - 1) / j)
        return np.column_stack(parts)

    def _odds_of(
        self, theta: np.ndarray, x: np.ndarray, recency: np.ndarray, age: np.ndarray
    ) -> tuple:
        """Probability and log odds of having left, and how the wait since the last purchase weighs (and its slopes)."""
        r, alpha, a, b = theta
        shape, j = r + self.k_ * x, np.arange(self.k_)
        parts = self._phases(shape, (age - recency) / (alpha + age))
        waits = parts.sum(axis=1)
        rises = np.cumsum(
            np.column_stack([np.zeros_like(shape), *(1 / (shape + i) for i in j[:-1])]), axis=1
        )
        slopes = (
            (parts * rises).sum(axis=1) / waits,
            -(parts * j).sum(axis=1) / waits / (alpha + age),
        )
        odds = (
            np.log(a / self._chance(x, b))
            + shape * np.log((alpha + age) / (alpha + recency))
            - np.log(waits)
        )
        log_odds = np.where(x + self._chances_before > 0, odds, -np.inf)
        return expit(log_odds), log_odds, (waits, *slopes)

    def _alive(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        return expit(-self._odds_of(self.params_.to_numpy(), x, recency, age)[1])

    def _if_alive_since(
        self, t: np.ndarray | float, x: np.ndarray, recency: np.ndarray, age: np.ndarray
    ) -> np.ndarray:
        """sum_n P(staying n - 1 times) P(n k - j events within t), over the phases j."""
        r, alpha, _, _ = self.params_
        phase = self._phases(r + self.k_ * x, (age - recency) / (alpha + age))
        times = np.broadcast_to(t / (alpha + age + t), x.shape)
        pairs, _, back = group_rows(np.column_stack([x, times]))
        return (phase * self._by_phase(*pairs.T)[back]).sum(axis=1) / phase.sum(axis=1)

    def _by_phase(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The same sum for each phase alone: a row for each x and z = t / (alpha + age + t), a column a phase."""
        r, _, a, b = self.params_
        shape, stays, j = r + self.k_ * x, b + x + self._chances_before, np.arange(self.k_)
        total, chance, left, n = np.zeros((len(x), self.k_)), np.ones_like(x), np.arange(len(x)), 0
        while len(left):
            n += 1
            reach = chance[left, None] * betainc(
                n * self.k_ - j, shape[left, None] + j, z[left, None]
            )
            total[left] += reach
            chance[left] *= (stays[left] + n - 1) / (a + stays[left] + n - 1)
            left = left[(reach > 1e-14 * total[left]).any(axis=1)]
        return total

    def _drawn_if_alive(
        self, t: float, rows: list, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        (r, alpha, _, _), (x, recency, age) = self.params_, rows
        shape = (r + self.k_ * x)[:, 0]
        phase = np.cumsum(self._phases(shape, ((age - recency) / (alpha + age))[:, 0]), axis=1)
        chance = rng.random(size) * phase[:, -1:]
        before = sum((chance > part[:, None] for part in phase.T[:-1]), np.zeros(size))
        events = rng.poisson(t * rng.gamma(shape[:, None] + before) / (alpha + age))
        return np.minimum((events + before) // self.k_, self._drawn_stay(x, size, rng))


class ModifiedBetaGeoCNBD(BetaGeoCNBD):
    """MBG/CNBD-k: as BG/CNBD-k, but a customer may also leave right after the first purchase.

    Notes
    -----
    The likelihood of `BetaGeoCNBD` with one more chance to leave: B(a, b+x+1) and B(a+1, b+x), without the condition
    x > 0.

    References
    ----------
    Reutterer, Platzer and Schroeder (2021), International Journal of Research in Marketing 38(1).
    """

    _chances_before: ClassVar[int] = 1


def _regularity(k: int) -> int:
    if k != int(k) or not 1 <= k <= _MOST:
        raise TableError(f"k = {k}: regularity is a whole number from 1 (chance) to {_MOST}")
    return int(k)


def _at_least(events: np.ndarray, r: float, z: float) -> np.ndarray:
    """Probability of so many events or more."""
    return np.where(events > 0, betainc(np.maximum(events, 1), r, z), 1.0)
