"""BG/NBD and MBG/NBD: how often will a customer buy, and is the customer still there?"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.special import betaln, digamma, expit, gammaln

from personalize.clv.customers import check
from personalize.clv.likelihood import Likelihood, Terms, at_counts, group_rows
from personalize.clv.quadrature import beta_mean
from personalize.tables import TableError, require_fitted

__all__ = ["NBD", "BetaGeo", "ModifiedBetaGeo", "PurchaseModel"]


class PurchaseModel(Likelihood):
    """A model of repeat purchases: customers buy at their own rate until they stop for good.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result
        is the same)
    max_iter : most steps of the optimiser
    """

    columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T")

    def p_alive(self, summary: pd.DataFrame | None = None) -> pd.Series:
        """Probability that each customer still buys at all, at the end of the observed period.

        Parameters
        ----------
        summary : customers to predict for; those of the fit when None

        Returns
        -------
        Series by customer_id, 0 to 1
        """
        groups, inverse, index = self._rows(summary)
        return pd.Series(self._alive(*groups.T)[inverse], index=index, name="p_alive")

    def expected_purchases(self, t: float, summary: pd.DataFrame | None = None) -> pd.Series:
        """Expected purchases of each customer in the next `t` units of time, given the history.

        Parameters
        ----------
        t : length of the future, in the unit of the summary, 0 or more
        summary : customers to predict for; those of the fit when None

        Returns
        -------
        Series by customer_id

        Raises
        ------
        TableError : for a negative `t`, or a model without parameters.
        """
        if not t >= 0:
            raise TableError(f"t = {t}: give a length of time of 0 or more, in the summary's unit")
        groups, inverse, index = self._rows(summary)
        expected = self._alive(*groups.T) * self._made_if_alive(float(t), groups)
        return pd.Series(expected[inverse], index=index, name="expected_purchases")

    def expected_from_start(self, t: Any) -> ndarray:
        """Expected repeat purchases of a new customer in the first `t` units of time, one value a
        `t`.
        """
        require_fitted(self, "params_")
        return self._from_start(np.atleast_1d(np.asarray(t, float)))

    def simulate(
        self, t: float, summary: pd.DataFrame | None = None, *, n: int, rng: np.random.Generator
    ) -> ndarray:
        """Possible purchases of each customer in the next `t`, given the history: a row a customer,
        `n` columns.

        Parameters
        ----------
        t : length of the future, in the unit of the summary
        summary : customers; those of the fit when None
        n : number of draws
        rng : where chance comes from

        Raises
        ------
        TableError : for a model that gives expectations only; BG/NBD, MBG/NBD and Pareto/NBD give
            draws.
        """
        groups, inverse, _ = self._rows(summary)
        histories = groups[inverse].T[:, :, None]
        alive = rng.random((len(inverse), n)) < self._alive(*groups.T)[inverse, None]
        return np.where(alive, self._drawn_if_alive(t, histories, alive.shape, rng), 0)

    def _drawn_if_alive(
        self, t: float, histories: ndarray, size: tuple[int, ...], rng: np.random.Generator
    ) -> ndarray:
        raise TableError(f"{type(self).__name__} gives expectations only: use ParetoNBD for draws")

    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        return check(summary)

    def _rows(self, summary: pd.DataFrame | None) -> tuple[ndarray, ndarray, pd.Index]:
        """The different rows to predict for, where each customer's row is among them, and the
        customers.
        """
        require_fitted(self, "params_")
        if summary is not None:
            rows = check(summary, least=0)[list(self.columns)].to_numpy(float)
            groups, _, inverse = group_rows(rows)
            return groups, inverse, pd.Index(summary.customer_id, name="customer_id")
        if not hasattr(self, "_summary"):
            raise TableError(f"{type(self).__name__}.at(...) has seen nobody: pass summary=...")
        return self._data, self._inverse, pd.Index(self._summary.customer_id, name="customer_id")

    def _alive(self, x: ndarray, recency: ndarray, age: ndarray) -> ndarray:
        raise NotImplementedError

    def _made_if_alive(self, t: float, groups: ndarray) -> ndarray:
        """Expected purchases in `t` of customers who are still there: a value a row of `groups`."""
        pairs, _, back = group_rows(groups[:, [0, 2]])  # recency says no more of them
        return self._if_alive(t, *pairs.T)[back]

    def _if_alive(self, t: float, x: ndarray, age: ndarray) -> ndarray:
        raise NotImplementedError

    def _from_start(self, t: ndarray) -> ndarray:
        raise NotImplementedError


def ladder(x: ndarray, r: float) -> ndarray:
    """log Gamma(r + x) - log Gamma(r), and its derivative in r: two rows."""
    return at_counts(lambda n: (gammaln(r + n) - gammaln(r), digamma(r + n) - digamma(r)), x)


class NBD(PurchaseModel):
    """Everybody stays for ever: purchases are Poisson with gamma rates. The model without dropout,
    a yardstick.

    Notes
    -----
    L = Gamma(r + x) / Gamma(r) * (alpha / (alpha + T))^r * (alpha + T)^-x; E = t (r + x) / (alpha +
    T).

    References
    ----------
    Ehrenberg (1959), "The pattern of consumer purchases", Applied Statistics 8(1).
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha")

    def _start(self, data: ndarray) -> Mapping[str, float]:
        return {"r": 1.0, "alpha": mean_gap(data)}

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (r, alpha), (x, _, age) = theta, data.T
        rise, slope = ladder(x, r)
        longer = np.log1p(age / alpha)
        value = rise - r * longer - x * np.log(alpha + age)
        return value, np.column_stack([slope - longer, r / alpha - (r + x) / (alpha + age)])

    def _alive(self, x: ndarray, recency: ndarray, age: ndarray) -> ndarray:
        return np.ones_like(x)

    def _if_alive(self, t: float, x: ndarray, age: ndarray) -> ndarray:
        r, alpha = self.params_
        return t * (r + x) / (alpha + age)

    def _from_start(self, t: ndarray) -> ndarray:
        r, alpha = self.params_
        return t * r / alpha


class BetaGeo(PurchaseModel):
    """BG/NBD: after every repeat purchase a customer may leave, with a probability of the
    customer's own.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result
        is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    Rates are Gamma(r, alpha), dropout probabilities are Beta(a, b). With x repeat purchases, the
    last at t_x, in T, L = Gamma(r+x) alpha^r / Gamma(r) * [B(a, b+x) (alpha+T)^-(r+x) + (x>0)
    B(a+1, b+x-1) (alpha+t_x)^-(r+x)] / B(a, b). A one-time buyer cannot have left, so P(alive) is 1
    there; `ModifiedBetaGeo` mends this. The expectation E[(1 - (1 + p t / (alpha + T))^-(r+x)) / p]
    over p ~ Beta(a, b + x) is a quadrature that also holds for a = 1, a + b < 1 and thousands of
    purchases, where the hypergeometric form of the paper gives NaN.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24(2), equations (3), (6), (10).

    Examples
    --------
    >>> model = BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> one = pd.DataFrame({"customer_id": [1], "frequency": [2], "recency": [30.43], "T": [38.86]})
    >>> float(model.expected_purchases(39, one).iloc[0].round(3))
    1.226
    >>> float(model.p_alive(one).iloc[0].round(4))
    0.7266
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    _chances_before: ClassVar[int] = 0  # chances to leave before the first repeat purchase

    def _start(self, data: ndarray) -> Mapping[str, float]:
        return {"r": 0.5, "alpha": mean_gap(data) / 2, "a": 1.0, "b": 2.0}

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        (r, alpha, a, b), (x, recency, age) = theta, data.T
        by_count = at_counts(lambda n: self._by_count(n, r, a, b), x)
        rise, slope, stayed, by_a, by_b, leaving, chance = by_count
        since, longer, events = alpha + recency, np.log1p(age / alpha), r + x
        ratio = longer - np.log(since / alpha)
        log_odds = leaving + events * ratio
        dead = expit(log_odds)
        value = rise - events * longer - x * np.log(alpha) + stayed + np.logaddexp(0, log_odds)
        gradient = [
            slope - longer + dead * ratio,
            r / alpha - events * ((1 - dead) / (alpha + age) + dead / since),
            by_a + dead / a,
            by_b - dead / chance,
        ]
        return value, np.column_stack(gradient)

    def _by_count(self, x: ndarray, r: float, a: float, b: float) -> tuple[ndarray, ...]:
        """What depends on the number of purchases alone; last, the log odds of leaving and b + y -
        1 behind them.
        """
        chance, possible = self._chance(x, b), x + self._chances_before > 0
        leaving = np.where(possible, np.log(a / chance), -np.inf)
        return *ladder(x, r), *self._staying(x, a, b), leaving, chance

    def _staying(self, x: ndarray, a: float, b: float) -> tuple[ndarray, ndarray, ndarray]:
        """log of the mean of (1 - p)^y, y chances to leave passed; its derivatives in a and b."""
        y = x + self._chances_before
        by_a = digamma(a + b) - digamma(a + b + y)
        return betaln(a, b + y) - betaln(a, b), by_a, by_a + digamma(b + y) - digamma(b)

    def _chance(self, x: ndarray, b: float) -> ndarray:
        """b + y - 1, or 1 for customers who had no chance to leave."""
        y = x + self._chances_before
        return np.where(y > 0, b + y - 1, 1.0)

    def _alive(self, x: ndarray, recency: ndarray, age: ndarray) -> ndarray:
        r, alpha, a, b = self.params_
        silence = np.log((alpha + age) / (alpha + recency))
        log_odds = np.log(a / self._chance(x, b)) + (r + x) * silence
        return expit(-np.where(x + self._chances_before > 0, log_odds, -np.inf))

    def _if_alive(self, t: Any, x: ndarray, age: ndarray) -> ndarray:
        r, alpha, a, b = self.params_
        shape = b + x + self._chances_before
        return beta_mean(_future, a, shape, t / (alpha + age), r + x)

    def _from_start(self, t: ndarray) -> ndarray:
        _, _, a, b = self.params_
        stays = (b / (a + b)) ** self._chances_before
        return stays * self._if_alive(t, np.zeros_like(t), np.zeros_like(t))

    def _drawn_if_alive(
        self, t: float, histories: ndarray, size: tuple[int, ...], rng: np.random.Generator
    ) -> ndarray:
        (r, alpha, a, b), (x, _, age) = self.params_, histories
        wanted = rng.poisson(t * rng.gamma(r + x, size=size) / (alpha + age))
        leaves = rng.beta(a, b + x + self._chances_before, size=size)
        return np.minimum(wanted, rng.geometric(np.clip(leaves, 1e-9, 1.0)))


class ModifiedBetaGeo(BetaGeo):
    """MBG/NBD: as BG/NBD, but a customer may also leave right after the first purchase.

    Notes
    -----
    L = Gamma(r+x) alpha^r / Gamma(r) * [B(a, b+x+1) (alpha+T)^-(r+x) + B(a+1, b+x)
    (alpha+t_x)^-(r+x)] / B(a, b): BG/NBD with one more chance to leave. The leading coefficient
    printed in Batislam et al. lacks an a; none is needed here, since the expectation is a
    quadrature.

    References
    ----------
    Batislam, Denizel and Filiztekin (2007), "Empirical validation and comparison of models for
    customer base analysis", International Journal of Research in Marketing 24(3). Hoppe and Wagner
    (2007).

    Examples
    --------
    >>> model = ModifiedBetaGeo.at(r=0.525, alpha=6.183, a=0.891, b=1.614)
    >>> one = pd.DataFrame({"customer_id": [1], "frequency": [0], "recency": [0.0], "T": [38.86]})
    >>> bool(model.p_alive(one).iloc[0] < 1)
    True
    """

    _chances_before: ClassVar[int] = 1


def _future(p: ndarray, z: ndarray, c: ndarray) -> ndarray:
    """(1 - (1 + p z)^-c) / p, with its limit c z at p = 0."""
    safe = np.where(p > 0, p, 1.0)
    return np.where(p > 0, -np.expm1(-c * np.log1p(p * z)) / safe, c * z)


def mean_gap(data: ndarray) -> float:
    """Customer time a repeat purchase, bounded to sensible starting values."""
    return float(np.clip(data[:, 2].sum() / max(data[:, 0].sum(), 1.0), 1e-3, 1e6))
