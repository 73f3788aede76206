"""Forecasts of each customer's next weeks: the contract, naive rates, and probability models."""

from functools import partial
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from personalize.clv.purchases import BetaGeo, PurchaseModel
from personalize.clv.records import Records, weeks_between
from personalize.clv.spend import GammaGamma
from personalize.tables import TableError, Tables

__all__ = ["BuyTillYouDie", "Forecast", "NaiveRate", "ZeroForecast"]


class Forecast:
    """The contract: `fit(tables, as_of=, horizon=)` learns from the days up to `as_of`; `predict()` looks ahead.

    `predict()` gives one row a customer known on `as_of`: customer_id, expected_orders, expected_spend, both over the
    next `horizon` weeks and undiscounted.
    """

    def fit(self, tables: Tables | Records, *, as_of: Any, horizon: int) -> Self:
        """Learn from everything up to the end of the day `as_of`, to look `horizon` weeks (1 or more) ahead."""
        if horizon != int(horizon) or horizon < 1:
            raise TableError(f"horizon = {horizon}: give a whole number of weeks, 1 or more")
        self.as_of_, self.horizon_ = pd.Timestamp(as_of).normalize(), int(horizon)
        self._learn(Records.of(tables))
        return self

    def predict(self) -> pd.DataFrame:
        """Expected orders and spend of each customer over the horizon: customer_id, expected_orders, expected_spend."""
        names = {f"expected_{what}": self.expected(what) for what in ("orders", "spend")}
        return pd.DataFrame(names).reset_index()

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """One of the two alone, by customer_id: cheaper where each is learned by itself."""
        raise NotImplementedError

    def _learn(self, records: Records) -> None:
        raise NotImplementedError


class ZeroForecast(Forecast):
    """Nobody buys anything: what a lazy reader of mean absolute errors would choose."""

    def _learn(self, records: Records) -> None:
        self._ids = pd.Index(records.summary(self.as_of_).customer_id)

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """Zeros, by customer_id."""
        return pd.Series(0.0, index=self._ids, name=f"expected_{what}")


class NaiveRate(Forecast):
    """Everybody goes on as in the last weeks: the baseline that a sceptic would name.

    Parameters
    ----------
    weeks : length of the period whose rate goes on, 1 or more; capped at the days the data hold
    """

    def __init__(self, weeks: int = 13) -> None:
        self.weeks = weeks

    def _learn(self, records: Records) -> None:
        records.summary(self.as_of_)  # refuses a day without customers
        self.weeks_ = min(self.weeks, max(1, weeks_between(records.tables.start, self.as_of_)))
        self._windows = partial(records.windows, self.as_of_, [self.weeks_])

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """The rate of the last weeks times the horizon, by customer_id."""
        found = (
            self._windows().set_index("customer_id")[f"{what}_{self.weeks_}w"]
            * self.horizon_
            / self.weeks_
        )
        return found.clip(lower=0.0).rename(f"expected_{what}")


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
        self.summary_, self.purchases_ = (
            records.summary(self.as_of_),
            records.fitted(model, self.as_of_),
        )
        self._orders = partial(records.purchases, model, self.as_of_, self.horizon_)
        self.spend_ = records.fitted(self.spend or GammaGamma(), self.as_of_)

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """Expected purchases, or those times the expected spend a purchase, by customer_id."""
        orders = self._orders()
        return (orders if what == "orders" else orders * self.spend_.expected_spend()).rename(
            f"expected_{what}"
        )

    def simulate(self, *, n: int = 400, seed: int = 0, spread: bool = True) -> np.ndarray:
        """Possible spends of each customer over the horizon: a row a customer, `n` columns.

        Parameters
        ----------
        n : number of draws, a multiple of 20 for the parameters to vary
        seed : of the draws
        spread : True draws the parameters, too, in 20 lots, from the normal law of their logarithms; False keeps them

        Notes
        -----
        Rate, leaving and spend level are drawn from each customer's posterior, then purchases and their money.

        References
        ----------
        Fader and Hardie (2013), note 025, for the posterior of the spend level.
        """
        rng = np.random.default_rng(seed)
        lots = np.array_split(np.arange(n), 20) if spread else [np.arange(n)]
        parts = []
        for lot in lots:
            if len(lot):
                models = [m.drawn(rng) if spread else m for m in (self.purchases_, self.spend_)]
                orders = models[0].simulate(self.horizon_, n=len(lot), rng=rng)
                parts.append(models[1].simulate(orders, self.summary_, rng=rng))
        return np.concatenate(parts, axis=1)


def refitted(model: Forecast, records: Records, *, as_of: pd.Timestamp, horizon: int) -> Forecast:
    """A copy of the forecast, fitted on another day."""
    return records.forecast(model, pd.Timestamp(as_of).normalize(), int(horizon))
