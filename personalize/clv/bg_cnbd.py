"""BG/CNBD-k and MBG/CNBD-k: BG/NBD and MBG/NBD for gaps that are more regular than chance."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import betainc, expit, gammaln

from personalize.clv.bg_nbd import BetaGeo, PurchaseModel, ladder
from personalize.clv.customers import check
from personalize.clv.likelihood import Terms, group_rows
from personalize.tables import TableError

__all__ = ["BetaGeoCNBD", "ModifiedBetaGeoCNBD"]

_MOST = 12  # largest k that is tried


class BetaGeoCNBD(BetaGeo):
    """BG/CNBD-k: as BG/NBD, but only every k-th event of the customer's Poisson clock is a
    purchase.

    Parameters
    ----------
    k : regularity, 1 (pure chance, the same as BG/NBD) to 12; the likeliest when None
    start : where the search begins, name -> value above 0; a sensible point when None
    max_iter : most steps of the optimiser

    Attributes
    ----------
    k_ : the regularity in use; the other learned attributes are those of every model. r and alpha
        describe the rate of events, so that purchases come at a k-th of it. `aic_` and `bic_` do
        not count k.

    Notes
    -----
    Gaps are Erlang(k, lambda), rates Gamma(r, alpha), dropout after a repeat purchase Beta(a, b).
    With x repeat purchases, the last at t_x, in T, and g_1..g_x the gaps between purchases, L =
    prod(g^(k-1)) / Gamma(k)^x * alpha^r / (Gamma(r) B(a, b)) * [B(a, b+x) sum_{j<k} (T-t_x)^j / j!
    * Gamma(r+kx+j) / (alpha+T)^(r+kx+j) + (x>0) B(a+1, b+x-1) Gamma(r+kx) / (alpha+t_x)^(r+kx)].
    The gaps enter by a factor without parameters: the summary's column log_gaps decides between
    values of k only. The expectation is exact: given j events since the last purchase, the n-th
    next purchase needs n k - j events, a negative binomial tail, and n - 1 times of staying. The
    paper and its R package approximate it. Its cost grows with the length of the future.

    References
    ----------
    Reutterer, Platzer and Schroeder (2021), "Leveraging purchase regularity for predicting customer
    behavior the easy way", International Journal of Research in Marketing 38(1).

    Examples
    --------
    >>> model = ModifiedBetaGeoCNBD.at(r=1.329, alpha=2.813, a=0.425, b=0.790, k=2)
    >>> two = pd.DataFrame({"customer_id": [1, 2], "frequency": 10, "recency": [20.0, 39.0]})
    >>> two["T"] = 40.0
    >>> model.p_alive(two).round(3).to_dict()
    {1: 0.0, 2: 0.958}
    """

    def __init__(
        self, *, k: int | None = None, start: Mapping[str, float] | None = None, max_iter: int = 500
    ) -> None:
        super().__init__(start=start, max_iter=max_iter)
        self.k = k

    @classmethod
    def at(cls, **params: float) -> Self:
        """The model at given parameters and regularity k (1 unless given), unfitted."""
        k = _regularity(params.pop("k", 1))
        model = super().at(**params)
        model.k = model.k_ = k
        return model

    def fit(self, summary: pd.DataFrame, y: None = None) -> Self:
        """Find the likeliest parameters and, where k is None, the likeliest k.

        Parameters
        ----------
        summary : as `pz.clv.summary` gives it, with the column log_gaps
        y : not used

        Returns
        -------
        the model itself

        Raises
        ------
        TableError : as every model, and for a k that is no whole number from 1 to 12, or a summary
            without log_gaps.
        """
        check(summary, also=["log_gaps"])
        best: dict[str, Any] = {}
        tried = range(1, _MOST + 1) if self.k is None else [_regularity(self.k)]
        for k in tried:
            self.k_ = k
            super().fit(summary)
            gaps, log_gaps = summary[["frequency", "log_gaps"]].sum()
            of_gaps = float((k - 1) * log_gaps - gaps * gammaln(k))
            self.log_likelihood_ += of_gaps
            self.aic_, self.bic_ = self.aic_ - 2 * of_gaps, self.bic_ - 2 * of_gaps
            if best and best["log_likelihood_"] >= self.log_likelihood_:
                break
            best = dict(vars(self))
        self.__dict__.update(best)
        return self

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (r, alpha, a, b), (x, recency, age) = theta, data.T
        events, longer = self.k_ * x, np.log1p(age / alpha)
        rise, slope = ladder(events, r)
        stayed, by_a, by_b = self._staying(x, a, b)
        waits, by_r, by_alpha = self._waits(r + events, alpha, recency, age)
        log_odds = self._log_odds(theta, data, waits)
        dead = expit(log_odds)
        value = rise - r * longer - events * np.log(alpha + age)
        value += stayed + np.log(waits) + np.logaddexp(0, log_odds)
        silence = np.log((alpha + age) / (alpha + recency))
        inverse = (1 - dead) / (alpha + age) + dead / (alpha + recency)
        gradient = [
            slope - longer + (1 - dead) * by_r + dead * silence,
            r / alpha - (r + events) * inverse + (1 - dead) * by_alpha,
            by_a + dead / a,
            by_b - dead / self._chance(x, b),
        ]
        return value, np.column_stack(gradient)

    def _phases(self, shape: ndarray, z: ndarray) -> ndarray:
        """Weights of j = 0..k-1 events since the last purchase, given that none of them was one: a
        row a customer.
        """
        parts = np.ones((len(shape), self.k_))
        for j in range(1, self.k_):
            parts[:, j] = parts[:, j - 1] * z * (shape + j - 1) / j
        return parts

    def _waits(
        self, shape: ndarray, alpha: float, recency: ndarray, age: ndarray
    ) -> tuple[ndarray, ndarray, ndarray]:
        """How the wait since the last purchase weighs, and the slopes of its logarithm in r and
        alpha.
        """
        j = np.arange(self.k_)
        parts = self._phases(shape, (age - recency) / (alpha + age))
        waits = parts.sum(axis=1)
        rises = np.cumsum(1 / (shape[:, None] + j), axis=1)[:, :-1]
        by_r = (parts[:, 1:] * rises).sum(axis=1) / waits
        return waits, by_r, -(parts * j).sum(axis=1) / waits / (alpha + age)

    def _log_odds(self, theta: ndarray, data: ndarray, waits: ndarray) -> ndarray:
        """Log odds of having left."""
        (r, alpha, a, b), (x, recency, age) = theta, data.T
        silence = np.log((alpha + age) / (alpha + recency))
        odds = np.log(a / self._chance(x, b)) + (r + self.k_ * x) * silence - np.log(waits)
        return np.where(x + self._chances_before > 0, odds, -np.inf)

    def _alive(self, x: ndarray, recency: ndarray, age: ndarray) -> ndarray:
        r, alpha, _, _ = self.params_
        waits, _, _ = self._waits(r + self.k_ * x, alpha, recency, age)
        data = np.column_stack([x, recency, age])
        return expit(-self._log_odds(self.params_.to_numpy(), data, waits))

    def _made_if_alive(self, t: float, groups: ndarray) -> ndarray:
        return self._if_alive_since(t, *groups.T)

    def _if_alive_since(
        self, t: ndarray | float, x: ndarray, recency: ndarray, age: ndarray
    ) -> ndarray:
        """sum_n P(staying n - 1 times) P(n k - j events within t), over the phases j."""
        r, alpha, _, _ = self.params_
        phase = self._phases(r + self.k_ * x, (age - recency) / (alpha + age))
        times = np.broadcast_to(t / (alpha + age + t), x.shape)
        pairs, _, back = group_rows(np.column_stack([x, times]))
        return (phase * self._by_phase(*pairs.T)[back]).sum(axis=1) / phase.sum(axis=1)

    def _by_phase(self, x: ndarray, z: ndarray) -> ndarray:
        """The same sum for each phase alone: a row for each x and z = t / (alpha + age + t), a
        column a phase.
        """
        r, _, a, b = self.params_
        shape, stays, j = r + self.k_ * x, b + x + self._chances_before, np.arange(self.k_)
        total, chance = np.zeros((len(x), self.k_)), np.ones_like(x)
        left, n = np.arange(len(x)), 0
        while len(left):
            n += 1
            within = betainc(n * self.k_ - j, shape[left, None] + j, z[left, None])
            reach = chance[left, None] * within
            total[left] += reach
            chance[left] *= (stays[left] + n - 1) / (a + stays[left] + n - 1)
            left = left[(reach > 1e-14 * total[left]).any(axis=1)]
        return total

    def _from_start(self, t: ndarray) -> ndarray:
        _, _, a, b = self.params_
        times, _, back = group_rows(t[:, None])
        new = np.zeros((3, len(times)))
        stays = (b / (a + b)) ** self._chances_before
        return stays * self._if_alive_since(times[:, 0], *new)[back]

    _drawn_if_alive = PurchaseModel._drawn_if_alive  # expectations only


class ModifiedBetaGeoCNBD(BetaGeoCNBD):
    """MBG/CNBD-k: as BG/CNBD-k, but a customer may also leave right after the first purchase.

    Notes
    -----
    The likelihood of `BetaGeoCNBD` with one more chance to leave: B(a, b+x+1) and B(a+1, b+x),
    without the condition x > 0.

    References
    ----------
    Reutterer, Platzer and Schroeder (2021), International Journal of Research in Marketing 38(1).
    """

    _chances_before: ClassVar[int] = 1


def _regularity(k: float) -> int:
    if k != int(k) or not 1 <= k <= _MOST:
        raise TableError(f"k = {k}: regularity is a whole number from 1 (chance) to {_MOST}")
    return int(k)
