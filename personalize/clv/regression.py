"""The next weeks' spend regressed on the spend of the last weeks: V = b0 + b1 X1 + b2 X2 + e."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy import ndarray
from sklearn.base import BaseEstimator, clone

from personalize.clv.customers import WEEK, Records, weeks_between
from personalize.clv.forecasts import Forecast, What
from personalize.tables import TableError, Tables, Unavailable

__all__ = ["FAMILIES", "Regression", "WindowRegression", "cumulative", "regressor"]

_POWERS = {"poisson": 1.0, "tweedie": 1.5, "gamma": 2.0}  # of the variance, with a log link
_LOGGED = (*_POWERS, "hurdle")  # families that take the logarithm of the windows
FAMILIES = ("ols", *_LOGGED, "boosting")
_COLUMNS = ["term", "estimate", "std_error", "low", "high", "vif"]
_LOST = (
    "a regression with a log link does not settle on these customers: most spend nothing, or a "
    "few spend everything; use the least squares regression or a probability model"
)


def regressor(family: Any) -> Any:
    """The regressor of a family, not fitted: one of FAMILIES, or a copy of the regressor given."""
    if not isinstance(family, str):
        return clone(family)
    if family == "ols":
        return _LeastSquares()
    if family in _POWERS:
        return _LogLink(_POWERS[family])
    if family == "hurdle":
        return _Hurdle()
    if family == "boosting":
        return _trees()
    raise TableError(
        f"family = {family!r} is not known: use one of {', '.join(map(repr, FAMILIES))}"
    )


class _Linear(BaseEstimator):
    """What a fit of statsmodels leaves behind: weights, their table, and the influence of each
    customer.
    """

    def _keep(self, fit: Any, x: pd.DataFrame, *, level: float = 0.0) -> Self:
        """Keep the weights, `level` added to the constant."""
        moved = np.append(level, np.zeros(x.shape[1]))
        self.weights_ = fit.params + moved
        low, high = (fit.conf_int() + moved[:, None]).T
        overlap = np.diag(np.linalg.pinv(x.corr().to_numpy()))
        columns = [["constant", *x], self.weights_, fit.bse, low, high, np.append(np.nan, overlap)]
        self.coefficients_ = pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))
        return self


class _LeastSquares(_Linear):
    def fit(self, x: pd.DataFrame, y: ndarray) -> Self:
        """Least squares with HC3 errors, and Cook's distance of each customer."""
        from statsmodels.regression.linear_model import OLS

        fit = OLS(y, _design(x)).fit(cov_type="HC3")
        self.influence_ = fit.get_influence().cooks_distance[0]
        return self._keep(fit, x)

    def predict(self, x: pd.DataFrame) -> ndarray:
        """The weighted sums."""
        return _design(x) @ self.weights_


class _LogLink(_Linear):
    """A generalised linear model with a log link and a variance that is a power of the mean."""

    def __init__(self, power: float) -> None:
        self.power = power

    def fit(self, x: pd.DataFrame, y: ndarray) -> Self:
        """Quasi-likelihood with HC1 errors, on money as shares of its mean."""
        from statsmodels.genmod.families import Poisson, Tweedie
        from statsmodels.genmod.families.links import Log
        from statsmodels.genmod.generalized_linear_model import GLM

        scale, family = float(y.mean()), Tweedie(link=Log(), var_power=self.power)
        if self.power == 1:
            family = Poisson()
        with np.errstate(all="ignore"):
            try:
                fit = GLM(y / scale, _design(x), family=family).fit(cov_type="HC1")
            except (ValueError, np.linalg.LinAlgError):
                raise Unavailable(_LOST) from None
        if not (fit.converged and np.isfinite(fit.params).all()):
            raise Unavailable(_LOST)
        return self._keep(fit, x, level=np.log(scale))

    def predict(self, x: pd.DataFrame) -> ndarray:
        """Expected money."""
        return np.exp(_design(x) @ self.weights_)


class _Hurdle(_LogLink):
    """P(anything) by a logit times the mean of what is bought; the coefficients are those of the
    second part.
    """

    def __init__(self, power: float = 2.0) -> None:
        super().__init__(power)

    def fit(self, x: pd.DataFrame, y: ndarray) -> Self:
        """Both parts; the logit is lightly held back, lest clear-cut customers break it."""
        from sklearn.linear_model import LogisticRegression

        some = y > 0
        self.spread_ = x.std(axis=0) + 1e-12
        self.logit_ = None
        if not some.all():
            self.logit_ = LogisticRegression(C=100.0).fit(x / self.spread_, some)
        return super().fit(x[some], y[some])

    def predict(self, x: pd.DataFrame) -> ndarray:
        """Chance of buying times expected money."""
        amount = super().predict(x)
        if self.logit_ is None:
            return amount
        return amount * self.logit_.predict_proba(x / self.spread_)[:, 1]


def _trees() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.08,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        random_state=0,
        early_stopping=False,
    )


def _design(x: pd.DataFrame) -> ndarray:
    return np.column_stack([np.ones(len(x)), x.to_numpy(float)])


@dataclass(frozen=True)
class Regression:
    """A fitted regression: what it was trained on, and its coefficients with robust errors.

    Attributes
    ----------
    coefficients : DataFrame term, estimate, std_error, low, high, vif; no row where the regressor
        has none
    trained_on, horizon, lookback : the training cut, the weeks from it that were foretold, and the
        weeks looked back
    actual, fitted_values : where it was trained
    influence : Cook's distance of each customer (least squares only; empty otherwise)
    """

    coefficients: pd.DataFrame
    trained_on: pd.Timestamp
    horizon: int
    lookback: int
    actual: ndarray
    fitted_values: ndarray
    influence: ndarray

    @property
    def n(self) -> int:
        """Customers it was trained on."""
        return len(self.actual)

    @property
    def residuals(self) -> ndarray:
        """Actual less fitted spend."""
        return self.actual - self.fitted_values

    @property
    def r_squared(self) -> float:
        """Share of the variance explained where it was trained."""
        return 1 - float(
            (self.residuals**2).sum() / ((self.actual - self.actual.mean()) ** 2).sum()
        )

    @property
    def caption(self) -> str:
        """What was regressed on what, when, and how much it explains."""
        return (
            f"Next {self.horizon} weeks' spend on earlier spend, {self.n:,} customers, trained on "
            f"{self.trained_on:%Y-%m-%d}; the windows explain {self.r_squared:.0%} of the variance "
            f"there, their weights add up to {self.coefficients.estimate[1:].sum():.2f}"
        )

    def table(self) -> pd.DataFrame:
        """The coefficients: term, estimate, std_error, low, high, vif."""
        return self.coefficients

    def diagnostics(self) -> pd.DataFrame:
        """What to look at before the coefficients are believed: fact, value, says.

        References
        ----------
        Breusch and Pagan (1979), Econometrica 47(5), in Koenker's form; Cook (1977), Technometrics
        19(1).
        """
        size, left = self.fitted_values, self.residuals
        uneven = 0.0
        if np.ptp(size) > 0:
            uneven = self.n * np.corrcoef(size, left**2)[0, 1] ** 2
        far = (np.abs(left) > 3 * left.std()).mean()
        rows = [
            ("unequal spread of the residuals, n R² of their squares", uneven, 3.84,
             "large forecasts err more: robust errors are needed", "even: plain errors would do, "
             "too"),
            ("residuals beyond three standard deviations, share", far, 0.01,
             "heavy tails: read medians beside means", "about as many as chance allows"),
            ("largest Cook's distance of one customer", self.influence.max(initial=-np.inf), 1,
             "one customer bends the line: look at the largest spenders", "no single customer "
             "bends the line"),
            ("largest variance inflation (VIF)", self.coefficients.vif.max(), 10,
             "the windows overlap: read their weights together, not one by one", "the windows "
             "tell different things"),
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=["fact", "value", "limit", "above", "says"])
        table["says"] = table.above.where(table.value > table.limit, table.says)
        return table.loc[np.isfinite(table.value), ["fact", "value", "says"]].reset_index(drop=True)


class WindowRegression(Forecast):
    """The next weeks' spend as a function of what was spent in the last weeks, learned one horizon
    earlier.

    Parameters
    ----------
    weeks : windows to look back over, each in weeks ending on the last known day; the longest
        look-back that the training cut allows is added. A window longer than that is left out.
    family : "ols" (least squares, HC3 errors); "poisson", "tweedie" (variance mu^1.5), "gamma" or
        "hurdle" (logit for whether, gamma for how much), each with a log link on log(1 + X) and
        robust errors; "boosting" (trees); or any regressor of scikit-learn, which gets the windows
        as they are
    extra : further features, f(tables, as_of=...) -> customer_id and numbers; features that can
        only grow with the length of the history are refused

    Attributes
    ----------
    result_ : Regression, for spend

    Notes
    -----
    Trained at an earlier cut, `horizon` weeks before `as_of`, on what was then the future; then
    moved to `as_of`. Both look back over windows of equal length, as features that grow with the
    length of the history (all spend so far, number of orders so far) would forecast too much at the
    later cut.

    References
    ----------
    MacKinnon and White (1985), "Some heteroskedasticity-consistent covariance matrix estimators",
    Journal of Econometrics 29(3): HC3. Santos Silva and Tenreyro (2006), "The log of gravity":
    Poisson on money. Jorgensen (1987), "Exponential dispersion models": Tweedie. Friedman (2001),
    "Greedy
    function approximation":
    boosting.
    """

    def __init__(
        self,
        weeks: Sequence[int] = (4, 8),
        family: Any = "ols",
        *,
        extra: Callable[..., pd.DataFrame] | None = None,
    ) -> None:
        self.weeks = weeks
        self.family = family
        self.extra = extra

    def _learn(self, records: Records) -> None:
        regressor(self.family)  # refuses an unknown one
        origin = self.as_of_ - self.horizon_ * WEEK
        self._weeks = self._windows(weeks_between(records.tables.start, origin))
        self._past = records.windows(origin, self._weeks, until=self.as_of_)
        self._now = records.windows(self.as_of_, self._weeks)
        self._more = self._further(records.tables, origin)
        y, x, x_now = self._sides("spend")
        if x.empty:
            raise Unavailable(
                f"all {len(y):,} customers spent the same in every window: there is nothing to "
                "regress on"
            )
        model = regressor(self.family).fit(x, y)
        self._spend = model.predict(x_now)
        self.result_ = Regression(
            coefficients=getattr(
                model, "coefficients_", pd.DataFrame(columns=_COLUMNS, dtype=float)
            ),
            trained_on=origin,
            horizon=self.horizon_,
            lookback=self._weeks[-1],
            actual=y,
            fitted_values=model.predict(x),
            influence=getattr(model, "influence_", np.empty(0)),
        )

    def _expected(self, what: What) -> pd.Series:
        """The regression moved to `as_of`, not below 0; orders are regressed on orders."""
        values = self._spend
        if what == "orders":
            y, x, x_now = self._sides(what)
            values = np.full(len(x_now), y.mean())
            if not x.empty:
                values = regressor(self.family).fit(x, y).predict(x_now)
        return pd.Series(values.clip(min=0), pd.Index(self._now.customer_id))

    def _further(self, tables: Tables, origin: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The further features at both cuts, a row a customer of each; none that can only grow."""
        if self.extra is None:
            return self._past[[]], self._now[[]]
        past = self.extra(tables, as_of=origin).set_index("customer_id").astype(float)
        now = self.extra(tables, as_of=self.as_of_).set_index("customer_id").astype(float)
        growing = cumulative(past, now)
        if growing:
            raise TableError(
                f"{', '.join(growing)} never fell for any customer from {origin:%Y-%m-%d} to "
                f"{self.as_of_:%Y-%m-%d} and rose in all: such a feature grows with the length of "
                "the history and forecasts too much at the later cut. Give a window instead, such "
                "as the last 13 weeks"
            )
        past, now = past.align(now, join="inner", axis=1)
        past = past.reindex(self._past.customer_id).fillna(0.0)
        now = now.reindex(self._now.customer_id).fillna(0.0)
        return past.reset_index(drop=True), now.reset_index(drop=True)

    def _windows(self, lookback: int) -> list[int]:
        """The windows asked for, and the whole look-back, where the training cut has them."""
        if lookback < 2:
            raise Unavailable(
                f"a regression for {self.horizon_} weeks from {self.as_of_:%Y-%m-%d} trains "
                f"{self.horizon_} weeks earlier and finds {max(lookback, 0)} weeks of history "
                "there; at least 2 are needed: take a shorter horizon or a later as_of"
            )
        if self.weeks and min(self.weeks) >= lookback:
            return [max(1, lookback // 2), lookback]
        return [*sorted(n for n in self.weeks if n < lookback), lookback]

    def _sides(self, what: What) -> tuple[ndarray, pd.DataFrame, pd.DataFrame]:
        """What came after the training cut, and the features that tell customers apart, then and
        now.
        """
        y = self._past[f"{what}_later"].to_numpy().clip(min=0.0)
        more, more_now = self._more
        x = self._features(self._past, what).join(more)
        varied = _telling(x)
        if varied and (len(y) < 10 * (len(varied) + 1) or not np.ptp(y) > 0) or len(y) < 10:
            raise Unavailable(
                f"{len(y):,} customers at the training cut with {len(varied)} varying windows: a "
                "regression needs ten customers a coefficient, and spend that differs; take a "
                "longer period or fewer windows"
            )
        return y, x[varied], self._features(self._now, what).join(more_now)[varied]

    def _features(self, table: pd.DataFrame, what: What) -> pd.DataFrame:
        names = [f"{what}_{n}w" for n in self._weeks]
        windows = table[names].clip(lower=0.0)
        if self.family in _LOGGED:
            return np.log1p(windows).set_axis([f"log(1 + {name})" for name in names], axis=1)
        return windows


def cumulative(past: pd.DataFrame, now: pd.DataFrame) -> list[str]:
    """The features that can only grow: they fell for no customer between two days, and rose in all.

    Parameters
    ----------
    past, now : features of customers (index) on an earlier and on a later day

    Returns
    -------
    list of names; empty where no customer is on both days

    Examples
    --------
    >>> past = pd.DataFrame({"orders_so_far": [1, 2], "last_4_weeks": [1, 2]}, index=["a", "b"])
    >>> cumulative(past, past + np.array([[0, -1], [3, 3]]))
    ['orders_so_far']
    """
    change = (now - past).dropna(how="all").dropna(axis=1, how="all")
    growing = (change.min() >= 0) & (change.max() > 0)
    return change.columns[growing].tolist()


def _telling(x: pd.DataFrame) -> list[str]:
    """The columns that add something: neither constant nor a sum of columns before them."""
    spread = x - x.mean()
    size = np.sqrt((spread**2).sum())
    kept: list[str] = []
    for name in x.columns[size > 1e-9 * x.abs().max()]:
        unit = spread[[*kept, name]] / size[[*kept, name]]
        if np.linalg.matrix_rank(unit.to_numpy(), tol=1e-6) > len(kept):
            kept.append(name)
    return kept
