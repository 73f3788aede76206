"""Choose and check: every forecast from an earlier day, scored on the weeks that followed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray

from personalize import features, inference
from personalize.clv.bg_cnbd import ModifiedBetaGeoCNBD
from personalize.clv.bg_nbd import NBD, BetaGeo, ModifiedBetaGeo
from personalize.clv.customers import WEEK, Records, weeks_between
from personalize.clv.forecasts import (
    Blend,
    BuyTillYouDie,
    Forecast,
    NaiveRate,
    Recalibrated,
    What,
    ZeroForecast,
)
from personalize.clv.gamma_gamma import GammaGamma
from personalize.clv.pareto_nbd import ParetoNBD
from personalize.clv.regression import WindowRegression
from personalize.evaluate import paired_bootstrap
from personalize.tables import TableError, Tables, Unavailable

__all__ = [
    "BASELINE",
    "FEWEST",
    "NOTHING",
    "Backtest",
    "Choice",
    "Plan",
    "backtest",
    "contestants",
    "deciles",
    "gini",
    "plan",
    "scoreboard",
    "top_mask",
    "top_share",
]

NOTHING = "naive: 0 for everybody"
BASELINE = "naive: rate of the last 13 weeks"
FEWEST = 20  # customers from whose errors an interval can be learned


def contestants() -> dict[str, Forecast]:
    """The forecasts that meet on the scoreboard: name -> unfitted model, naive ones first."""
    nbd, bg, mbg = BuyTillYouDie(NBD()), BuyTillYouDie(BetaGeo()), BuyTillYouDie(ModifiedBetaGeo())
    pareto = BuyTillYouDie(ParetoNBD(), GammaGamma(purchases="all"))
    line = WindowRegression()
    return {
        NOTHING: ZeroForecast(),
        BASELINE: NaiveRate(13),
        "NBD x gamma-gamma": nbd,
        "BG/NBD x gamma-gamma": bg,
        "MBG/NBD x gamma-gamma": mbg,
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
        "blend: probability models": Blend([nbd, bg, mbg, pareto]),
        "blend: Pareto/NBD, recalibrated": Recalibrated(pareto),
    }


@dataclass(frozen=True)
class Plan:
    """Which days choose the model, which days check it, and from which day customers are valued.

    Attributes
    ----------
    choose, check, as_of : last known days, each `horizon` weeks after the one before
    horizon, lookback : weeks to look ahead, and whole weeks of data up to the first of these days
    caption : the plan in words
    """

    choose: pd.Timestamp
    check: pd.Timestamp
    as_of: pd.Timestamp
    horizon: int
    lookback: int
    caption: str

    def table(self) -> pd.DataFrame:
        """One row a step: step, last_known_day, looks_ahead_to."""
        days = pd.Series([self.choose, self.check, self.as_of])
        steps = ["choose the model", "check it once", "value the customers"]
        until = days + self.horizon * WEEK
        return pd.DataFrame({"step": steps, "last_known_day": days, "looks_ahead_to": until})


def plan(tables: Tables, *, as_of: Any = "", horizon: int = 14) -> Plan:
    """Three days, a horizon apart: the model is chosen from the first, checked from the second,
    used from the third.

    Parameters
    ----------
    tables : Tables
    as_of : last known day; the last day of the data when empty
    horizon : weeks to look ahead; shortened where fewer than 3.5 times as many lie before `as_of`

    Raises
    ------
    TableError : when fewer than 4 weeks of data lie before `as_of`, fewer than 20 customers are
        known on the first of the three days, or the horizon is below 1.
    """
    if horizon != int(horizon) or horizon < 1:
        raise TableError(f"horizon = {horizon}: give a whole number of weeks, 1 or more")
    day = Records.of(tables).day(as_of)
    features.rfm(tables, as_of=day)  # refuses a day outside the data, and no customers
    weeks = weeks_between(tables.start, day)
    if weeks < 4:
        raise Unavailable(
            f"source '{tables.name}' has {weeks} whole week(s) of orders up to {day:%Y-%m-%d}: at "
            "least 4 are needed, since a value model is chosen, checked and used on three "
            "successive periods"
        )
    used = min(int(horizon), 2 * weeks // 7)
    choose, check = day - 2 * used * WEEK, day - used * WEEK
    known = len(features.rfm(tables, as_of=choose))
    if known < FEWEST:
        raise Unavailable(
            f"source '{tables.name}' has {known:,} customer(s) with a purchase up to "
            f"{choose:%Y-%m-%d}: at least {FEWEST} are needed to choose a value model and give "
            "intervals; take more customers or a longer period"
        )
    short = ""
    if used < horizon:
        short = f" (the data hold {weeks}, and 3.5 times the horizon is needed)"
    caption = (
        f"{tables.name}. Horizon {used} weeks{short}: models are chosen on what followed "
        f"{choose:%Y-%m-%d}, checked on what followed {check:%Y-%m-%d}, and used to value "
        f"customers as of {day:%Y-%m-%d}."
    )
    return Plan(choose, check, day, used, weeks - 2 * used, caption)


@dataclass(frozen=True)
class Backtest:
    """Forecasts from the day `cut` and what then happened.

    Attributes
    ----------
    cut, horizon : the last known day, and the weeks that were forecast
    actual : customer_id, orders (purchase days), spend (returns deducted) in those weeks
    models : name -> fitted model
    refused : model, reason; forecasts that the data do not allow
    """

    cut: pd.Timestamp
    horizon: int
    actual: pd.DataFrame
    models: Mapping[str, Forecast]
    refused: pd.DataFrame

    @cached_property
    def spend(self) -> pd.DataFrame:
        """customer_id and one column a model: its forecasts of money."""
        return self._forecasts("spend")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """customer_id and one column a model: its forecasts of purchase days."""
        return self._forecasts("orders")

    def _forecasts(self, what: What) -> pd.DataFrame:
        columns = {name: model.expected(what) for name, model in self.models.items()}
        return pd.DataFrame(columns).loc[self.actual.customer_id].reset_index()

    def table(self, *, n_boot: int = 500, seed: int = 0) -> pd.DataFrame:
        """The scoreboard for spend: see `scoreboard`."""
        return scoreboard(
            self.actual.spend, self.spend, baseline=BASELINE, n_boot=n_boot, seed=seed
        )

    def model(self, name: str) -> Any:
        """The fitted model of that name; `Unavailable` with the reason where the data do not allow
        it.
        """
        reasons = self.refused.set_index("model").reason
        if name in reasons:
            raise Unavailable(f"no {name}: {reasons[name]}")
        return self.models[name]

    @property
    def best(self) -> str:
        """The model with the smallest root mean squared error of spend; of equals the first, never
        "0 for all".
        """
        return self.best_of(self.models)

    def best_of(self, names: Iterable[str]) -> str:
        """The best of these models, such as those that can be fitted on a later day, too."""
        real = self.spend.columns.intersection(list(names), sort=False).drop(
            NOTHING, errors="ignore"
        )
        errors = self.spend[real].sub(self.actual.spend, axis=0) ** 2
        return str(errors.mean().idxmin())


def backtest(
    tables: Tables | Records,
    *,
    cut: Any,
    horizon: int,
    models: Mapping[str, Forecast] | None = None,
) -> Backtest:
    """Forecast from the end of the day `cut` and look up what happened in the next `horizon` weeks.

    Parameters
    ----------
    tables : Tables, or the Records of them, which two backtests share so that nothing is computed
        twice
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
    records = Records.of(tables)
    day, last = records.day(cut), records.tables.end
    until = day + horizon * WEEK
    if until > last:
        raise Unavailable(
            f"{horizon} weeks after {day:%Y-%m-%d} end on {until:%Y-%m-%d}, after the last day of "
            f"the data, {last:%Y-%m-%d}: choose an earlier cut or a shorter horizon"
        )
    fits, reasons = {}, {}
    for name, model in (models or contestants()).items():
        try:
            fits[name] = records.forecast(model, day, int(horizon))
        except TableError as error:
            reasons[name] = " ".join(str(error).split())
    if not fits:
        raise Unavailable(f"no forecast can be made from {day:%Y-%m-%d}: {min(reasons.values())}")
    refused = pd.Series(reasons, dtype=str).rename_axis("model").reset_index(name="reason")
    came = records.windows(day, [], until=until)
    actual = came[["customer_id"]].assign(
        orders=came.orders_later.astype("int64"), spend=came.spend_later
    )
    return Backtest(day, int(horizon), actual, fits, refused)


@dataclass(frozen=True)
class Choice:
    """The forecast that was chosen beforehand, on the scoreboard of the days that check it.

    Attributes
    ----------
    board : a scoreboard
    name : of the chosen model
    currency : of the scoreboard's money
    """

    board: pd.DataFrame
    name: str
    currency: str = ""

    @property
    def score(self) -> pd.Series:
        """Its row of the scoreboard."""
        return self.board.set_index("model").loc[self.name]

    @property
    def base(self) -> pd.Series:
        """The row of the naive rate."""
        return self.board.set_index("model").loc[BASELINE]

    @property
    def better(self) -> bool:
        """Whether it is better than the naive rate by squared error."""
        return self.score.verdict == "better"

    def table(self) -> pd.DataFrame:
        """The scoreboard without the squared errors behind its verdicts."""
        return self.board.drop(columns=["mse_less", "mse_low", "mse_high"])

    @property
    def caption(self) -> str:
        """How the chosen forecast did on the check, and whether to use it."""
        score, base = self.score, self.base
        verdict = "not better than the naive rate: the plain rate will do"
        if self.better:
            verdict = "better than the naive rate: use it"
        elif self.name == BASELINE:
            verdict = "the naive rate itself: nothing was chosen above it"
        return (
            f"Chosen beforehand: {self.name}. On the check its MAE is {score.mae:,.1f} "
            f"{self.currency} a customer, the naive rate's {base.mae:,.1f}: a difference of "
            f"{score.mae_less:+,.1f} ({score.mae_low:+,.1f} to {score.mae_high:+,.1f}). Its total "
            f"is off by {score.bias:+.1%}. By squared error it is {verdict}. A perfect list of the "
            f"top tenth would have held {self.board.attrs['ceiling']:.1%} of the spend, this one "
            f"held {score.top_decile:.1%}, the naive one {base.top_decile:.1%}."
        )


def scoreboard(
    actual: Any, predictions: pd.DataFrame, *, baseline: str, n_boot: int = 500, seed: int = 0
) -> pd.DataFrame:
    """How close each forecast came to what happened, with intervals against the baseline.

    Parameters
    ----------
    actual : money (or purchases) of each customer in the later period
    predictions : one column a model, one row a customer in the same order
    baseline : the column that every model must beat
    n_boot, seed : of the paired bootstrap over customers

    Returns
    -------
    DataFrame, one row a model, lowest rmse first
        - model
        - mae, rmse : mean absolute and root mean squared error
        - spearman : rank correlation; NaN for a constant forecast
        - bias : total forecast / total actual - 1
        - gini : as `gini`, 1 for the perfect order
        - top_decile : as `top_share`; its ceiling is in `.attrs["ceiling"]`
        - mae_less, mae_low, mae_high : mae minus that of the baseline, with 95% interval (below 0
            is better)
        - mse_less, mse_low, mse_high : the same for squared errors
        - verdict : "better", "worse" or "no difference" by squared error, with "MAE misleads" where
            it must be said

    Raises
    ------
    TableError : for an unknown baseline, missing values, rows that do not fit, or no actual money
        at all.

    Notes
    -----
    A forecast of a mean is judged by squared error: the absolute error is smallest at the median,
    so that where most customers buy nothing, "0 for everybody" wins it. Such a row says so: bias
    below -50% and yet
    the lower mae.
    """
    actual = np.asarray(actual, float)
    columns = predictions.drop(columns="customer_id", errors="ignore")
    _refuse_unscorable(actual, columns, baseline)
    base = columns[baseline].to_numpy(float) - actual
    rows = []
    for name, forecast in columns.items():
        error = forecast.to_numpy(float) - actual
        mae = paired_bootstrap(np.abs(error), np.abs(base), n_boot=n_boot, seed=seed)
        mse = paired_bootstrap(error**2, base**2, n_boot=n_boot, seed=seed)
        row = {"model": name, "mae": mae.mean_a, "rmse": np.sqrt(mse.mean_a)}
        row |= _order(actual, forecast)
        row |= {"mae_less": mae.difference, "mae_low": mae.low, "mae_high": mae.high}
        row |= {"mse_less": mse.difference, "mse_low": mse.low, "mse_high": mse.high}
        rows.append(row)
    table = pd.DataFrame(rows).sort_values(["rmse", "model"], ignore_index=True)
    table["verdict"] = "no difference"
    table.loc[table.mse_high < 0, "verdict"] = "better"
    table.loc[table.mse_low > 0, "verdict"] = "worse"
    table.loc[(table.bias < -0.5) & (table.mae_less < 0), "verdict"] += "; MAE misleads"
    table.loc[table.model == baseline, "verdict"] = "baseline"
    table.attrs["ceiling"] = top_share(actual, actual)
    return table


def _order(actual: ndarray, forecast: pd.Series) -> dict[str, float]:
    """Total and order of a forecast."""
    with np.errstate(invalid="ignore", divide="ignore"):
        spearman = np.corrcoef(pd.Series(actual).rank(), forecast.rank())[0, 1]
    return {
        "spearman": float(spearman),
        "bias": forecast.sum() / actual.sum() - 1,
        "gini": gini(actual, forecast),
        "top_decile": top_share(actual, forecast),
    }


def _refuse_unscorable(actual: ndarray, columns: pd.DataFrame, baseline: str) -> None:
    problems = []
    if baseline not in columns:
        problems.append(f"baseline {baseline!r} is no column; present: {list(columns)}")
    if len(actual) != len(columns):
        problems.append(f"{len(actual):,} actual values, {len(columns):,} forecasts")
    lost = int((~np.isfinite(actual)).sum())
    if lost:
        problems.append(f"{lost:,} actual values are missing")
    if not actual.sum() > 0:
        problems.append("nobody spent anything in the later period: take a longer one")
    broken = (~np.isfinite(columns)).sum()
    for name, count in broken[broken > 0].items():
        problems.append(f"{count:,} forecasts of {name!r} are missing or infinite")
    if problems:
        raise TableError.of("the forecasts cannot be scored:", problems)


def gini(actual: Any, forecast: Any) -> float:
    """How well the forecast puts customers in order of their money: 1 is perfect, 0 is chance.

    Notes
    -----
    Customers in descending order of the forecast, L their cumulative share of the money: (mean L -
    1/2) divided by the same for the perfect order. Customers with equal forecasts share their money
    equally, so a constant gives 0.

    References
    ----------
    Wang, Liu and Miao (2019), "A deep probabilistic model for customer lifetime value prediction",
    arXiv 1912.07753.

    Examples
    --------
    >>> gini([0, 1, 5], [1, 2, 3]), gini([0, 1, 5], [7, 7, 7])
    (1.0, 0.0)
    """
    perfect = inference.gini(actual)
    return inference.gini(actual, by=forecast) / perfect if perfect > 0 else float("nan")


def top_share(actual: Any, forecast: Any, *, share: float = 0.1) -> float:
    """Share of all money that the customers with the highest forecasts brought (at least one
    customer).

    Examples
    --------
    >>> top_share([90, 5, 5, 0], [3, 1, 2, 0], share=0.25)
    0.9
    """
    actual = np.asarray(actual, float)
    return float((actual * top_mask(forecast, share=share)).sum() / actual.sum())


def top_mask(forecast: Any, *, share: float = 0.1) -> ndarray:
    """Weight 1 for the customers with the highest forecasts, 0 for the others; ties at the border
    share the places.

    Examples
    --------
    >>> top_mask([3, 1, 1, 0], share=0.5).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    forecast = np.asarray(forecast, float)
    size = max(1, round(share * len(forecast)))
    border = np.sort(forecast)[-size]
    above, at = forecast > border, forecast == border
    return above + at * (size - above.sum()) / at.sum()


def deciles(actual: Any, forecast: Any, *, groups: int = 10, least: int = 10) -> pd.DataFrame:
    """Mean forecast and mean actual in equal groups of customers, highest forecasts first.

    Parameters
    ----------
    actual, forecast : one number a customer
    groups : number of groups; fewer where a group would hold fewer than `least` customers

    Returns
    -------
    DataFrame : group (1 is highest), customers, forecast, actual, low, high (95% interval of the
        actual mean)
    """
    actual, forecast = np.asarray(actual, float), np.asarray(forecast, float)
    groups = max(1, min(groups, len(actual) // least))
    place = np.argsort(np.argsort(-forecast, kind="stable"))
    group = place * groups // len(place) + 1
    by = pd.DataFrame({"forecast": forecast, "actual": actual}).groupby(group)
    table = by.mean()
    table.insert(0, "customers", by.size())
    half = 1.96 * by.actual.sem()
    table = table.assign(low=table.actual - half, high=table.actual + half)
    return table.rename_axis("group").reset_index()
