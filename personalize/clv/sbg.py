"""Shifted beta-geometric (sBG): how long will customers under contract stay?"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import betaln, digamma

from personalize.clv.discount import period_rate
from personalize.clv.likelihood import Likelihood, Terms
from personalize.clv.quadrature import beta_mean
from personalize.tables import TableError, require_fitted

__all__ = ["ShiftedBetaGeo", "contracts"]


def contracts(active: Sequence[int]) -> pd.DataFrame:
    """One row a customer of one cohort, from the numbers still under contract after 0, 1, 2, ...
    renewals.

    Parameters
    ----------
    active : customers at the start, after the first chance to renew, after the second, ...; never
        rising

    Returns
    -------
    DataFrame : customer_id (a running number), T (chances to renew that passed), left (True: not
        renewed at the last)

    Raises
    ------
    TableError : for fewer than two numbers, or a number above the one before.

    Examples
    --------
    >>> contracts([4, 3, 1]).groupby(["T", "left"]).size().to_dict()
    {(1, True): 1, (2, False): 1, (2, True): 2}
    """
    counts = np.asarray(active)
    gone = -np.diff(counts)
    if len(counts) < 2 or (gone < 0).any() or (counts < 0).any() or (counts % 1 != 0).any():
        raise TableError(
            f"active = {list(active)}: give two or more whole numbers of customers, never rising"
        )
    last = len(gone)
    times = np.repeat([*range(1, last + 1), last], [*gone.astype(int), int(counts[-1])])
    customer = np.arange(len(times))
    return pd.DataFrame({"customer_id": customer, "T": times, "left": customer < gone.sum()})


class ShiftedBetaGeo(Likelihood):
    """sBG: at every renewal a customer leaves with a probability of the customer's own.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result
        is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    For contracts, where leaving is seen. With leaving chances Beta(alpha, beta), P(left at t) =
    B(alpha+1, beta+t-1) / B(alpha, beta) and P(still there after t) = B(alpha, beta+t) / B(alpha,
    beta). The share that renews, (beta+t-1) / (alpha+beta+t-1), rises with t although nobody
    changes: those who leave easily leave first.

    References
    ----------
    Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing
    21(1). Fader and Hardie (2010), "Customer-base valuation in a contractual setting", Marketing
    Science 29(1).

    Examples
    --------
    >>> regular = contracts([1000, 631, 468, 382, 326, 289, 262, 241])
    >>> ShiftedBetaGeo().fit(regular).params_.round(3).to_dict()
    {'alpha': 0.704, 'beta': 1.182}
    """

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    columns: ClassVar[tuple[str, ...]] = ("T", "left")

    def survival(self, t: Sequence[int] | ndarray) -> ndarray:
        """Share of a new cohort that is still there after t = 0, 1, 2, ... renewals, one value a
        `t`.
        """
        require_fitted(self, "params_")
        alpha, beta = self.params_
        return np.exp(betaln(alpha, beta + np.asarray(t, float)) - betaln(alpha, beta))

    def retention(self, t: Sequence[int] | ndarray) -> ndarray:
        """Share of those there after t - 1 renewals who renew at the t-th, t = 1, 2, ...: one value
        a `t`.
        """
        require_fitted(self, "params_")
        alpha, beta = self.params_
        t = np.asarray(t, float)
        return (beta + t - 1) / (alpha + beta + t - 1)

    def expected_renewals(
        self,
        after: Sequence[int] | ndarray,
        *,
        rate: float = 0.10,
        rate_period: str = "Y",
        unit: str = "Y",
    ) -> ndarray:
        """Discounted number of future renewals of customers who have renewed `after` times: one
        value each.

        Parameters
        ----------
        after : renewals so far, 0 or more
        rate, rate_period : discount rate above 0
        unit : length of one contract: "D", "W", "M" or "Y"

        Raises
        ------
        TableError : for a rate of 0 or less (the sum may have no end), or a model without
            parameters.

        Notes
        -----
        sum_{t>=1} P(still there t renewals later) / (1 + d)^t = E[(1 - p) / (d + p)], p ~
        Beta(alpha, beta + after).
        """
        require_fitted(self, "params_")
        d = period_rate(rate, rate_period=rate_period, unit=unit)
        if not d > 0:
            raise TableError(f"rate = {rate}: without an end the discount rate must be above 0")
        alpha, beta = self.params_
        after = np.atleast_1d(np.asarray(after, float))
        return beta_mean(lambda p: (1 - p) / (d + p), alpha, beta + after)

    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        there = summary.columns if isinstance(summary, pd.DataFrame) else []
        missing = pd.Index(["customer_id", "T", "left"]).difference(there, sort=False)
        if len(missing):
            raise TableError(f"the contracts lack {list(missing)}; present: {list(there)}")
        times, left, problems = summary["T"], summary.left.astype(bool), []
        uneven = int((~np.isfinite(times) | (times < 0) | (times % 1 != 0)).sum())
        if uneven:
            problems.append(f"{uneven:,} row(s) have a T that is no whole number of 0 or more")
        early = int((left & (times == 0)).sum())
        if early:
            problems.append(f"{early:,} row(s) left before the first chance to renew")
        if left.sum() < 3:
            problems.append(f"{left.sum()} customer(s) left: at least 3 are needed to learn from")
        if problems:
            raise TableError.of("the contracts cannot be used:", problems)
        return summary.assign(left=left)

    def _start(self, data: ndarray) -> Mapping[str, float]:
        return {"alpha": 1.0, "beta": 1.0}

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (alpha, beta), (t, left) = theta, data.T
        stays = beta + t - left
        value = betaln(alpha + left, stays) - betaln(alpha, beta)
        both = digamma(alpha + beta) - digamma(alpha + left + stays)
        by_alpha = both + digamma(alpha + left) - digamma(alpha)
        return value, np.column_stack([by_alpha, both + digamma(stays) - digamma(beta)])
