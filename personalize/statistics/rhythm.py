"""When customers buy: by hour and weekday, week by week, with trend and season where the days suffice."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.describe import ratio
from personalize.tables import Tables

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def hours(tables: Tables) -> pd.DataFrame:
    """Orders, lines and money by day and hour: one pass over the orders, on which all else here is built.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    DataFrame, one row a day and hour with an order: day (Timestamp), hour (0 to 23), orders, lines, spend, weekday
    (0 is Monday).
    """
    found = tables.query("statistics_hours")
    found = found.assign(day=pd.to_datetime(found.day)).astype(
        {"orders": "int64", "lines": "int64", "hour": "int64"}
    )
    return found.assign(weekday=found.day.dt.day_of_week)


def has_hours(table: pd.DataFrame) -> bool:
    """Whether the times hold more than the date.

    Parameters
    ----------
    table : from `hours`
    """
    return bool((table.hour != 0).any())


def by_hour(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """The share of orders in each hour of the day, with an interval that takes days as what was sampled.

    Parameters
    ----------
    table : from `hours`
    level : of the intervals

    Returns
    -------
    DataFrame, 24 rows: hour, orders, share, low, high.
    """
    wide = table.pivot_table(
        index="day", columns="hour", values="orders", aggfunc="sum", fill_value=0
    )
    return _shares(wide.reindex(columns=range(24), fill_value=0), "hour", level)


def by_weekday(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """The share of orders on each weekday, over whole weeks (Monday to Sunday), which are what was sampled.

    Parameters
    ----------
    table : from `hours`
    level : of the intervals

    Returns
    -------
    DataFrame, 7 rows: weekday (name), orders, share, low, high. Shares are NaN without a whole week.
    """
    per_day = daily(table).orders
    weeks = per_day.groupby(_monday(per_day.index)).filter(lambda week: len(week) == 7)
    wide = weeks.to_frame().assign(week=_monday(weeks.index), day=weeks.index.day_of_week)
    wide = wide.pivot_table(index="week", columns="day", values="orders").reindex(
        columns=range(7), fill_value=0
    )
    return _shares(wide, "weekday", level).assign(weekday=list(WEEKDAYS))


def _shares(wide: pd.DataFrame, name: str, level: float) -> pd.DataFrame:
    total = wide.sum(axis=1)
    found = [ratio(wide[column], total, level=level) for column in wide]
    share = pd.DataFrame(found, columns=["share", "low", "high"]).clip(0, 1)
    return pd.DataFrame({name: list(wide.columns), "orders": wide.sum().to_numpy("int64")}).join(
        share
    )


def weekday_hour(table: pd.DataFrame, *, min_cell: int = 10) -> pd.DataFrame:
    """Orders in each hour of an average Monday, Tuesday, ...

    Parameters
    ----------
    table : from `hours`
    min_cell : cells with fewer orders in the whole period are left empty

    Returns
    -------
    DataFrame : index weekday (names), columns hours; mean orders in that hour of one such day. Only the hours from
    the first to the last with an order.
    """
    days = daily(table).index.day_of_week.value_counts().reindex(range(7), fill_value=0)
    orders = table.pivot_table(
        index="weekday", columns="hour", values="orders", aggfunc="sum", fill_value=0
    )
    span = range(table.hour.min(), table.hour.max() + 1)
    orders = orders.reindex(index=range(7), columns=span, fill_value=0)
    mean = orders.div(days.where(days > 0), axis=0).where(orders >= min_cell)
    return mean.set_axis(pd.Index(WEEKDAYS, name="weekday"), axis=0)


def weekly(table: pd.DataFrame) -> pd.DataFrame:
    """Orders and money of every whole week, Monday to Sunday; a week cut by the first or last day is left out.

    Parameters
    ----------
    table : from `hours`

    Returns
    -------
    DataFrame, one row a week: week (its Monday), orders, spend. Empty when there is no whole week.
    """
    per_day = daily(table)
    weeks = per_day.groupby(_monday(per_day.index)).agg(
        orders=("orders", "sum"), spend=("spend", "sum"), days=("orders", "size")
    )
    return weeks[weeks.days == 7].drop(columns="days").rename_axis("week").reset_index()


def timeline(table: pd.DataFrame) -> pd.DataFrame:
    """Orders over time, in whole weeks where there are at least eight, else in days.

    Parameters
    ----------
    table : from `hours`

    Returns
    -------
    DataFrame, one row a week or day: per ("week" or "day"), start, orders, spend. Days without an order are 0.
    """
    weeks = weekly(table).rename(columns={"week": "start"})
    if len(weeks) >= 8:
        return weeks.assign(per="week")[["per", "start", "orders", "spend"]]
    return (
        daily(table)
        .rename_axis("start")
        .reset_index()
        .assign(per="day")[["per", "start", "orders", "spend"]]
    )


def daily(table: pd.DataFrame) -> pd.DataFrame:
    """Orders and money of every day from the first to the last, days without an order as 0.

    Parameters
    ----------
    table : from `hours`
    """
    found = table.groupby("day")[["orders", "spend"]].sum()
    return found.reindex(pd.date_range(found.index.min(), found.index.max()), fill_value=0)


def _monday(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return days - pd.to_timedelta(days.day_of_week, unit="D")


@dataclass(frozen=True)
class Trend:
    """A steady trend through a series, and how sure its slope is.

    Attributes
    ----------
    n : values (weeks)
    mean : of the series
    change, low, high : from the first to the last value along the trend (0.1 is +10%)
    fitted : the trend
    note : what could not be given or differs, and why; empty when all is well
    """

    n: int
    mean: float
    change: float
    low: float
    high: float
    fitted: np.ndarray
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row: n, mean, change, low, high, note."""
        row = {name: getattr(self, name) for name in ("n", "mean", "change", "low", "high", "note")}
        return pd.DataFrame([row])


def trend(series: pd.Series, *, level: float = 0.95) -> Trend:
    """The steady trend of a series, such as orders a week.

    Parameters
    ----------
    series : one number a week (or day), in order
    level : of the interval

    Returns
    -------
    Trend : `change` is NaN, with a note, below 8 values or for a mean that is not above 0.

    Notes
    -----
    Least squares on the logarithm, so that the trend is a constant percentage a week. Where a value is not above 0 the
    logarithm has no sense: then a straight line, its change as a share of the mean, and the note says so. The interval
    allows neighbouring values to be alike (Newey-West, lags 4 (n/100)^(2/9), scaled by n / (n - 2), t with n - 2
    degrees of freedom).

    References
    ----------
    Newey & West (1987), Econometrica 55; lag rule of Newey & West (1994), Review of Economic Studies 61.

    Examples
    --------
    >>> round(trend(pd.Series([100 * 1.01**week for week in range(21)])).change, 4) == round(1.01**20 - 1, 4)
    True
    """
    y = np.asarray(series, float)
    n, mean = len(y), float(y.mean()) if len(y) else np.nan
    if n < 8 or not mean > 0:
        why = f"{n} value(s), a trend needs 8" if n < 8 else "the mean is not above 0"
        return Trend(n, mean, np.nan, np.nan, np.nan, np.full(n, mean), why)
    steady = bool((y > 0).all())
    fitted, slope, error = _line(np.log(y) if steady else y)
    half = special.stdtrit(n - 2, 0.5 + level / 2) * error
    ends = (n - 1) * np.array([slope, slope - half, slope + half])
    ends = np.expm1(ends) if steady else ends / mean
    note = (
        ""
        if steady
        else "some values are not above 0: straight line, change as a share of the mean"
    )
    return Trend(n, mean, *map(float, ends), np.exp(fitted) if steady else fitted, note)


def _line(y: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Least squares line, its slope and the slope's standard error."""
    time = np.arange(len(y)) - (len(y) - 1) / 2
    slope = float(time @ y / (time @ time))
    fitted = y.mean() + slope * time
    return fitted, slope, _newey_west(time * (y - fitted), time @ time)


def _newey_west(score: np.ndarray, information: float) -> float:
    """Standard error of a slope from its scores, with Bartlett weights."""
    n = len(score)
    lags = int(4 * (n / 100) ** (2 / 9))
    total = score @ score + 2 * sum(
        (1 - k / (lags + 1)) * (score[k:] @ score[:-k]) for k in range(1, lags + 1)
    )
    return float(np.sqrt(max(total, 0.0) * n / (n - 2)) / information)


@dataclass(frozen=True)
class Season:
    """Daily orders taken apart into trend, weekday pattern and the rest.

    Attributes
    ----------
    parts : one row a day: day, orders, trend, weekday_effect, rest
    weekday_strength, trend_strength : 0 (none) to 1 (nothing else moves the series)
    unusual : the days whose rest is furthest out: day, orders, expected, rest, z (robust)
    note : what could not be given, and why; empty when all is well
    """

    parts: pd.DataFrame
    weekday_strength: float
    trend_strength: float
    unusual: pd.DataFrame
    note: str = ""

    def table(self) -> pd.DataFrame:
        """The days that stand out."""
        return self.unusual


def season(table: pd.DataFrame, *, limit: float = 5.0) -> Season:
    """The weekday pattern and the trend of daily orders (STL, robust), and the days that fit neither.

    Parameters
    ----------
    table : from `hours`
    limit : a day stands out when its rest is more than this many robust standard deviations from the median

    Returns
    -------
    Season : strengths are NaN, with a note, below four weeks of days or where orders never vary.

    Notes
    -----
    Strength of a part P beside the rest R: max(0, 1 - Var(R) / Var(P + R)). The note says when the days are too few
    for a yearly season (two whole years are needed).

    References
    ----------
    Cleveland, Cleveland, McRae & Terpenning (1990), Journal of Official Statistics 6: STL.
    Wang, Smith & Hyndman (2006), Data Mining and Knowledge Discovery 13: strength.
    """
    orders = daily(table).orders.astype(float)
    if len(orders) < 28 or orders.nunique() == 1:
        why = (
            f"{len(orders)} day(s), a weekday pattern needs 28"
            if len(orders) < 28
            else "orders never vary"
        )
        names = ["day", "orders", "trend", "weekday_effect", "rest"]
        return Season(pd.DataFrame(columns=names), np.nan, np.nan, _unusual(None, limit), why)
    from statsmodels.tsa.seasonal import STL

    fit = STL(orders, period=7, robust=True).fit()
    found = {
        "orders": orders.astype("int64"),
        "trend": fit.trend,
        "weekday_effect": fit.seasonal,
        "rest": fit.resid,
    }
    parts = pd.DataFrame(found).rename_axis("day").reset_index()
    short = f"{len(orders)} days are too few for a yearly season: two whole years are needed"
    strengths = (_strength(parts[name], parts.rest) for name in ("weekday_effect", "trend"))
    return Season(parts, *strengths, _unusual(parts, limit), short if len(orders) < 730 else "")


def _strength(part: pd.Series, rest: pd.Series) -> float:
    both = (part + rest).var(ddof=0)
    return float(max(0.0, 1 - rest.var(ddof=0) / both)) if both > 0 else 0.0


def _unusual(parts: pd.DataFrame | None, limit: float) -> pd.DataFrame:
    if parts is None:
        return pd.DataFrame(columns=["day", "orders", "expected", "rest", "z"])
    rest = parts.rest - parts.rest.median()
    spread = 1.4826 * rest.abs().median()
    z = rest / spread if spread > 0 else rest * 0.0
    table = parts[["day", "orders"]].assign(
        expected=parts.orders - parts.rest, rest=parts.rest, z=z
    )
    chosen = table[z.abs() > limit].sort_values("z", key=np.abs, ascending=False, kind="stable")
    return chosen.reset_index(drop=True)


def trends(pace: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """The trend of orders and of money; the naive expectation is a change of 0.

    Parameters
    ----------
    pace : from `timeline` or `weekly`
    level : of the intervals

    Returns
    -------
    DataFrame, two rows: measure, n (weeks or days), mean, change, low, high, note (see `Trend`).
    """
    rows = [
        trend(pace[name], level=level).table().assign(measure=name) for name in ("orders", "spend")
    ]
    return pd.concat(rows, ignore_index=True)[
        ["measure", "n", "mean", "change", "low", "high", "note"]
    ]


def with_trend(pace: pd.DataFrame) -> pd.DataFrame:
    """Orders over time and the steady trend through them, to draw.

    Parameters
    ----------
    pace : from `timeline`

    Returns
    -------
    DataFrame, one row a series and point: start, orders, series ("orders" or "trend").
    """
    line = pace[["start"]].assign(orders=trend(pace.orders).fitted, series="trend")
    return pd.concat([pace[["start", "orders"]].assign(series="orders"), line], ignore_index=True)
