"""When customers buy: by hour and weekday, week by week, with trend and season."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.inference import hac_trend, ratio
from personalize.statistics.descriptives import bracket
from personalize.tables import Tables, Unavailable

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def hours(tables: Tables) -> pd.DataFrame:
    """Orders, lines and money by day and hour, on which all else here is built.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    DataFrame, one row a day and hour with an order: day (Timestamp), hour (0 to 23), orders, lines,
    spend, weekday (0 is Monday).
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
    """The share of orders in each hour of the day, with days as what was sampled.

    Parameters
    ----------
    table : from `hours`
    level : of the intervals

    Returns
    -------
    DataFrame, 24 rows: hour, orders, share, share_low, share_high.
    """
    wide = _crossed(table, "day", "hour").reindex(columns=range(24), fill_value=0)
    return _shares(wide, "hour", level)


def by_weekday(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """The share of orders on each weekday, over whole weeks (Monday to Sunday), the sampled ones.

    Parameters
    ----------
    table : from `hours`
    level : of the intervals

    Returns
    -------
    DataFrame, 7 rows: weekday (name), orders, share, share_low, share_high. Shares are NaN without
    a whole week.
    """
    days = daily(table).reset_index(names="day")
    days = days.assign(week=_monday(days.day), weekday=days.day.dt.day_of_week)
    whole = days[days.groupby("week").day.transform("size") == 7]
    wide = _crossed(whole, "week", "weekday").reindex(columns=range(7), fill_value=0)
    return _shares(wide, "weekday", level).assign(weekday=WEEKDAYS)


def _crossed(table: pd.DataFrame, rows: str, columns: str) -> pd.DataFrame:
    return table.pivot_table(
        index=rows, columns=columns, values="orders", aggfunc="sum", fill_value=0
    )


def _shares(wide: pd.DataFrame, name: str, level: float) -> pd.DataFrame:
    total = wide.sum(axis=1)
    found = pd.DataFrame([ratio(wide[column], total, level=level) for column in wide])
    found = found.set_axis(["share", "share_low", "share_high"], axis=1).clip(0, 1)
    found.insert(0, "orders", wide.sum().to_numpy("int64"))
    found.insert(0, name, wide.columns)
    return found


@dataclass(frozen=True)
class WeekdayHours:
    """Orders by weekday and hour, and the busiest hour.

    Attributes
    ----------
    grid : index weekday (names), columns hours: mean orders in that hour of one such day, empty
        where too few; only the hours from the first to the last with an order
    peak : hour of the day with most orders
    share, low, high : its share of all orders, with its interval
    """

    grid: pd.DataFrame
    peak: int
    share: float
    low: float
    high: float

    def table(self) -> pd.DataFrame:
        """The grid."""
        return self.grid

    def reading(self) -> str:
        """The busiest hour beside an even share."""
        return (
            f"Orders by weekday and hour: peak at {self.peak} h with {self.share:.1%} of all "
            f"orders {bracket(self.low, self.high, '{:.1%}')}, against {1 / 24:.1%} if all hours "
            "were alike"
        )


def weekday_hour(table: pd.DataFrame, *, min_cell: int = 10, level: float = 0.95) -> WeekdayHours:
    """Orders in each hour of an average Monday, Tuesday, ...

    Parameters
    ----------
    table : from `hours`
    min_cell : cells with fewer orders in the whole period are left empty
    level : of the interval of the busiest hour's share

    Raises
    ------
    Unavailable : where the orders carry no time of day, or too few fall into any cell.
    """
    days = daily(table).index.day_of_week.value_counts().reindex(range(7), fill_value=0)
    span = range(table.hour.min(), table.hour.max() + 1)
    orders = _crossed(table, "weekday", "hour").reindex(range(7), columns=span, fill_value=0)
    mean = orders.div(days.where(days > 0), axis=0).where(orders >= min_cell)
    if not has_hours(table) or mean.isna().to_numpy().all():
        raise Unavailable("the orders carry no time of day, or too few fall into any hour")
    row = by_hour(table, level=level).nlargest(1, "share").iloc[0]
    grid = mean.set_axis(pd.Index(WEEKDAYS, name="weekday"), axis=0)
    return WeekdayHours(grid, int(row.hour), row.share, row.share_low, row.share_high)


def weekly(table: pd.DataFrame) -> pd.DataFrame:
    """Orders and money of every whole week, Monday to Sunday; cut weeks are left out.

    Parameters
    ----------
    table : from `hours`

    Returns
    -------
    DataFrame, one row a week: week (its Monday), orders, spend. Empty when there is no whole week.
    """
    days = daily(table).reset_index(names="day")
    weeks = days.assign(week=_monday(days.day)).groupby("week")
    found = weeks[["orders", "spend"]].sum()[weeks.size() == 7]
    return found.reset_index()


def timeline(table: pd.DataFrame) -> pd.DataFrame:
    """Orders over time, in whole weeks where there are at least eight, else in days.

    Parameters
    ----------
    table : from `hours`

    Returns
    -------
    DataFrame, one row a week or day: per ("week" or "day"), start, orders, spend. Days without an
    order are 0.
    """
    found, per = weekly(table).rename(columns={"week": "start"}), "week"
    if len(found) < 8:
        found, per = daily(table).reset_index(names="start"), "day"
    found.insert(0, "per", per)
    return found


def daily(table: pd.DataFrame) -> pd.DataFrame:
    """Orders and money of every day from the first to the last, days without an order as 0.

    Parameters
    ----------
    table : from `hours`
    """
    found = table.groupby("day")[["orders", "spend"]].sum()
    return found.reindex(pd.date_range(found.index.min(), found.index.max()), fill_value=0)


def _monday(days: pd.Series) -> pd.Series:
    return days - pd.to_timedelta(days.dt.day_of_week, unit="D")


@dataclass(frozen=True)
class Trend:
    """A steady trend through a series, and how sure its slope is.

    Attributes
    ----------
    n : values (weeks)
    mean : of the series
    change, change_low, change_high : from the first to the last value along the trend (0.1 is +10%)
    note : what could not be given or differs, and why; empty when all is well
    """

    n: int
    mean: float
    change: float = np.nan
    change_low: float = np.nan
    change_high: float = np.nan
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row: every attribute."""
        return pd.DataFrame([vars(self)])


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
    Least squares on the logarithm, so that the trend is a constant percentage a week. Where a value
    is not above 0 the logarithm has no sense: then a straight line, its change as a share of the
    mean, and the note says so. The interval allows neighbouring values to be alike
    (`inference.hac_trend`).

    Examples
    --------
    >>> found = trend(pd.Series([100 * 1.01**week for week in range(21)]))
    >>> round(found.change, 4) == round(1.01**20 - 1, 4)
    True
    """
    y = np.asarray(series, float)
    n = len(y)
    if n < 8:
        mean = float(y.mean()) if n else np.nan
        return Trend(n, mean, note=f"{n} value(s), a trend needs 8")
    mean = float(y.mean())
    if not mean > 0:
        return Trend(n, mean, note="the mean is not above 0")
    steady, note = bool((y > 0).all()), ""
    line = hac_trend(np.log(y) if steady else y, level=level)
    ends = (n - 1) * np.array([line.slope, line.low, line.high])
    if steady:
        ends = np.expm1(ends)
    else:
        ends = ends / mean
        note = "some values are not above 0: straight line, change as a share of the mean"
    change, low, high = ends.tolist()
    return Trend(n, mean, change, low, high, note)


@dataclass(frozen=True)
class Trends:
    """The trends of orders and of money; the naive expectation is a change of 0.

    Attributes
    ----------
    rows : one row a measure (index, "orders" and "spend"): the attributes of `Trend`
    pace : the series they run through, from `timeline`
    """

    rows: pd.DataFrame
    pace: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Two rows: measure, n, mean, change, change_low, change_high, note."""
        return self.rows.reset_index()

    def reading(self) -> str:
        """The change along the steady trend of each measure, with its interval."""
        told = []
        for t in self.rows.dropna(subset="change").itertuples():
            interval = bracket(t.change_low, t.change_high, "{:+.1%}")
            told.append(f"{t.Index} {t.change:+.1%} {interval}")
        if not told:
            return "no trend can be told"
        return f"change along the steady trend: {', '.join(told)}"

    def level(self) -> str:
        """The range of orders a week or day, and their trend."""
        per, orders = self.pace.per.iloc[0], self.pace.orders
        return (
            f"Orders over {len(orders)} {per}s: mean {orders.mean():,.0f} a {per}, "
            f"from {orders.min():,} to {orders.max():,}; {self.reading()}"
        )


def trends(pace: pd.DataFrame, *, level: float = 0.95) -> Trends:
    """The trend of orders and of money; the naive expectation is a change of 0.

    Parameters
    ----------
    pace : from `timeline`
    level : of the intervals
    """
    names = ["orders", "spend"]
    rows = pd.concat([trend(pace[name], level=level).table() for name in names])
    return Trends(rows.set_axis(pd.Index(names, name="measure"), axis=0), pace)


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

    @property
    def caption(self) -> str:
        """How strong the weekday pattern is, and what could not be told."""
        strength = "not told"
        if not np.isnan(self.weekday_strength):
            strength = f"{self.weekday_strength:.3f}"
        return f"Unusual days; weekday strength {strength}. {self.note}".rstrip()


def season(table: pd.DataFrame, *, limit: float = 5.0) -> Season:
    """The weekday pattern and the trend of daily orders (STL, robust), and odd days.

    Parameters
    ----------
    table : from `hours`
    limit : a day stands out when its rest is more than this many robust standard deviations from
        the median

    Returns
    -------
    Season : strengths are NaN, with a note, below four weeks of days or where orders never vary.

    Notes
    -----
    Strength of a part P beside the rest R: max(0, 1 - Var(R) / Var(P + R)). The note says when the
    days are too few for a yearly season (two whole years are needed).

    References
    ----------
    Cleveland, Cleveland, McRae & Terpenning (1990), Journal of Official Statistics 6: STL.
    Wang, Smith & Hyndman (2006), Data Mining and Knowledge Discovery 13: strength.
    """
    orders = daily(table).orders.astype(float)
    n, why = len(orders), ""
    if orders.nunique() == 1:
        why = "orders never vary"
    if n < 28:
        why = f"{n} day(s), a weekday pattern needs 28"
    if why:
        parts = pd.DataFrame(columns=["day", "orders", "trend", "weekday_effect", "rest"])
        unusual = pd.DataFrame(columns=["day", "orders", "expected", "rest", "z"])
        return Season(parts, np.nan, np.nan, unusual, why)
    from statsmodels.tsa.seasonal import STL

    fit = STL(orders, period=7, robust=True).fit()
    parts = pd.DataFrame({"orders": orders.astype("int64"), "trend": fit.trend})
    parts = parts.assign(weekday_effect=fit.seasonal, rest=fit.resid).reset_index(names="day")
    weekday, slow = _strength(parts.weekday_effect, parts.rest), _strength(parts.trend, parts.rest)
    if n < 730:
        why = f"{n} days are too few for a yearly season: two whole years are needed"
    return Season(parts, weekday, slow, _unusual(parts, limit), why)


def _strength(part: pd.Series, rest: pd.Series) -> float:
    both = (part + rest).var(ddof=0)
    if not both > 0:
        return 0.0
    return float(max(0.0, 1 - rest.var(ddof=0) / both))


def _unusual(parts: pd.DataFrame, limit: float) -> pd.DataFrame:
    rest = parts.rest - parts.rest.median()
    spread = 1.4826 * rest.abs().median()
    z = rest / spread if spread > 0 else rest * 0.0
    table = parts[["day", "orders"]].assign(expected=parts.orders - parts.rest, rest=parts.rest)
    chosen = table.assign(z=z)[z.abs() > limit]
    return chosen.sort_values("z", key=np.abs, ascending=False, kind="stable", ignore_index=True)
