"""BG/BB: in every period a customer buys or not, and between periods may leave for good."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import betaln, digamma, gammaln, logsumexp

from personalize.clv.bg_nbd import PurchaseModel
from personalize.clv.customers import check
from personalize.clv.likelihood import Terms
from personalize.tables import TableError

__all__ = ["BetaGeoBetaBinom"]


class BetaGeoBetaBinom(PurchaseModel):
    """BG/BB: in every period a customer buys or not, and between periods may leave for good.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result
        is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    Time runs in whole periods: use `pz.clv.periods`, not `pz.clv.summary`. Buying chances are
    Beta(alpha, beta), leaving chances Beta(gamma, delta). With x purchase periods, the last one
    t_x, of n, L = [B(alpha+x, beta+n-x) B(gamma, delta+n) + sum_{i=0}^{n-t_x-1} B(alpha+x,
    beta+t_x-x+i) B(gamma+1, delta+t_x+i)] / (B(alpha, beta) B(gamma, delta)).

    References
    ----------
    Fader, Hardie and Shang (2010), Marketing Science 29(6).

    Examples
    --------
    >>> model = BetaGeoBetaBinom.at(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    >>> two = pd.DataFrame({"customer_id": [1, 2], "frequency": [6, 0], "recency": [6, 0], "T": 6})
    >>> model.expected_purchases(5, two).round(2).to_dict()
    {1: 3.75, 2: 0.07}
    """

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")

    def expected_purchases(self, t: float, summary: pd.DataFrame | None = None) -> pd.Series:
        """Expected purchases of each customer in the next `t` periods (a whole number), given the
        history.
        """
        if t % 1:
            raise TableError(f"t = {t}: BG/BB counts whole periods; give a whole number")
        return super().expected_purchases(t, summary)

    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        table = check(summary)
        broken = int((table[["recency", "T"]] % 1 != 0).any(axis=1).sum())
        if broken:
            raise TableError(
                f"{broken:,} customer(s) have a recency or T that is no whole number of periods. "
                "Next step: pz.clv.periods(tables, as_of=...)"
            )
        above = int((table.frequency > table.recency).sum())
        if above:
            raise TableError(f"{above:,} customer(s) bought in more periods than there were")
        return table

    def _start(self, data: ndarray) -> Mapping[str, float]:
        return {"alpha": 1.0, "beta": 1.0, "gamma": 0.5, "delta": 2.0}

    def _log_parts(self, theta: ndarray, data: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Log of each way to explain a customer: left after period m (columns m = 0..n-1), or still
        there (m = n).
        """
        alpha, beta, gamma, delta = theta
        x, last, n = data.astype(np.intp).T[:, :, None]
        k = np.arange(n.max(initial=0) + 1)
        still, possible = k == n, (k >= last) & (k <= n)
        m = np.where(possible, k, n)
        bought = gammaln(alpha + k)[x] + gammaln(beta + k)[m - x] - gammaln(alpha + beta + k)[m]
        stays, leaves = betaln(gamma, delta + k)[m], betaln(gamma + 1, delta + k)[m]
        log_part = np.where(possible, bought + np.where(still, stays, leaves), -np.inf)
        return log_part, m, still

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (alpha, beta, gamma, delta), x = theta, data[:, :1].astype(np.intp)
        log_part, m, still = self._log_parts(theta, data)
        k = np.arange(m.max(initial=0) + 2)
        total = logsumexp(log_part, axis=1)
        share = np.exp(log_part - total[:, None])
        both = (digamma(alpha + beta) - digamma(alpha + beta + k))[m]
        left = (digamma(gamma + delta) - digamma(gamma + delta + k))[m + ~still]
        slopes = [
            both + (digamma(alpha + k) - digamma(alpha))[x],
            both + (digamma(beta + k) - digamma(beta))[m - x],
            left + np.where(still, 0.0, 1 / gamma),
            left + (digamma(delta + k) - digamma(delta))[m],
        ]
        value = total - betaln(alpha, beta) - betaln(gamma, delta)
        return value, np.einsum("ij,kij->ik", share, np.array(slopes))

    def _alive(self, x: ndarray, recency: ndarray, age: ndarray) -> ndarray:
        data = np.column_stack([x, recency, age])
        log_part, _, still = self._log_parts(self.params_.to_numpy(), data)
        share = np.exp(log_part - logsumexp(log_part, axis=1)[:, None])
        return (share * still).sum(axis=1)

    def _if_alive(self, t: float, x: ndarray, age: ndarray) -> ndarray:
        """The chance to buy, times the expected number of the next `t` periods that begin with the
        customer there.
        """
        alpha, beta, gamma, delta = self.params_
        ahead = age[:, None] + np.arange(1, int(t) + 1)
        stays = np.exp(betaln(gamma, delta + ahead) - betaln(gamma, delta + age)[:, None])
        return (alpha + x) / (alpha + beta + age) * stays.sum(axis=1)

    def _from_start(self, t: ndarray) -> ndarray:
        new = np.zeros(1)
        return np.concatenate([self._if_alive(periods, new, new) for periods in t])
