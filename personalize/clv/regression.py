"""V = b0 + b1 X1 + b2 X2 + ... + e: the next weeks' spend regressed on the spend of the last weeks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from personalize.clv.families import FAMILIES, fit_family
from personalize.clv.forecasts import Forecast
from personalize.clv.records import WEEK, Records, weeks_between
from personalize.tables import TableError, Tables

__all__ = ["Regression", "WindowRegression", "attributes", "cumulative"]

_PLAIN = (
    "ols",
    "boosting",
)  # families that take the windows as they are; the others their logarithm


@dataclass(frozen=True)
class Regression:
    """A fitted regression: what it was trained on, and its coefficients with robust errors.

    Attributes
    ----------
    coefficients : DataFrame term, estimate, std_error, low, high, vif; no row for boosted trees
    n, r_squared : customers and share of variance explained where it was trained
    trained_on, lookback : the training cut, and the weeks looked back from it and from `as_of` alike
    fitted_values, residuals : where it was trained
    influence : Cook's distance of each customer (least squares only; empty otherwise)
    """

    coefficients: pd.DataFrame
    n: int
    r_squared: float
    trained_on: pd.Timestamp
    lookback: int
    fitted_values: np.ndarray
    residuals: np.ndarray
    influence: np.ndarray

    def table(self) -> pd.DataFrame:
        """The coefficients: term, estimate, std_error, low, high, vif."""
        return self.coefficients

    def diagnostics(self) -> pd.DataFrame:
        """What to look at before the coefficients are believed: fact, value, says.

        References
        ----------
        Breusch and Pagan (1979), Econometrica 47(5), in Koenker's form; Cook (1977), Technometrics 19(1).
        """
        size, square = self.fitted_values, self.residuals**2
        uneven = float(self.n * np.corrcoef(size, square)[0, 1] ** 2) if np.ptp(size) > 0 else 0.0
        overlap = float(self.coefficients.vif.max()) if len(self.coefficients) else np.nan
        far = float((np.abs(self.residuals) > 3 * self.residuals.std()).mean())
        most = float(self.influence.max()) if len(self.influence) else np.nan
        rows = [
            ("unequal spread of the residuals, n R² of their squares", uneven, uneven > 3.84,
             "large forecasts err more: robust errors are needed", "even: plain errors would do, too"),
            ("residuals beyond three standard deviations, share", far, far > 0.01,
             "heavy tails: read medians beside means", "about as many as chance allows"),
            ("largest Cook's distance of one customer", most, most > 1,
             "one customer bends the line: look at the largest spenders", "no single customer bends the line"),
            ("largest variance inflation (VIF)", overlap, overlap > 10,
             "the windows overlap: read their weights together, not one by one", "the windows tell different things"),
        ]  # fmt: skip
        found = [
            (fact, value, bad if holds else good)
            for fact, value, holds, bad, good in rows
            if np.isfinite(value)
        ]
        return pd.DataFrame(found, columns=["fact", "value", "says"])


class WindowRegression(Forecast):
    """The next weeks' spend as a function of what was spent in the last weeks, learned one horizon earlier.

    Parameters
    ----------
    weeks : windows to look back over, each in weeks ending on the last known day; the longest look-back that the
        training cut allows is added. A window longer than that is left out.
    family : "ols" (least squares, HC3 errors); "poisson", "tweedie" (variance mu^1.5), "gamma" or "hurdle" (logit for
        whether, gamma for how much), each with a log link on log(1 + X) and robust errors; or "boosting" (trees)
    extra : further features, f(tables, as_of=...) -> customer_id and numbers, such as `attributes`; features that can
        only grow with the length of the history are refused

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
    Econometrics 29(3): HC3. Santos Silva and Tenreyro (2006), "The log of gravity": Poisson on money. Jorgensen (1987),
    "Exponential dispersion models": Tweedie. Friedman (2001), "Greedy function approximation": boosting.
    """

    def __init__(
        self,
        weeks: Sequence[int] = (4, 8),
        family: Literal["ols", "poisson", "tweedie", "gamma", "hurdle", "boosting"] = "ols",
        *,
        extra: Callable[..., pd.DataFrame] | None = None,
    ) -> None:
        self.weeks = weeks
        self.family = family
        self.extra = extra

    def _learn(self, records: Records) -> None:
        if self.family not in FAMILIES:
            raise TableError(
                f"family = {self.family!r} is not known: use one of {', '.join(map(repr, FAMILIES))}"
            )
        origin = self.as_of_ - self.horizon_ * WEEK
        self._weeks = self._windows(weeks_between(records.tables.start, origin))
        self._past = records.windows(origin, self._weeks, until=self.as_of_)
        self._now = records.windows(self.as_of_, self._weeks)
        self._extra = self._more(records.tables, origin)
        facts, self._spend = self._regress("spend")
        if not facts:
            raise TableError(
                f"all {len(self._past):,} customers spent the same in every window: there is nothing to regress on"
            )
        self.result_ = Regression(trained_on=origin, lookback=self._weeks[-1], **facts)

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """The regression moved to `as_of`, not below 0, by customer_id; orders are regressed on orders."""
        values = self._spend if what == "spend" else self._regress(what)[1]
        return pd.Series(
            values.clip(min=0), pd.Index(self._now.customer_id), name=f"expected_{what}"
        )

    def _more(self, tables: Tables, origin: pd.Timestamp) -> list[pd.DataFrame]:
        """The further features at both cuts, a row a customer of each; none that can only grow."""
        cuts = (self._past, self._now)
        if self.extra is None:
            return [pd.DataFrame(index=cut.index) for cut in cuts]
        both = [
            self.extra(tables, as_of=day).set_index("customer_id").astype(float)
            for day in (origin, self.as_of_)
        ]
        if growing := cumulative(*both):
            raise TableError(
                f"{', '.join(growing)} never fell for any customer from {origin:%Y-%m-%d} to {self.as_of_:%Y-%m-%d} "
                "and rose in all: such a feature grows with the length of the history and forecasts too much at the "
                "later cut. Give a window instead, such as the last 13 weeks"
            )
        shared = [name for name in both[0] if name in both[1]]
        return [part.reindex(cut.customer_id)[shared].fillna(0.0).reset_index(drop=True)
                for part, cut in zip(both, cuts, strict=True)]  # fmt: skip

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

    def _regress(self, what: str) -> tuple[dict[str, Any], np.ndarray]:
        y = self._past[f"{what}_later"].to_numpy().clip(min=0.0)
        x, x_now = (self._features(table, what).join(more)
                    for table, more in zip((self._past, self._now), self._extra, strict=True))  # fmt: skip
        varied = _telling(x)
        if len(y) >= 10 and not varied:
            return {}, np.full(len(x_now), y.mean())
        if len(y) < 10 * (len(varied) + 1) or not np.ptp(y) > 0:
            raise TableError(
                f"{len(y):,} customers at the training cut with {len(varied)} varying windows: a regression needs ten "
                "customers a coefficient, and spend that differs; take a longer period or fewer windows"
            )
        return fit_family(self.family, y, x[varied], x_now[varied])

    def _features(self, table: pd.DataFrame, what: str) -> pd.DataFrame:
        names = [f"{what}_{n}w" for n in self._weeks]
        values = table[names].to_numpy().clip(min=0.0)
        if self.family in _PLAIN:
            return pd.DataFrame(values, columns=names)
        return pd.DataFrame(np.log1p(values), columns=[f"log(1 + {name})" for name in names])


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
    >>> cumulative(past, past + pd.DataFrame({"orders_so_far": [0, 3], "last_4_weeks": [-1, 3]}, index=["a", "b"]))
    ['orders_so_far']
    """
    both = past.index.intersection(now.index)
    change = now.loc[both, past.columns.intersection(now.columns)] - past.loc[both]
    return [
        name
        for name in change
        if len(change) and change[name].min() >= 0 and change[name].max() > 0
    ]


def attributes(tables: Tables, *, as_of: Any, least: int = 30) -> pd.DataFrame:
    """What is known of customers besides their purchases, as columns of 0 and 1: one row a described customer.

    Parameters
    ----------
    tables : Tables with a table `customers`
    as_of : date; not used by attributes without dates, but asked for, as every feature function asks
    least : values that fewer customers have are left out

    Returns
    -------
    DataFrame : customer_id, and one column a value, "<attribute>: <value>"

    Raises
    ------
    TableError : when the shop has no table of customers.
    """
    people = tables.customers.to_pandas()
    columns = [name for name in people if name != "customer_id" and people[name].nunique() <= 20]
    known = pd.get_dummies(people[columns].astype("string"), prefix_sep=": ", dtype=float)
    return people[["customer_id"]].join(
        known[[name for name in known if known[name].sum() >= least]]
    )


def _telling(x: pd.DataFrame) -> list[str]:
    """The columns that add something: neither constant nor a sum of columns before them."""
    values = x.to_numpy(float)
    spread = values - values.mean(axis=0)
    size = np.linalg.norm(spread, axis=0)
    kept, basis = [], np.empty((len(x), 0))
    for name, column, large, length in zip(
        x, spread.T, np.abs(values).max(axis=0, initial=0), size, strict=True
    ):
        if length > 1e-9 * large:
            new = column / length - basis @ (basis.T @ column) / length
            if (left := np.linalg.norm(new)) > 1e-6:
                kept, basis = [*kept, name], np.column_stack([basis, new / left])
    return kept
