"""Forecasts of each customer's next weeks: the contract, naive rates, and probability models."""

from copy import copy
from typing import Any, Self

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

    def _learn(self, records: Records) -> None:
        raise NotImplementedError

    def predict(self) -> pd.DataFrame:
        """Expected orders and spend of each customer over the horizon: customer_id, expected_orders, expected_spend."""
        raise NotImplementedError


class ZeroForecast(Forecast):
    """Nobody buys anything: what a lazy reader of mean absolute errors would choose."""

    def _learn(self, records: Records) -> None:
        self._ids = records.summary(self.as_of_).customer_id

    def predict(self) -> pd.DataFrame:
        """Zeros: customer_id, expected_orders, expected_spend."""
        return pd.DataFrame({"customer_id": self._ids, "expected_orders": 0.0, "expected_spend": 0.0})


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
        self._table = records.windows(self.as_of_, [self.weeks_])

    def predict(self) -> pd.DataFrame:
        """The rate of the last weeks times the horizon: customer_id, expected_orders, expected_spend."""
        scale = self.horizon_ / self.weeks_
        return pd.DataFrame(
            {
                "customer_id": self._table.customer_id,
                "expected_orders": self._table[f"orders_{self.weeks_}w"] * scale,
                "expected_spend": (self._table[f"spend_{self.weeks_}w"] * scale).clip(lower=0.0),
            }
        )


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

    def __init__(self, purchases: PurchaseModel | None = None, spend: GammaGamma | None = None) -> None:
        self.purchases = purchases
        self.spend = spend

    def _learn(self, records: Records) -> None:
        self.summary_ = records.summary(self.as_of_)
        self.purchases_ = records.fitted(self.purchases or BetaGeo(), self.as_of_)
        self.spend_ = records.fitted(self.spend or GammaGamma(), self.as_of_)

    def predict(self) -> pd.DataFrame:
        """Expected purchases times expected spend a purchase: customer_id, expected_orders, expected_spend."""
        orders = self.purchases_.expected_purchases(self.horizon_)
        money = orders * self.spend_.expected_spend()
        return pd.DataFrame({"expected_orders": orders, "expected_spend": money}).reset_index()

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
                orders = models[0].simulate(self.horizon_, self.summary_, n=len(lot), rng=rng)
                parts.append(models[1].simulate(orders, self.summary_, rng=rng))
        return np.concatenate(parts, axis=1)


def refitted(model: Forecast, records: Records, *, as_of: pd.Timestamp, horizon: int) -> pd.DataFrame:
    """The predictions, by customer_id, of a copy of the model that is fitted on an earlier or later day."""
    return copy(model).fit(records, as_of=as_of, horizon=horizon).predict().set_index("customer_id")
