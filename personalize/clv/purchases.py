"""How often will a customer buy, and is the customer still there? The contract, and the beta-geometric models."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import betainc, betaln, digamma, expit, gammaln

from personalize.clv.customers import check
from personalize.clv.likelihood import Likelihood, at_counts, fitted, group_rows
from personalize.clv.quadrature import beta_mean
from personalize.tables import TableError

__all__ = ["NBD", "BetaGeo", "ModifiedBetaGeo", "PurchaseModel"]


class PurchaseModel(Likelihood):
    """A model of repeat purchases: customers buy at their own rate until they stop for good.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result is the same)
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
            raise TableError(
                f"t = {t}: give a length of time of 0 or more, in the unit of the summary"
            )
        groups, inverse, index = self._rows(summary)
        pairs, _, back = group_rows(groups[:, [0, 2]])
        expected = self._alive(*groups.T) * self._if_alive(float(t), *pairs.T)[back]
        return pd.Series(expected[inverse], index=index, name="expected_purchases")

    def expected_from_start(self, t: np.ndarray) -> np.ndarray:
        """Expected repeat purchases of a new customer in the first `t` units of time, one value a `t`."""
        raise NotImplementedError

    def simulate(
        self, t: float, summary: pd.DataFrame | None = None, *, n: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Possible purchases of each customer in the next `t`, given the history: a row a customer, `n` columns.

        Parameters
        ----------
        t : length of the future, in the unit of the summary
        summary : customers; those of the fit when None
        n : number of draws
        rng : where chance comes from
        """
        groups, inverse, _ = self._rows(summary)
        rows, size = [part[inverse, None] for part in groups.T], (len(inverse), n)
        alive = rng.random(size) < self._alive(*groups.T)[inverse, None]
        return np.where(alive, self._drawn_if_alive(t, rows, size, rng), 0)

    def _drawn_if_alive(
        self, t: float, rows: list, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        raise TableError(
            f"{type(self).__name__} gives expectations only, no draws: use another model for intervals"
        )

    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        return check(summary)

    def _rows(self, summary: pd.DataFrame | None) -> tuple[np.ndarray, np.ndarray, pd.Index]:
        """The different rows to predict for, where each customer's row is among them, and the customers."""
        fitted(self)
        if summary is None and not hasattr(self, "_summary"):
            raise TableError(
                f"{type(self).__name__} was set by hand, so say for whom: pass summary=..."
            )
        if summary is None:
            return (
                self._data,
                self._inverse,
                pd.Index(self._summary.customer_id, name="customer_id"),
            )
        groups, _, inverse = group_rows(check(summary, least=0)[list(self.columns)].to_numpy(float))
        return groups, inverse, pd.Index(summary.customer_id, name="customer_id")

    def _alive(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _if_alive(self, t: float, x: np.ndarray, age: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def ladder(x: np.ndarray, r: float) -> np.ndarray:
    """log Gamma(r + x) - log Gamma(r), and its derivative in r: two rows."""
    return at_counts(lambda n: (gammaln(r + n) - gammaln(r), digamma(r + n) - digamma(r)), x)


def mixed_poisson(n: np.ndarray, t: np.ndarray | float, *, r: float, alpha: float) -> np.ndarray:
    """Probability of `n` purchases in `t` while a customer stays, rates Gamma(r, alpha)."""
    return np.exp(
        ladder(n, r)[0] - gammaln(n + 1) + n * np.log(t / (alpha + t)) - r * np.log1p(t / alpha)
    )


class NBD(PurchaseModel):
    """Everybody stays for ever: purchases are Poisson with gamma rates. The model without dropout, a yardstick.

    Notes
    -----
    L = Gamma(r + x) / Gamma(r) * (alpha / (alpha + T))^r * (alpha + T)^-x; E = t (r + x) / (alpha + T).

    References
    ----------
    Ehrenberg (1959), "The pattern of consumer purchases", Applied Statistics 8(1).
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha")

    def expected_from_start(self, t: np.ndarray) -> np.ndarray:
        """Expected repeat purchases of a new customer in the first `t` units of time: t r / alpha."""
        fitted(self)
        r, alpha = self.params_
        return np.atleast_1d(np.asarray(t, float)) * r / alpha

    def probability_of(self, n: np.ndarray, t: float) -> np.ndarray:
        """Probability that a new customer makes exactly `n` repeat purchases in the first `t` units of time."""
        fitted(self)
        r, alpha = self.params_
        return mixed_poisson(np.asarray(n, float), t, r=r, alpha=alpha)

    def _start(self, data: np.ndarray) -> Mapping[str, float]:
        return {"r": 1.0, "alpha": mean_gap(data)}

    def _terms(self, theta: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (r, alpha), (x, _, age) = theta, data.T
        rise, slope = ladder(x, r)
        value = rise - r * np.log1p(age / alpha) - x * np.log(alpha + age)
        return value, np.column_stack(
            [slope - np.log1p(age / alpha), r / alpha - (r + x) / (alpha + age)]
        )

    def _alive(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        return np.ones_like(x)

    def _if_alive(self, t: float, x: np.ndarray, age: np.ndarray) -> np.ndarray:
        r, alpha = self.params_
        return t * (r + x) / (alpha + age)

    def _drawn_if_alive(
        self, t: float, rows: list, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        (r, alpha), (x, _, age) = self.params_, rows
        return rng.poisson(t * rng.gamma(r + x, size=size) / (alpha + age))


class BetaGeo(PurchaseModel):
    """BG/NBD: after every repeat purchase a customer may leave, with a probability of the customer's own.

    Parameters
    ----------
    start : where the search begins, name -> value above 0; a sensible point when None (the result is the same)
    max_iter : most steps of the optimiser

    Notes
    -----
    Rates are Gamma(r, alpha), dropout probabilities are Beta(a, b). With x repeat purchases, the last at t_x, in T,
    L = Gamma(r+x) alpha^r / Gamma(r) * [B(a, b+x) (alpha+T)^-(r+x) + (x>0) B(a+1, b+x-1) (alpha+t_x)^-(r+x)] / B(a, b).
    A one-time buyer cannot have left, so P(alive) is 1 there; `ModifiedBetaGeo` mends this. The expectation
    E[(1 - (1 + p t / (alpha + T))^-(r+x)) / p] over p ~ Beta(a, b + x) is a quadrature that also holds for a = 1,
    a + b < 1 and thousands of purchases, where the hypergeometric form of the paper gives NaN.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24(2), equations (3), (6), (10).

    Examples
    --------
    >>> model = BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> one = pd.DataFrame({"customer_id": [1], "frequency": [2], "recency": [30.43], "T": [38.86]})
    >>> round(float(model.expected_purchases(39, one).iloc[0]), 3), round(float(model.p_alive(one).iloc[0]), 4)
    (1.226, 0.7266)
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    _chances_before: ClassVar[int] = 0  # chances to leave before the first repeat purchase

    def expected_from_start(self, t: np.ndarray) -> np.ndarray:
        """Expected repeat purchases of a new customer in the first `t` units of time, one value a `t`."""
        fitted(self)
        r, alpha, a, b = self.params_
        t, k = np.atleast_1d(np.asarray(t, float)), self._chances_before
        stays = (b / (a + b)) ** k
        return stays * beta_mean(
            _future, np.full_like(t, a), np.full_like(t, b + k), t / alpha, np.full_like(t, r)
        )

    def probability_of(self, n: np.ndarray, t: float) -> np.ndarray:
        """Probability that a new customer makes exactly `n` repeat purchases in the first `t` units of time.

        References
        ----------
        Fader, Hardie and Lee (2005), equation (8).
        """
        fitted(self)
        r, alpha, a, b = self.params_
        n, z, k = np.asarray(n, float), t / (alpha + t), self._chances_before
        count = mixed_poisson(n, t, r=r, alpha=alpha)
        at_least = np.where(n > 0, betainc(np.maximum(n, 1), r, z), 1.0)
        left = np.exp(betaln(a + 1, np.maximum(b + n + k - 1, 1e-300)) - betaln(a, b)) * at_least
        return np.exp(betaln(a, b + n + k) - betaln(a, b)) * count + np.where(n + k > 0, left, 0.0)

    def _start(self, data: np.ndarray) -> Mapping[str, float]:
        return {"r": 0.5, "alpha": mean_gap(data) / 2, "a": 1.0, "b": 2.0}

    def _terms(self, theta: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (r, alpha, a, b), (x, recency, age) = theta, data.T
        rise, slope, stayed, by_a, by_b, leaving, chance = at_counts(
            lambda n: self._by_count(n, r, a, b), x
        )
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

    def _by_count(self, x: np.ndarray, r: float, a: float, b: float) -> tuple[np.ndarray, ...]:
        """What depends on the number of purchases alone; last, the log odds of leaving and b + y - 1 behind them."""
        chance, possible = self._chance(x, b), x + self._chances_before > 0
        leaving = np.where(possible, np.log(a / chance), -np.inf)
        return *ladder(x, r), *self._staying(x, a, b), leaving, chance

    def _staying(
        self, x: np.ndarray, a: float, b: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """log of the mean of (1 - p)^y, y chances to leave passed, and its derivatives in a and b."""
        y = x + self._chances_before
        by_a = digamma(a + b) - digamma(a + b + y)
        return betaln(a, b + y) - betaln(a, b), by_a, by_a + digamma(b + y) - digamma(b)

    def _chance(self, x: np.ndarray, b: float) -> np.ndarray:
        """b + y - 1, or 1 for customers who had no chance to leave."""
        y = x + self._chances_before
        return np.where(y > 0, b + y - 1, 1.0)

    def _alive(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        r, alpha, a, b = self.params_
        log_odds = np.log(a / self._chance(x, b)) + (r + x) * np.log(
            (alpha + age) / (alpha + recency)
        )
        return expit(-np.where(x + self._chances_before > 0, log_odds, -np.inf))

    def _if_alive(self, t: float, x: np.ndarray, age: np.ndarray) -> np.ndarray:
        r, alpha, a, b = self.params_
        shape = b + x + self._chances_before
        return beta_mean(_future, np.full_like(x, a), shape, t / (alpha + age), r + x)

    def _drawn_if_alive(
        self, t: float, rows: list, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        (r, alpha, *_), (x, _, age) = self.params_, rows
        wanted = rng.poisson(t * rng.gamma(r + x, size=size) / (alpha + age))
        return np.minimum(wanted, self._drawn_stay(x, size, rng))

    def _drawn_stay(
        self, x: np.ndarray, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        """The purchase after which the customer leaves, counted from now."""
        _, _, a, b = self.params_
        return rng.geometric(
            np.clip(rng.beta(a, b + x + self._chances_before, size=size), 1e-9, 1.0)
        )


class ModifiedBetaGeo(BetaGeo):
    """MBG/NBD: as BG/NBD, but a customer may also leave right after the first purchase.

    Notes
    -----
    L = Gamma(r+x) alpha^r / Gamma(r) * [B(a, b+x+1) (alpha+T)^-(r+x) + B(a+1, b+x) (alpha+t_x)^-(r+x)] / B(a, b):
    BG/NBD with one more chance to leave. The leading coefficient printed in Batislam et al. lacks an a; none is
    needed here, since the expectation is a quadrature.

    References
    ----------
    Batislam, Denizel and Filiztekin (2007), "Empirical validation and comparison of models for customer base
    analysis", International Journal of Research in Marketing 24(3). Hoppe and Wagner (2007).

    Examples
    --------
    >>> model = ModifiedBetaGeo.at(r=0.525, alpha=6.183, a=0.891, b=1.614)
    >>> one = pd.DataFrame({"customer_id": [1], "frequency": [0], "recency": [0.0], "T": [38.86]})
    >>> bool(model.p_alive(one).iloc[0] < 1)
    True
    """

    _chances_before: ClassVar[int] = 1


def _future(p: np.ndarray, z: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(1 - (1 + p z)^-c) / p, with its limit c z at p = 0."""
    safe = np.where(p > 0, p, 1.0)
    return np.where(p > 0, -np.expm1(-c * np.log1p(p * z)) / safe, c * z)


def mean_gap(data: np.ndarray) -> float:
    """Customer time a repeat purchase, bounded to sensible starting values."""
    return float(np.clip(data[:, 2].sum() / max(data[:, 0].sum(), 1.0), 1e-3, 1e6))
