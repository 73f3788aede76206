"""Choose and check: every forecast from an earlier day, scored on the weeks that followed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from personalize import features
from personalize.clv.blends import Blend, Recalibrated
from personalize.clv.customers import outcome
from personalize.clv.dropout import ParetoNBD
from personalize.clv.forecasts import BuyTillYouDie, NaiveRate, ZeroForecast, refitted
from personalize.clv.purchases import NBD, BetaGeo, ModifiedBetaGeo
from personalize.clv.records import WEEK, Records
from personalize.clv.regression import WindowRegression
from personalize.clv.regular import ModifiedBetaGeoCNBD
from personalize.clv.scoreboard import scoreboard
from personalize.clv.spend import GammaGamma
from personalize.tables import TableError, Tables

__all__ = ["BASELINE", "Backtest", "Plan", "backtest", "contestants", "plan"]

BASELINE = "naive: rate of the last 13 weeks"
FEWEST = 20  # customers from whose errors an interval can be learned


def contestants() -> dict[str, Any]:
    """The forecasts that meet on the scoreboard: name -> unfitted model, naive ones first."""
    pareto = BuyTillYouDie(ParetoNBD(), GammaGamma(purchases="all"))
    line = WindowRegression()
    return {
        "naive: 0 for everybody": ZeroForecast(),
        BASELINE: NaiveRate(13),
        "NBD x gamma-gamma": BuyTillYouDie(NBD()),
        "BG/NBD x gamma-gamma": BuyTillYouDie(BetaGeo()),
        "MBG/NBD x gamma-gamma": BuyTillYouDie(ModifiedBetaGeo()),
        "MBG/CNBD-k x gamma-gamma": BuyTillYouDie(ModifiedBetaGeoCNBD()),
        "Pareto/NBD x gamma-gamma": BuyTillYouDie(ParetoNBD()),
        "Pareto/NBD x gamma-gamma, all purchases": pareto,
        "regression: least squares on window spends": line,
        "regression: Poisson on window spends": WindowRegression(family="poisson"),
        "regression: Tweedie on window spends": WindowRegression(family="tweedie"),
        "regression: gamma on window spends": WindowRegression(family="gamma"),
        "regression: hurdle on window spends": WindowRegression(family="hurdle"),
        "regression: boosted trees on window spends": WindowRegression(family="boosting"),
        "blend: naive, Pareto/NBD, regression": Blend([NaiveRate(13), pareto, line]),
        "blend: probability models": Blend(
            [BuyTillYouDie(m()) for m in (NBD, BetaGeo, ModifiedBetaGeo)] + [pareto]
        ),
        "blend: Pareto/NBD, recalibrated": Recalibrated(pareto),
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
        until = [self.check, self.as_of, self.as_of + self.horizon * WEEK]
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
    features.rfm(
        tables, as_of=as_of or tables.end
    )  # refuses a day outside the data, and a shop without customers
    day = pd.Timestamp(as_of or tables.end).normalize()
    weeks = ((day - tables.start).days + 1) // 7
    if weeks < 4:
        raise TableError(
            f"source '{tables.name}' has {weeks} whole week(s) of orders up to {day:%Y-%m-%d}: at least 4 are needed, "
            "since a value model is chosen, checked and used on three successive periods"
        )
    used = min(int(horizon), 2 * weeks // 7)
    choose, check = day - 2 * used * WEEK, day - used * WEEK
    if (known := len(features.rfm(tables, as_of=choose))) < FEWEST:
        raise TableError(
            f"source '{tables.name}' has {known:,} customer(s) with a purchase up to {choose:%Y-%m-%d}: at least "
            f"{FEWEST} are needed to choose a value model and give intervals; take more customers or a longer period"
        )
    short = (
        "" if used == horizon else f" (the data hold {weeks}, and 3.5 times the horizon is needed)"
    )
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
    spend : customer_id and one column a model: its forecasts; `orders` the same for purchase days
    models : name -> fitted model
    refused : model, reason; forecasts that the data do not allow
    """

    cut: pd.Timestamp
    horizon: int
    actual: pd.DataFrame
    spend: pd.DataFrame
    models: Mapping[str, Any]
    refused: pd.DataFrame

    @cached_property
    def orders(self) -> pd.DataFrame:
        """customer_id and one column a model: its forecasts of purchase days."""
        return _side_by_side(self.models, "orders")

    def table(self, *, n_boot: int = 500, seed: int = 0) -> pd.DataFrame:
        """The scoreboard for spend: see `scoreboard`."""
        return scoreboard(
            self.actual.spend, self.spend, baseline=BASELINE, n_boot=n_boot, seed=seed
        )

    @property
    def best(self) -> str:
        """The model with the smallest root mean squared error of spend; of equals the first, never "0 for all"."""
        return self.best_of(self.models)

    def best_of(self, names: Iterable[str]) -> str:
        """The best of these models, such as those that can be fitted on a later day, too."""
        real = [
            name
            for name in names
            if not isinstance(self.models.get(name, ZeroForecast()), ZeroForecast)
        ]
        errors = {
            name: float(((self.spend[name] - self.actual.spend) ** 2).mean()) for name in real
        }
        return min(errors, key=errors.get)


def backtest(
    tables: Tables | Records, *, cut: Any, horizon: int, models: Mapping[str, Any] | None = None
) -> Backtest:
    """Forecast from the end of the day `cut` and look up what happened in the next `horizon` weeks.

    Parameters
    ----------
    tables : Tables, or the Records of them, which two backtests share so that nothing is computed twice
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
    day, records = pd.Timestamp(cut).normalize(), Records.of(tables)
    tables = records.tables
    if day + horizon * WEEK > tables.end:
        raise TableError(
            f"{horizon} weeks after {day:%Y-%m-%d} end on {day + horizon * WEEK:%Y-%m-%d}, after the last day of the "
            f"data, {tables.end:%Y-%m-%d}: choose an earlier cut or a shorter horizon"
        )
    fits, refused = {}, []
    for name, model in (models or contestants()).items():
        try:
            fits[name] = refitted(model, records, as_of=day, horizon=horizon)
        except TableError as error:
            refused.append({"model": name, "reason": " ".join(str(error).split())})
    if not fits:
        raise TableError(f"no forecast can be made from {day:%Y-%m-%d}: {refused[0]['reason']}")
    spend = _side_by_side(fits, "spend")
    actual = outcome(tables, after=day, until=day + horizon * WEEK, customers=spend.customer_id)
    return Backtest(
        day, int(horizon), actual, spend, fits, pd.DataFrame(refused, columns=["model", "reason"])
    )


def _side_by_side(models: Mapping[str, Any], what: str) -> pd.DataFrame:
    columns = {name: model.expected(what) for name, model in models.items()}
    ids = next(iter(columns.values())).index
    return pd.DataFrame(
        {name: column.reindex(ids) for name, column in columns.items()}
    ).reset_index()
