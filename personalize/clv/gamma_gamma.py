"""Gamma-gamma: how much is a purchase worth?"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import betaln, digamma

from personalize.clv.customers import check
from personalize.clv.likelihood import Likelihood, Terms, at_counts
from personalize.tables import TableError, require_fitted

__all__ = ["GammaGamma"]


class GammaGamma(Likelihood):
    """Spend a purchase varies around each customer's own mean, and the means vary between
    customers.

    Parameters
    ----------
    purchases : "repeat" learns from repeat purchases only, as the paper does; "all" includes the
        first one, so that one-time buyers speak too (needs the column first_value)
    start : where the search begins, name -> value above 0; a sensible point when None
    max_iter : most steps of the optimiser

    Notes
    -----
    A purchase is Gamma(p, nu), nu is Gamma(q, gamma) over customers. With mean spend m over x
    purchases, L = Gamma(px+q) / (Gamma(px) Gamma(q)) * gamma^q m^(px-1) x^(px) / (gamma + m
    x)^(px+q). E(M | m, x) = p (gamma + m x) / (p x + q - 1): a customer's own mean, drawn towards
    the population mean p gamma / (q - 1). q is kept above 1.01, so that this mean exists. The model
    holds spend and frequency to be independent: `spend_independence` measures whether they are.
    Customers whose money is 0 are left out (`left_out_`): a small number in its place would decide
    the fit, since log m enters it.

    References
    ----------
    Fader and Hardie (2013), "The Gamma-Gamma model of monetary value", note 025, brucehardie.com.

    Examples
    --------
    >>> model = GammaGamma.at(p=6.25, q=3.74, gamma=15.44)
    >>> one = pd.DataFrame({"customer_id": [1, 2], "frequency": [2, 0]})
    >>> one["monetary_value"] = [22.35, 0.0]
    >>> model.expected_spend(one).round(2).to_dict()
    {1: 24.66, 2: 35.22}
    """

    names: ClassVar[tuple[str, ...]] = ("p", "q", "gamma")
    columns: ClassVar[tuple[str, ...]] = ("count", "value")
    floors: ClassVar[Mapping[str, float]] = {"q": 1.01}
    reach: ClassVar[float] = 30.0

    def __init__(
        self,
        *,
        purchases: Literal["repeat", "all"] = "repeat",
        start: Mapping[str, float] | None = None,
        max_iter: int = 500,
    ) -> None:
        super().__init__(start=start, max_iter=max_iter)
        self.purchases = purchases

    def expected_spend(self, summary: pd.DataFrame | None = None) -> pd.Series:
        """Expected money of one future purchase of each customer.

        Parameters
        ----------
        summary : customers to predict for; those of the fit, one-time buyers included, when None

        Returns
        -------
        Series by customer_id, in the currency of the orders
        """
        require_fitted(self, "params_")
        if summary is not None:
            table = check(summary, money=True, least=0)
        elif hasattr(self, "_given"):
            table = self._given
        else:
            raise TableError("GammaGamma.at(...) has seen nobody: pass summary=...")
        p, q, gamma = self.params_
        count, value = self._spends(table)
        mean = p * (gamma + value * count) / (p * count + q - 1)
        return pd.Series(mean, pd.Index(table.customer_id), name="expected_spend")

    def simulate(
        self, orders: ndarray, summary: pd.DataFrame, *, rng: np.random.Generator
    ) -> ndarray:
        """Possible money of the given numbers of purchases: same shape as `orders`, a row a
        customer.

        Parameters
        ----------
        orders : drawn purchases, a row a customer of `summary`
        summary : customers
        rng : where chance comes from
        """
        require_fitted(self, "params_")
        p, q, gamma = self.params_
        count, value = np.stack(self._spends(summary))[:, :, None]
        level = rng.gamma(p * count + q, size=orders.shape) / (gamma + count * value)
        return np.where(orders > 0, rng.gamma(np.maximum(p * orders, 1e-9)) / level, 0.0)

    def _spends(self, table: pd.DataFrame) -> tuple[ndarray, ndarray]:
        """Number and mean of the purchases that count."""
        x, mean = table.frequency.to_numpy(float), table.monetary_value.to_numpy(float)
        if self.purchases == "repeat":
            return x, mean
        if self.purchases != "all":
            raise TableError(f"purchases = {self.purchases!r} is not known: use 'repeat' or 'all'")
        first = check(table, money=True, also=["first_value"], least=0).first_value.to_numpy(float)
        return x + 1, (x * mean + first) / (x + 1)

    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        self._given = check(summary, money=True)
        count, value = self._spends(summary)
        counts = (count > 0) & (value > 0)
        self.left_out_ = int((count > 0).sum() - counts.sum())
        return pd.DataFrame({"count": count[counts], "value": value[counts]})

    def _start(self, data: ndarray) -> Mapping[str, float]:
        return {"p": 2.0, "q": 3.0, "gamma": float(np.average(data[:, 1]))}

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (p, q, gamma), (x, m) = theta, data.T
        total, n = m * x, p * x
        share, more = np.log(total) - np.log(gamma + total), np.log1p(total / gamma)
        rise, by_p, by_q = at_counts(lambda k: _beta_terms(np.maximum(p * k, 1e-300), q), x)
        value = rise - q * more + n * share - np.log(m)
        gradient = [x * (by_p + share), by_q - more, q / gamma - (n + q) / (gamma + total)]
        return value, np.column_stack(gradient)


def _beta_terms(n: ndarray, q: float) -> tuple[ndarray, ndarray, ndarray]:
    """-log B(n, q) and its derivatives in n and q."""
    both = digamma(n + q)
    return -betaln(n, q), both - digamma(n), both - digamma(q)
