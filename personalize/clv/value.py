"""What each customer is worth: the table that a marketer loads, and the tiers to act on."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray

from personalize.clv.backtesting import Choice, top_mask
from personalize.clv.bg_nbd import ModifiedBetaGeo
from personalize.clv.customers import Records
from personalize.clv.discount import discount_factor, discounted_purchases
from personalize.clv.forecasts import BuyTillYouDie, Forecast
from personalize.clv.prediction_intervals import Bands
from personalize.evaluate import Interval, PairedDifference, paired_bootstrap
from personalize.tables import TableError, Tables, require_fitted

__all__ = ["Worth", "concentration", "tier_table", "tiers", "top_gain", "value_table"]


def value_table(
    tables: Tables | Records,
    *,
    model: Forecast,
    bands: Bands,
    rate: float = 0.10,
    rate_period: str = "Y",
    margin: float = 1.0,
) -> pd.DataFrame:
    """Lifetime value of every customer over the model's horizon, from the day it was fitted on,
    with an interval.

    Parameters
    ----------
    tables : Tables, or the Records of them
    model : forecast, fitted on `tables`
    bands : intervals learned from a backtest of the same kind of model and horizon
    rate, rate_period : discount rate, 0.10 a year by default
    margin : share of spend that is profit, above 0 and up to 1; 1 values customers by their spend

    Returns
    -------
    DataFrame, one row a customer, ordered by customer_id
        - customer_id, as_of
        - p_alive : probability of still being a customer (MBG/NBD); NaN where it cannot be learned
        - expected_orders : purchase days in the horizon
        - expected_spend : money in the horizon, undiscounted
        - clv : margin times the discounted spend
        - low, high : interval of clv for the single customer, of the level of `bands`

    Raises
    ------
    TableError : for a margin of 0 or less or above 1, a rate of -1 or less, or a model that is not
        fitted.

    Notes
    -----
    CLV = sum_t P_t / (1 + r)^t over weeks t. A probability model gives each week's expected
    purchases; a rate or a regression gives the total, which is spread evenly.
    """
    if not 0 < margin <= 1:
        raise TableError(
            f"margin = {margin}: give the share of spend that is profit, above 0 and up to 1 (all "
            "of it)"
        )
    require_fitted(model, "as_of_")
    table, day = model.predict(), model.as_of_
    weight = _discounts(model, table, rate, rate_period) * margin
    interval = bands.around(table.expected_spend)
    return pd.DataFrame(
        {
            "customer_id": table.customer_id,
            "as_of": day,
            "p_alive": _alive(Records.of(tables), day).reindex(table.customer_id).to_numpy(),
            "expected_orders": table.expected_orders,
            "expected_spend": table.expected_spend,
            "clv": table.expected_spend * weight,
            "low": interval.low * weight,
            "high": interval.high * weight,
        }
    )


def _discounts(model: Forecast, table: pd.DataFrame, rate: float, rate_period: str) -> ndarray:
    """Discounted over undiscounted spend of each customer."""
    even = discount_factor(model.horizon_, rate=rate, rate_period=rate_period, unit="W")
    weights = np.full(len(table), even)
    if isinstance(model, BuyTillYouDie):
        orders = discounted_purchases(
            model.purchases_, model.horizon_, rate=rate, rate_period=rate_period, unit="W"
        ).to_numpy()
        expected = table.expected_orders.to_numpy()
        np.divide(orders, expected, out=weights, where=expected > 0)
    return weights


def _alive(records: Records, day: pd.Timestamp) -> pd.Series:
    try:
        return records.fitted(ModifiedBetaGeo(), day).p_alive()
    except TableError:
        return pd.Series(np.nan, index=pd.Index(records.summary(day).customer_id), name="p_alive")


def tiers(values: pd.Series, *, shares: Sequence[float] = (0.5, 0.8)) -> pd.Series:
    """The tier of each customer: A makes the first half of all value, B the next part, C the rest.

    Parameters
    ----------
    values : clv of each customer, 0 or more
    shares : where the tiers end, as cumulative shares of all value, ascending

    Returns
    -------
    Series of letters, index as `values`; equal values are in one tier

    Examples
    --------
    >>> tiers(pd.Series([50.0, 30.0, 15.0, 5.0])).tolist()
    ['A', 'B', 'C', 'C']
    """
    if not (np.diff([0.0, *shares, 1.0]) > 0).all():
        raise TableError(
            f"shares = {list(shares)}: give ascending shares between 0 and 1, such as (0.5, 0.8)"
        )
    if not (values >= 0).all() or not values.sum() > 0:
        raise TableError("tiers need values of 0 or more, with a sum above 0")
    ordered = values.sort_values(ascending=False, kind="stable")
    above = (ordered.cumsum() - ordered) / ordered.sum()
    above = above.groupby(ordered).transform("min")
    place = np.searchsorted(np.asarray(shares) - 1e-12, above.to_numpy(), side="right")
    letters = np.array(list(ascii_uppercase))[place]
    return pd.Series(letters, index=ordered.index, name="tier").reindex(values.index)


def concentration(values: Any, *, share: float = 0.5, n_boot: int = 500, seed: int = 0) -> Interval:
    """The smallest share of customers who bring `share` of all value, with its bootstrap interval
    over customers.

    Parameters
    ----------
    values : one number a customer, 0 or more
    share : part of the value, 0 to 1; if all customers were alike, `share` of them would bring it
    n_boot, seed : of the bootstrap

    Raises
    ------
    TableError : for values below 0 or missing, or a sum of 0.

    Examples
    --------
    >>> concentration([6.0, 2.0, 1.0, 1.0]).estimate
    0.25
    """
    money = np.sort(np.asarray(values, float))[::-1]
    if not (money >= 0).all() or not money.sum() > 0 or not 0 < share < 1:
        raise TableError(
            "concentration needs values of 0 or more with a sum above 0, and a share between 0 "
            "and 1"
        )
    n = len(money)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_boot)
    draws = np.vstack([np.ones(n), draws])  # the first as they are
    reached = np.cumsum(draws * money, axis=1)
    short = reached < share * reached[:, -1:] * (1 - 1e-12)
    found = ((draws * short).sum(axis=1) + 1) / n
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return Interval(float(found[0]), float(low), float(high), n)


def tier_table(table: pd.DataFrame, tier: pd.Series, *, least: int = 1) -> pd.DataFrame:
    """One row a tier: tier, customers, share_of_customers, share_of_value, mean_clv, mean_orders,
    mean_p_alive.

    Tiers with fewer than `least` customers are left out of the table (their shares stay in the
    total).
    """
    by = table.assign(tier=tier.to_numpy()).groupby("tier")
    value = by.clv.sum()
    found = pd.DataFrame(
        {
            "customers": by.size(),
            "share_of_customers": by.size() / len(table),
            "share_of_value": value / value.sum(),
            "mean_clv": by.clv.mean(),
            "mean_orders": by.expected_orders.mean(),
            "mean_p_alive": by.p_alive.mean(),
        }
    ).reset_index()
    shown = found[found.customers >= least].reset_index(drop=True)
    shown.attrs["caption"] = "Customers by tier, and what they are expected to bring"
    return shown


def top_gain(
    actual: Any,
    forecast: Any,
    baseline: Any,
    *,
    share: float = 0.1,
    n_boot: int = 1000,
    seed: int = 0,
) -> PairedDifference:
    """Money that came from the customers each forecast puts on top, a customer of the whole base.

    Parameters
    ----------
    actual, forecast, baseline : one number a customer
    share : size of the list of best customers
    n_boot, seed : of the paired bootstrap

    Returns
    -------
    PairedDifference : mean_a (forecast), mean_b (baseline), difference, low, high; times n it is
    money
    """
    money = np.asarray(actual, float)
    ours, theirs = top_mask(forecast, share=share), top_mask(baseline, share=share)
    return paired_bootstrap(money * ours, money * theirs, n_boot=n_boot, seed=seed)


@dataclass(frozen=True)
class Worth:
    """What the valued customers and the check together say.

    Attributes
    ----------
    value : the table of `value_table`, with the column tier
    choice : the chosen forecast on the scoreboard of the check
    gain : money that its list of the top tenth brought more than the naive one, as `top_gain`
    half : share of customers who bring half of the value, as `concentration`
    horizon : weeks
    """

    value: pd.DataFrame
    choice: Choice
    gain: PairedDifference
    half: Interval
    horizon: int

    def reading(self) -> str:
        """What a customer of the best tier brings, and whether the model pays on the list of the
        best.
        """
        mean, gain = self.value.groupby("tier").clv.mean(), self.gain
        pays = (
            "no difference that can be told from chance. **For the list the naive rate is good "
            "enough; "
        )
        if gain.low > 0:
            pays = "the better model pays on the list, too."
        elif self.choice.better:
            pays += "for the amounts use the model.**"
        else:
            pays += "for the amounts, too.**"
        return (
            "One customer of tier A is expected to bring as much as "
            f"**{mean['A'] / mean.iloc[-1]:.0f}** of tier {mean.index[-1]}. A list of the top "
            f"tenth by **{self.choice.name}** brought {gain.n * gain.difference:+,.0f} "
            f"{self.choice.currency} ({gain.n * gain.low:+,.0f} to {gain.n * gain.high:+,.0f}) in "
            f"the {self.horizon} weeks of the check, compared with the same list by the naive "
            f"rate: {pays}"
        )

    def answer(self) -> str:
        """The page's answer in one sentence."""
        choice = self.choice
        return (
            f"{self.half.estimate:.0%} of the customers bring half of the "
            f"{self.value.clv.sum():,.0f} {choice.currency} expected over the next {self.horizon} "
            f"weeks; the forecast ({choice.name}) misses a customer by {choice.score.mae:,.0f} "
            f"{choice.currency}, the naive rate by {choice.base.mae:,.0f}."
        )
