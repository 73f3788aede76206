"""Forecasts of each customer's next weeks: naive rates, probability models, and blends of them."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.optimize import nnls
from sklearn.base import BaseEstimator

from personalize.clv.bg_nbd import BetaGeo, PurchaseModel
from personalize.clv.customers import WEEK, Records, weeks_between
from personalize.clv.gamma_gamma import GammaGamma
from personalize.tables import TableError, Tables, Unavailable, require_fitted

__all__ = [
    "Blend", "BuyTillYouDie", "Forecast", "NaiveRate", "Recalibrated", "What", "ZeroForecast",
]  # fmt: skip

What = Literal["orders", "spend"]


class Forecast(BaseEstimator):
    """The contract: `fit(tables, as_of=, horizon=)` learns from the days up to `as_of`; `predict()`
    looks ahead.

    `predict()` gives one row a customer known on `as_of`: customer_id, expected_orders,
    expected_spend, both over the next `horizon` weeks and undiscounted.
    """

    def fit(self, tables: Tables | Records, *, as_of: Any = None, horizon: int = 14) -> Self:
        """Learn from everything up to the end of a day, to look ahead from there.

        Parameters
        ----------
        tables : Tables, or the Records of them
        as_of : date; the last day of the data when None
        horizon : weeks to look ahead, 1 or more
        """
        if horizon != int(horizon) or horizon < 1:
            raise TableError(f"horizon = {horizon}: give a whole number of weeks, 1 or more")
        records = Records.of(tables)
        self.as_of_, self.horizon_ = records.day(as_of), int(horizon)
        self._learn(records)
        return self

    def predict(self) -> pd.DataFrame:
        """Expected orders and spend of each customer over the horizon: customer_id,
        expected_orders, expected_spend.
        """
        return pd.concat([self.expected("orders"), self.expected("spend")], axis=1).reset_index()

    def expected(self, what: What) -> pd.Series:
        """One of the two alone, by customer_id: cheaper where each is learned by itself."""
        require_fitted(self, "as_of_")
        return self._expected(what).rename(f"expected_{what}")

    def _learn(self, records: Records) -> None:
        raise NotImplementedError

    def _expected(self, what: What) -> pd.Series:
        raise NotImplementedError


class ZeroForecast(Forecast):
    """Nobody buys anything: what a lazy reader of mean absolute errors would choose."""

    def _learn(self, records: Records) -> None:
        self._customers = pd.Index(records.summary(self.as_of_).customer_id)

    def _expected(self, what: What) -> pd.Series:
        return pd.Series(0.0, index=self._customers)


class NaiveRate(Forecast):
    """Everybody goes on as in the last weeks: the baseline that a sceptic would name.

    Parameters
    ----------
    weeks : length of the period whose rate goes on, 1 or more; capped at the days the data hold
    """

    def __init__(self, weeks: int = 13) -> None:
        self.weeks = weeks

    def _learn(self, records: Records) -> None:
        self.weeks_ = min(self.weeks, max(1, weeks_between(records.tables.start, self.as_of_)))
        windows = records.windows(self.as_of_, [self.weeks_])
        self._windows = windows.set_index("customer_id")

    def _expected(self, what: What) -> pd.Series:
        seen = self._windows[f"{what}_{self.weeks_}w"]
        return (seen * self.horizon_ / self.weeks_).clip(lower=0.0)


class BuyTillYouDie(Forecast):
    """Expected purchases times expected spend a purchase, from two probability models.

    Parameters
    ----------
    purchases : model of how often; BG/NBD when None
    spend : model of how much; gamma-gamma on repeat purchases when None

    Attributes
    ----------
    purchases_, spend_ : the fitted models; summary_ : what they learned from
    """

    def __init__(
        self, purchases: PurchaseModel | None = None, spend: GammaGamma | None = None
    ) -> None:
        self.purchases = purchases
        self.spend = spend

    def _learn(self, records: Records) -> None:
        model = self.purchases or BetaGeo()
        self.summary_ = records.summary(self.as_of_)
        self.purchases_ = records.fitted(model, self.as_of_)
        self.spend_ = records.fitted(self.spend or GammaGamma(), self.as_of_)
        self._orders = self.purchases_.expected_purchases(self.horizon_)

    def _expected(self, what: What) -> pd.Series:
        if what == "orders":
            return self._orders
        return self._orders * self.spend_.expected_spend()

    def simulate(self, *, n: int = 400, seed: int = 0) -> ndarray:
        """Possible spends of each customer over the horizon: a row a customer, `n` columns.

        Parameters
        ----------
        n : number of draws, 20 or more
        seed : of the draws

        Notes
        -----
        In 20 lots the parameters are drawn from the normal law of their logarithms; rate, leaving
        and spend level then from each customer's posterior, and last the purchases and their money.

        References
        ----------
        Fader and Hardie (2013), note 025, for the posterior of the spend level.
        """
        require_fitted(self, "as_of_")
        rng, parts = np.random.default_rng(seed), []
        for lot in np.array_split(np.arange(n), 20):
            purchases, spend = self.purchases_.drawn(rng), self.spend_.drawn(rng)
            orders = purchases.simulate(self.horizon_, n=len(lot), rng=rng)
            parts.append(spend.simulate(orders, self.summary_, rng=rng))
        return np.concatenate(parts, axis=1)


class _Hindsight(Forecast):
    """A forecast that asks how its members did from an earlier day."""

    def _look_back(self, members: Sequence[Forecast], records: Records) -> None:
        """Fit the members on an earlier day and on the present one, and look up what came in
        between.
        """
        horizon = min(self.horizon_, weeks_between(records.tables.start, self.as_of_) // 2)
        if horizon < 2:
            raise Unavailable(
                f"fewer than 4 weeks lie before {self.as_of_:%Y-%m-%d}: nothing to set a forecast "
                "right by"
            )
        then = self.as_of_ - horizon * WEEK
        came = records.windows(then, [], until=then + horizon * WEEK)
        self._actual = came.set_index("customer_id")
        self._past, self._now = [], []
        for member in members:
            self._past.append(records.forecast(member, then, horizon))
            self._now.append(records.forecast(member, self.as_of_, self.horizon_))


class Blend(_Hindsight):
    """A weighted sum of forecasts, the weights learned from an earlier day.

    Parameters
    ----------
    members : unfitted forecasts; where the data refuse one of them, the blend is refused, so that
        its name means the same on every day

    Attributes
    ----------
    weights_ : array, weight of each member for spend

    Notes
    -----
    Members are fitted at a cut inside the known days, as far back as the horizon or half of the
    history, whichever is shorter. Least squares with weights of 0 or more on what came then
    (stacking); the weights need not add up to 1. The members are then fitted again on everything
    known.

    References
    ----------
    Breiman (1996), "Stacked regressions", Machine Learning 24(1).
    """

    def __init__(self, members: Sequence[Forecast]) -> None:
        self.members = members

    def _learn(self, records: Records) -> None:
        self._look_back(self.members, records)
        self.weights_ = self._weigh("spend")

    def _weigh(self, what: What) -> ndarray:
        actual = self._actual[f"{what}_later"]
        weights, _ = nnls(_together(self._past, what).loc[actual.index], actual)
        return weights

    def _expected(self, what: What) -> pd.Series:
        weights = self.weights_ if what == "spend" else self._weigh(what)
        return (_together(self._now, what) * weights).sum(axis=1)


def _together(members: Sequence[Forecast], what: What) -> pd.DataFrame:
    """A column of forecasts each member."""
    return pd.concat([member.expected(what) for member in members], axis=1)


class Recalibrated(_Hindsight):
    """A forecast set right by how it erred from an earlier day: too low for the small, too high for
    the large.

    Parameters
    ----------
    member : unfitted forecast

    Attributes
    ----------
    level_, slope_ : of spend a week, V = exp(level) f^slope; a slope below 1 draws the large and
        the small together

    Notes
    -----
    A Poisson regression of what came on the logarithm of what was forecast, both a week, from a cut
    as far back as the horizon or half of the history, whichever is shorter. Where the slope is
    above 0 the order of customers stays, and so do Gini and top decile.

    References
    ----------
    Cox (1958), "Two further applications of a model for binary regression", Biometrika 45:
    calibration by regression.
    """

    def __init__(self, member: Forecast) -> None:
        self.member = member

    def _learn(self, records: Records) -> None:
        self._look_back([self.member], records)
        self.level_, self.slope_, _ = self._line("spend")

    def _line(self, what: What) -> tuple[float, float, float]:
        """Level, slope, and the forecast a week below which all are alike."""
        from sklearn.linear_model import PoissonRegressor

        weeks = self._past[0].horizon_
        came = self._actual[f"{what}_later"].clip(lower=0.0) / weeks
        forecast = self._past[0].expected(what).loc[came.index] / weeks
        floor = max(1e-3 * float(forecast.mean()), 1e-12)
        size = np.log(forecast.clip(lower=floor).to_numpy())
        if not came.sum() > 0:
            raise Unavailable(
                "nobody bought in the weeks to learn from: nothing to set a forecast right by"
            )
        middle, level = size.mean(), float(np.log(came.mean()))
        if not np.ptp(size) > 1e-9:
            return level - middle, 1.0, floor
        line = PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-12, max_iter=100)
        line.fit((size - middle)[:, None], came)
        slope = float(line.coef_[0])
        return float(line.intercept_ - slope * middle), slope, floor

    def _expected(self, what: What) -> pd.Series:
        level, slope, floor = self._line(what)
        rate = np.log((self._now[0].expected(what) / self.horizon_).clip(lower=floor))
        return self.horizon_ * np.exp(level + slope * rate)
