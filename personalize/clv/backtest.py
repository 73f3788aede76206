"""Choose and check: every forecast from an earlier day, scored on the weeks that followed, with honest intervals."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personalize import features
from personalize.clv.customers import outcome
from personalize.clv.dropout import ParetoNBD
from personalize.clv.forecasts import BuyTillYouDie, NaiveRate, WindowRegression, ZeroForecast
from personalize.clv.purchases import NBD, BetaGeo, ModifiedBetaGeo
from personalize.clv.scoreboard import scoreboard
from personalize.clv.spend import GammaGamma
from personalize.tables import TableError, Tables

__all__ = ["BASELINE", "Backtest", "Bands", "Plan", "backtest", "bands", "contestants", "coverage", "plan"]

BASELINE = "naive: rate of the last 13 weeks"
_WEEK = pd.Timedelta(days=7)
_FEWEST = 20  # customers from whose errors an interval can be learned


def contestants() -> dict[str, Any]:
    """The forecasts that meet on the scoreboard: name -> unfitted model, naive ones first."""
    return {
        "naive: 0 for everybody": ZeroForecast(),
        BASELINE: NaiveRate(13),
        "NBD x gamma-gamma": BuyTillYouDie(NBD()),
        "BG/NBD x gamma-gamma": BuyTillYouDie(BetaGeo()),
        "MBG/NBD x gamma-gamma": BuyTillYouDie(ModifiedBetaGeo()),
        "Pareto/NBD x gamma-gamma": BuyTillYouDie(ParetoNBD()),
        "Pareto/NBD x gamma-gamma, all purchases": BuyTillYouDie(ParetoNBD(), GammaGamma(purchases="all")),
        "regression: least squares on window spends": WindowRegression(),
        "regression: Poisson on window spends": WindowRegression(family="poisson"),
    }


@dataclass(frozen=True)
class Plan:
    """Which days choose the model, which days check it, and from which day customers are valued.

    Attributes
    ----------
    choose, check, as_of : last known days, each `horizon` weeks after the one before
    horizon : weeks to look ahead
    sentence : the plan in words
    """

    choose: pd.Timestamp
    check: pd.Timestamp
    as_of: pd.Timestamp
    horizon: int
    sentence: str

    def table(self) -> pd.DataFrame:
        """One row a step: step, last_known_day, scored_until."""
        days = [self.choose, self.check, self.as_of]
        until = [self.check, self.as_of, self.as_of + self.horizon * _WEEK]
        steps = ["choose the model", "check it once", "value the customers"]
        return pd.DataFrame({"step": steps, "last_known_day": days, "looks_ahead_to": until})


def plan(tables: Tables, *, as_of: Any = "", horizon: int = 14) -> Plan:
    """Three days, a horizon apart: the model is chosen from the first, checked from the second, used from the third.

    Parameters
    ----------
    tables : Tables
    as_of : last known day; the last day of the data when empty
    horizon : weeks to look ahead; shortened where fewer than 3.5 times as many lie before `as_of`

    Raises
    ------
    TableError : when fewer than 4 weeks of data lie before `as_of`, fewer than 20 customers are known on the first of
        the three days, or the horizon is below 1.
    """
    if horizon != int(horizon) or horizon < 1:
        raise TableError(f"horizon = {horizon}: give a whole number of weeks, 1 or more")
    features.rfm(tables, as_of=as_of or tables.end)  # refuses a day outside the data, and a shop without customers
    day = pd.Timestamp(as_of or tables.end).normalize()
    weeks = ((day - tables.start).days + 1) // 7
    if weeks < 4:
        raise TableError(
            f"source '{tables.name}' has {weeks} whole week(s) of orders up to {day:%Y-%m-%d}: at least 4 are needed, "
            "since a value model is chosen, checked and used on three successive periods"
        )
    used = min(int(horizon), 2 * weeks // 7)
    choose, check = day - 2 * used * _WEEK, day - used * _WEEK
    if (known := len(features.rfm(tables, as_of=choose))) < _FEWEST:
        raise TableError(
            f"source '{tables.name}' has {known:,} customer(s) with a purchase up to {choose:%Y-%m-%d}: at least "
            f"{_FEWEST} are needed to choose a value model and give intervals; take more customers or a longer period"
        )
    short = "" if used == horizon else f" (the data hold {weeks}, and 3.5 times the horizon is needed)"
    sentence = (
        f"Horizon {used} weeks{short}: models are chosen on what followed {choose:%Y-%m-%d}, checked "
        f"on what followed {check:%Y-%m-%d}, and used to value customers as of {day:%Y-%m-%d}."
    )
    return Plan(choose, check, day, used, sentence)


@dataclass(frozen=True)
class Backtest:
    """Forecasts from the day `cut` and what then happened.

    Attributes
    ----------
    cut, horizon : the last known day, and the weeks that were forecast
    actual : customer_id, orders, spend in those weeks
    spend, orders : customer_id and one column a model: its forecasts
    models : name -> fitted model
    refused : model, reason; forecasts that the data do not allow
    """

    cut: pd.Timestamp
    horizon: int
    actual: pd.DataFrame
    spend: pd.DataFrame
    orders: pd.DataFrame
    models: Mapping[str, Any]
    refused: pd.DataFrame

    def table(self, *, n_boot: int = 500, seed: int = 0) -> pd.DataFrame:
        """The scoreboard for spend: see `scoreboard`."""
        return scoreboard(self.actual.spend, self.spend, baseline=BASELINE, n_boot=n_boot, seed=seed)

    @property
    def best(self) -> str:
        """The model with the smallest root mean squared error of spend; of equals the first, never "0 for all"."""
        real = [name for name, model in self.models.items() if not isinstance(model, ZeroForecast)]
        errors = {name: float(((self.spend[name] - self.actual.spend) ** 2).mean()) for name in real}
        return min(errors, key=errors.get)


def backtest(tables: Tables, *, cut: Any, horizon: int, models: Mapping[str, Any] | None = None) -> Backtest:
    """Forecast from the end of the day `cut` and look up what happened in the next `horizon` weeks.

    Parameters
    ----------
    tables : Tables
    cut : date; the models know nothing later
    horizon : weeks, 1 or more; they must lie inside the data
    models : name -> unfitted forecast; `contestants()` when None

    Returns
    -------
    Backtest

    Raises
    ------
    TableError : when the weeks after `cut` are not in the data, or no model can be fitted.
    """
    day = pd.Timestamp(cut).normalize()
    if day + horizon * _WEEK > tables.end:
        raise TableError(
            f"{horizon} weeks after {day:%Y-%m-%d} end on {day + horizon * _WEEK:%Y-%m-%d}, after the last day of the "
            f"data, {tables.end:%Y-%m-%d}: choose an earlier cut or a shorter horizon"
        )
    fits, refused = {}, []
    for name, model in (models or contestants()).items():
        try:
            fits[name] = copy(model).fit(tables, as_of=day, horizon=horizon)
        except TableError as error:
            refused.append({"model": name, "reason": " ".join(str(error).split())})
    if not fits:
        raise TableError(f"no forecast can be made from {day:%Y-%m-%d}: {refused[0]['reason']}")
    forecasts = {name: fit.predict().set_index("customer_id") for name, fit in fits.items()}
    ids = next(iter(forecasts.values())).index
    frames = {
        what: pd.DataFrame({name: f[f"expected_{what}"].reindex(ids) for name, f in forecasts.items()}).reset_index()
        for what in ("spend", "orders")
    }
    actual = outcome(tables, after=day, until=day + horizon * _WEEK, customers=ids)
    return Backtest(
        day, int(horizon), actual, **frames, models=fits, refused=pd.DataFrame(refused, columns=["model", "reason"])
    )


@dataclass(frozen=True)
class Bands:
    """Intervals learned from errors: how far from a forecast of this size did customers end up?

    Attributes
    ----------
    table_ : one row a group of forecasts: upper (largest forecast), customers, low, high (relative errors)
    offset : money added to the forecast before relative errors are taken
    level : share of customers that the intervals should hold
    """

    table_: pd.DataFrame
    offset: float
    level: float

    def table(self) -> pd.DataFrame:
        """One row a group: upper, customers, low, high."""
        return self.table_

    def around(self, forecast: Any) -> pd.DataFrame:
        """The interval of each forecast, not below 0: low, high."""
        values = np.asarray(forecast, float)
        edges = self.table_.upper.to_numpy()[:-1]
        row = self.table_.iloc[np.searchsorted(edges, values, side="left")]
        size = values + self.offset
        low, high = values + size * row.low.to_numpy(), values + size * row.high.to_numpy()
        return pd.DataFrame({"low": np.clip(low, 0, None), "high": np.clip(high, 0, None)})

    def coverage(self, forecast: Any, actual: Any) -> float:
        """Share of customers whose actual value lies in the interval."""
        band, actual = self.around(forecast), np.asarray(actual, float)
        return float(((band.low.to_numpy() <= actual) & (actual <= band.high.to_numpy())).mean())


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
    Split-conformal, group by group: the (1 - level) / 2 quantiles of (actual - forecast) / (forecast + c) among
    forecasts of similar size, c a tenth of the mean actual. It keeps its promise when the next weeks err as the last.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018), "Distribution-free predictive inference for regression",
    Journal of the American Statistical Association 113.
    """
    forecast, actual = np.asarray(forecast, float), np.asarray(actual, float)
    if not 0 < level < 1 or len(forecast) < _FEWEST:
        raise TableError(
            f"level = {level}, {len(forecast)} customers: intervals need 0 < level < 1 and {_FEWEST} customers"
        )
    offset = max(float(actual.mean()) / 10, 1e-9)
    groups = max(1, min(groups, len(forecast) // _FEWEST))
    relative, tails = (actual - forecast) / (forecast + offset), [(1 - level) / 2, (1 + level) / 2]
    parts = np.array_split(np.argsort(forecast, kind="stable"), groups)
    rows = [(forecast[part].max(), len(part), *np.quantile(relative[part], tails)) for part in parts]
    table = pd.DataFrame(rows, columns=["upper", "customers", "low", "high"])
    return Bands(table, offset, level)


def coverage(
    earlier: Backtest, later: Backtest, model: str, *, levels: Sequence[float] = (0.5, 0.8, 0.9, 0.95)
) -> pd.DataFrame:
    """Do the intervals keep their promise? Learned from one backtest, checked on the next.

    Parameters
    ----------
    earlier, later : backtests of the same horizon
    model : name of a model in both
    levels : promised shares

    Returns
    -------
    DataFrame, one row a level: promised, held, low, high (95% interval of held, by the normal approximation), customers
    """
    forecast, actual = later.spend[model], later.actual.spend
    held = [
        bands(earlier.spend[model], earlier.actual.spend, level=level).coverage(forecast, actual) for level in levels
    ]
    table = pd.DataFrame({"promised": list(levels), "held": held, "customers": len(actual)})
    error = 1.96 * np.sqrt(table.held * (1 - table.held) / table.customers)
    table.insert(2, "low", table.held - error)
    table.insert(3, "high", table.held + error)
    return table
