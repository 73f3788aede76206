"""How sure? Intervals for single customers and for totals, and whether they keep their promise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from personalize.clv.backtesting import FEWEST, Backtest
from personalize.clv.forecasts import BuyTillYouDie
from personalize.evaluate import Interval
from personalize.tables import TableError

__all__ = ["Bands", "bands", "coverage", "coverage_reading", "simulated_coverage"]

_LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Bands:
    """Intervals learned from errors: how far from a forecast of this size did customers end up?

    Attributes
    ----------
    table_ : one row a group of forecasts: upper (largest forecast), customers, low, high (relative
        errors), spread (standard deviation of the relative errors)
    offset : money added to the forecast before relative errors are taken
    level : share of customers that the intervals should hold
    total_error : error of the total where the intervals were learned, as a share of the forecast
    """

    table_: pd.DataFrame
    offset: float
    level: float
    total_error: float = 0.0

    def table(self) -> pd.DataFrame:
        """One row a group: upper, customers, low, high, spread."""
        return self.table_

    def around(self, forecast: Any) -> pd.DataFrame:
        """The interval of each forecast, not below 0: low, high."""
        values = np.asarray(forecast, float)
        errors = self._group(values)[["low", "high"]].reset_index(drop=True)
        found = errors.mul(values + self.offset, axis=0).add(values, axis=0)
        return found.clip(lower=0.0)

    def total(self, forecast: Any) -> Interval:
        """The sum of the forecasts with its interval.

        Notes
        -----
        Two sources of error: customers err one by one (the spread within each group), and all err
        together (season, prices), which the single stretch that the intervals were learned from can
        only hint at: its total error counts as one standard deviation. Normal quantiles of the two
        together.
        """
        values = np.asarray(forecast, float)
        alone = ((values + self.offset) * self._group(values).spread) ** 2
        middle = float(values.sum())
        error = np.sqrt(alone.sum() + (middle * self.total_error) ** 2)
        half = float(ndtri((1 + self.level) / 2) * error)
        return Interval(middle, max(0.0, middle - half), middle + half, len(values), self.level)

    def coverage(self, forecast: Any, actual: Any) -> float:
        """Share of customers whose actual value lies in the interval."""
        band, actual = self.around(forecast), np.asarray(actual, float)
        return float(((band.low <= actual) & (actual <= band.high)).mean())

    def _group(self, values: Any) -> pd.DataFrame:
        return self.table_.iloc[np.searchsorted(self.table_.upper[:-1], values, side="left")]


def bands(forecast: Any, actual: Any, *, level: float = 0.8, groups: int = 10) -> Bands:
    """Intervals for later forecasts of the same kind, from the errors of earlier ones.

    Parameters
    ----------
    forecast, actual : one number a customer, from a past cut
    level : share of customers that the intervals should hold, 0 to 1
    groups : equal groups by size of the forecast, each of at least 20 customers

    Raises
    ------
    TableError : for fewer than 20 customers or a level outside 0 to 1.

    Notes
    -----
    Split-conformal, group by group: the (1 - level) / 2 quantiles of (actual - forecast) /
    (forecast + c) among forecasts of similar size, c a tenth of the mean actual. It keeps its
    promise when the next weeks err as the last.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018), "Distribution-free predictive inference
    for regression", Journal of the American Statistical Association 113.
    """
    forecast, actual = np.asarray(forecast, float), np.asarray(actual, float)
    if not 0 < level < 1 or len(forecast) < FEWEST:
        raise TableError(
            f"level = {level}, {len(forecast)} customers: intervals need 0 < level < 1 and "
            f"{FEWEST} customers"
        )
    offset = max(float(actual.mean()) / 10, 1e-9)
    groups = max(1, min(groups, len(forecast) // FEWEST))
    relative, rows = (actual - forecast) / (forecast + offset), []
    for part in np.array_split(np.argsort(forecast, kind="stable"), groups):
        errors = relative[part]
        low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
        rows.append((forecast[part].max(), len(part), low, high, errors.std()))
    table = pd.DataFrame(rows, columns=["upper", "customers", "low", "high", "spread"])
    total_error = 0.0
    if forecast.sum() > 0:
        total_error = float(actual.sum() / forecast.sum()) - 1
    return Bands(table, offset, level, total_error)


def coverage(
    earlier: Backtest, later: Backtest, model: str, *, levels: Sequence[float] = _LEVELS
) -> pd.DataFrame:
    """Do the intervals keep their promise? Learned from one backtest, checked on the next.

    Parameters
    ----------
    earlier, later : backtests of the same horizon
    model : name of a model in both
    levels : promised shares

    Returns
    -------
    DataFrame, one row a level
        - promised, held : share of customers in their interval, promised and found
        - held_low, held_high : 95% interval of held, by the normal approximation
        - customers
        - total_low, total_high, total_actual : interval and truth of everybody's money together
        - total_inside : whether the truth lies in it
    """
    forecast, actual = later.spend[model], later.actual.spend
    rows = []
    for level in levels:
        band = bands(earlier.spend[model], earlier.actual.spend, level=level)
        total = band.total(forecast)
        rows.append((level, band.coverage(forecast, actual), total.low, total.high))
    return _promises(rows, actual)


def simulated_coverage(
    test: Backtest, model: str, *, levels: Sequence[float] = _LEVELS, n: int = 400, seed: int = 0
) -> pd.DataFrame:
    """The same table for intervals that a probability model gives by itself, by drawing possible
    futures.

    Parameters
    ----------
    test : backtest
    model : name of a probability model in it
    levels : promised shares
    n, seed : draws a customer, and their seed

    Raises
    ------
    TableError : for a model that is no probability model.
    """
    fitted = test.models.get(model)
    if not isinstance(fitted, BuyTillYouDie):
        raise TableError(
            f"{model!r} is no probability model of this backtest: intervals by simulation need one"
        )
    draws, actual = fitted.simulate(n=n, seed=seed), test.actual.spend.to_numpy()
    rows = []
    for level in levels:
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(draws, tails, axis=1)
        held = ((low <= actual) & (actual <= high)).mean()
        rows.append((level, held, *np.quantile(draws.sum(axis=0), tails)))
    return _promises(rows, test.actual.spend)


def _promises(rows: list[tuple], actual: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["promised", "held", "total_low", "total_high"])
    error = 1.96 * np.sqrt(table.held * (1 - table.held) / len(actual))
    table.insert(2, "held_low", table.held - error)
    table.insert(3, "held_high", table.held + error)
    table = table.assign(customers=len(actual), total_actual=float(actual.sum()))
    table["total_inside"] = table.total_actual.between(table.total_low, table.total_high)
    return table


def coverage_reading(own: pd.DataFrame, drawn: pd.DataFrame, *, currency: str = "") -> str:
    """Whether the 80 % intervals of `coverage` and of `simulated_coverage` (on CDNOW) kept their
    promise.
    """
    row, music = own.set_index("promised").loc[0.8], drawn.set_index("promised").loc[0.8]
    kept = "they keep their promise"
    if row.held > 0.85:
        kept = "they are wider than need be: many spend nothing, and the lower end is 0"
    elif row.held < 0.75:
        kept = "they are too narrow; widen them before setting budgets"
    sides = {True: "inside", False: "outside"}
    return (
        f"Of the 80 % intervals, {row.held:.0%} held the true spend ({row.held_low:.0%} to "
        f"{row.held_high:.0%}): {kept}. The total came to {row.total_actual:,.0f} {currency}, "
        f"{sides[row.total_inside]} its 80 % interval ({row.total_low:,.0f} to "
        f"{row.total_high:,.0f}). On CDNOW the drawn intervals hold {music.held:.0%} of the "
        f"customers, most of whom buy nothing, yet the total of {music.total_actual:,.0f} USD lies "
        f"{sides[music.total_inside]} ({music.total_low:,.0f} to {music.total_high:,.0f}): a "
        "model's own draws know chance, not the error of the model. Give budgets room beyond them."
    )
