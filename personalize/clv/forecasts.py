"""Forecasts of each customer's next weeks: naive rates, probability models, and regression on window spends."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from personalize import features
from personalize.clv.customers import outcome, summary
from personalize.clv.purchases import BetaGeo, PurchaseModel
from personalize.clv.spend import GammaGamma
from personalize.tables import TableError, Tables

__all__ = ["BuyTillYouDie", "NaiveRate", "WindowRegression", "ZeroForecast"]

_WEEK = pd.Timedelta(days=7)


class _Forecast:
    """The contract: `fit(tables, as_of=, horizon=)` learns from the days up to `as_of`; `predict()` looks ahead.

    `predict()` gives one row a customer known on `as_of`: customer_id, expected_orders, expected_spend, both over the
    next `horizon` weeks and undiscounted.
    """

    def fit(self, tables: Tables, *, as_of: Any, horizon: int) -> Self:
        """Learn from everything up to the end of the day `as_of`, to look `horizon` weeks (1 or more) ahead."""
        if horizon != int(horizon) or horizon < 1:
            raise TableError(f"horizon = {horizon}: give a whole number of weeks, 1 or more")
        self.as_of_, self.horizon_ = pd.Timestamp(as_of).normalize(), int(horizon)
        self._learn(tables)
        return self

    def _learn(self, tables: Tables) -> None:
        raise NotImplementedError

    def predict(self) -> pd.DataFrame:
        """Expected orders and spend of each customer over the horizon: customer_id, expected_orders, expected_spend."""
        raise NotImplementedError


class ZeroForecast(_Forecast):
    """Nobody buys anything: what a lazy reader of mean absolute errors would choose."""

    def _learn(self, tables: Tables) -> None:
        self._ids = features.rfm(tables, as_of=self.as_of_).customer_id

    def predict(self) -> pd.DataFrame:
        """Zeros: customer_id, expected_orders, expected_spend."""
        return pd.DataFrame({"customer_id": self._ids, "expected_orders": 0.0, "expected_spend": 0.0})


class NaiveRate(_Forecast):
    """Everybody goes on as in the last weeks: the baseline that a sceptic would name.

    Parameters
    ----------
    weeks : length of the period whose rate goes on, 1 or more; capped at the days the data hold
    """

    def __init__(self, weeks: int = 13) -> None:
        self.weeks = weeks

    def _learn(self, tables: Tables) -> None:
        self.weeks_ = min(self.weeks, max(1, _weeks_between(tables.start, self.as_of_)))
        customers = features.rfm(tables, as_of=self.as_of_).customer_id
        after = self.as_of_ - self.weeks_ * _WEEK
        self._table = outcome(tables, after=after, until=self.as_of_, customers=customers)

    def predict(self) -> pd.DataFrame:
        """The rate of the last weeks times the horizon: customer_id, expected_orders, expected_spend."""
        scale = self.horizon_ / self.weeks_
        return pd.DataFrame(
            {
                "customer_id": self._table.customer_id,
                "expected_orders": self._table.orders * scale,
                "expected_spend": (self._table.spend * scale).clip(lower=0.0),
            }
        )


class BuyTillYouDie(_Forecast):
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

    def _learn(self, tables: Tables) -> None:
        self.summary_ = summary(tables, as_of=self.as_of_, unit="W")
        self.purchases_ = copy(self.purchases or BetaGeo()).fit(self.summary_)
        self.spend_ = copy(self.spend or GammaGamma()).fit(self.summary_)

    def predict(self) -> pd.DataFrame:
        """Expected purchases times expected spend a purchase: customer_id, expected_orders, expected_spend."""
        orders = self.purchases_.expected_purchases(self.horizon_)
        money = orders * self.spend_.expected_spend()
        return pd.DataFrame({"expected_orders": orders, "expected_spend": money}).reset_index()


@dataclass(frozen=True)
class Regression:
    """A fitted regression: what it was trained on, and its coefficients with robust errors.

    Attributes
    ----------
    coefficients : DataFrame term, estimate, std_error, low, high, vif
    n, r_squared : customers and share of variance explained where it was trained
    trained_on, lookback : the training cut, and the weeks looked back from it and from `as_of` alike
    fitted_values, residuals : where it was trained
    influence : largest Cook's distance of a customer (OLS only; NaN otherwise)
    """

    coefficients: pd.DataFrame
    n: int
    r_squared: float
    trained_on: pd.Timestamp
    lookback: int
    fitted_values: np.ndarray
    residuals: np.ndarray
    influence: float

    def table(self) -> pd.DataFrame:
        """The coefficients: term, estimate, std_error, low, high, vif."""
        return self.coefficients


class WindowRegression(_Forecast):
    """V = b0 + b1 X1 + b2 X2 + ... + e: the next weeks' spend on the spend of the last weeks.

    Parameters
    ----------
    weeks : windows to look back over, each in weeks ending on the last known day; the longest look-back that the
        training cut allows is added. A window longer than that is refused.
    family : "ols" (least squares, HC3 errors) or "poisson" (log link, on log(1 + X), robust errors)

    Attributes
    ----------
    result_ : Regression, for spend

    Notes
    -----
    Trained at an earlier cut, `horizon` weeks before `as_of`, on what was then the future; then moved to `as_of`. Both
    look back over windows of equal length, as features that grow with the length of the history (all spend so far,
    number of orders so far) would forecast too much at the later cut.

    References
    ----------
    MacKinnon and White (1985), "Some heteroskedasticity-consistent covariance matrix estimators", Journal of
    Econometrics 29(3): HC3. Santos Silva and Tenreyro (2006), "The log of gravity": Poisson on money.
    """

    def __init__(self, weeks: Sequence[int] = (4, 8), family: Literal["ols", "poisson"] = "ols") -> None:
        self.weeks = weeks
        self.family = family

    def _learn(self, tables: Tables) -> None:
        if self.family not in ("ols", "poisson"):
            raise TableError(f"family = {self.family!r} is not known: use 'ols' or 'poisson'")
        origin = self.as_of_ - self.horizon_ * _WEEK
        windows = self._windows(_weeks_between(tables.start, origin))
        past = features.window_spend(tables, as_of=origin, weeks=windows)
        after = outcome(tables, after=origin, until=self.as_of_, customers=past.customer_id)
        now = features.window_spend(tables, as_of=self.as_of_, weeks=windows)
        self._ids, self._predicted = now.customer_id, {}
        for target, what in (("orders", "orders"), ("spend", "spend")):
            names = [f"{what}_{n}w" for n in windows]
            x, x_now = past[names].clip(lower=0), now[names].clip(lower=0)
            result, self._predicted[target] = self._regress(after[target].clip(lower=0), x, x_now)
        if not result:
            raise TableError(
                f"all {len(past):,} customers spent the same in every window: there is nothing to regress on"
            )
        self.result_ = Regression(trained_on=origin, lookback=windows[-1], **result)

    def _windows(self, lookback: int) -> list[int]:
        """The windows asked for, and the whole look-back, where the training cut has them."""
        if lookback < 2:
            raise TableError(
                f"a regression for {self.horizon_} weeks from {self.as_of_:%Y-%m-%d} trains {self.horizon_} weeks "
                f"earlier and finds {max(lookback, 0)} weeks of history there; at least 2 are needed: "
                "take a shorter horizon or a later as_of"
            )
        if self.weeks and min(self.weeks) >= lookback:
            return [max(1, lookback // 2), lookback]
        return [*sorted(n for n in self.weeks if n < lookback), lookback]

    def _regress(self, y: pd.Series, x: pd.DataFrame, x_now: pd.DataFrame) -> tuple[dict[str, Any], np.ndarray]:
        varied = _telling(x)
        if len(y) >= 10 and not varied:
            return {}, np.full(len(x_now), y.mean())
        if len(y) < 10 * (len(varied) + 1) or not np.ptp(y.to_numpy()) > 0:
            raise TableError(
                f"{len(y):,} customers at the training cut with {len(varied)} varying windows: a regression needs ten "
                "customers a coefficient, and spend that differs; take a longer period or fewer windows"
            )
        if self.family == "ols":
            return _least_squares(y, x[varied], x_now[varied])
        return _poisson(y, x[varied], x_now[varied])

    def predict(self) -> pd.DataFrame:
        """The regressions moved to `as_of`, not below 0: customer_id, expected_orders, expected_spend."""
        return pd.DataFrame(
            {
                "customer_id": self._ids,
                "expected_orders": self._predicted["orders"].clip(min=0),
                "expected_spend": self._predicted["spend"].clip(min=0),
            }
        )


def _telling(x: pd.DataFrame) -> list[str]:
    """The columns that add something: neither constant nor a sum of columns before them."""
    kept: list[str] = []
    for name in x:
        part = x[[*kept, name]].to_numpy(float)
        spread = part - part.mean(axis=0)
        size = np.linalg.norm(spread, axis=0)
        if size[-1] > 1e-9 * np.abs(part[:, -1]).max() and np.linalg.matrix_rank(spread / size, tol=1e-6) == len(size):
            kept.append(name)
    return kept


def _least_squares(y: pd.Series, x: pd.DataFrame, x_now: pd.DataFrame) -> tuple[dict[str, Any], np.ndarray]:
    from statsmodels.regression.linear_model import OLS

    design = _design(x)
    fit = OLS(y.to_numpy(float), design.to_numpy()).fit(cov_type="HC3")
    cook = fit.get_influence().cooks_distance[0]
    facts = _facts(fit, x, design.columns) | {"r_squared": float(fit.rsquared), "influence": float(np.nanmax(cook))}
    return facts, fit.predict(_design(x_now).to_numpy())


def _poisson(y: pd.Series, x: pd.DataFrame, x_now: pd.DataFrame) -> tuple[dict[str, Any], np.ndarray]:
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    x, scale = np.log1p(x), float(y.mean())
    design = _design(x)
    fit = GLM(y.to_numpy(float) / scale, design.to_numpy(), family=Poisson()).fit(cov_type="HC1")
    values = scale * fit.fittedvalues
    r_squared = 1 - ((y - values) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    facts = _facts(fit, x, [f"log(1 + {n})" if n in x else n for n in design.columns])
    facts |= {"fitted_values": values, "residuals": y.to_numpy(float) - values}
    facts["coefficients"].loc[0, ["estimate", "low", "high"]] += np.log(scale)
    return facts | {"r_squared": float(r_squared), "influence": float("nan")}, scale * fit.predict(
        _design(np.log1p(x_now)).to_numpy()
    )


def _facts(fit: Any, x: pd.DataFrame, terms: Sequence[str]) -> dict[str, Any]:
    interval = fit.conf_int()
    table = pd.DataFrame(
        {
            "term": list(terms),
            "estimate": fit.params,
            "std_error": fit.bse,
            "low": interval[:, 0],
            "high": interval[:, 1],
            "vif": [np.nan, *_inflation(x)],
        }
    )
    return {"coefficients": table, "n": int(fit.nobs), "fitted_values": fit.fittedvalues,
            "residuals": np.asarray(fit.resid_response if hasattr(fit, "resid_response") else fit.resid)}  # fmt: skip


def _inflation(x: pd.DataFrame) -> np.ndarray:
    """Variance inflation: how much overlap with the other windows widens each coefficient's error."""
    if x.shape[1] == 1:
        return np.ones(1)
    return np.diag(np.linalg.pinv(np.corrcoef(x.to_numpy(float), rowvar=False)))


def _design(x: pd.DataFrame) -> pd.DataFrame:
    design = x.astype(float)
    design.insert(0, "constant", 1.0)
    return design


def _weeks_between(start: pd.Timestamp, last: pd.Timestamp) -> int:
    """Whole weeks from the day `start` to the day `last`, both included."""
    return ((last - start).days + 1) // 7
