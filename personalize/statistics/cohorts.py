"""Who comes, who returns, who stays away: customers month by month, and cohorts by first month."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from personalize.tables import Tables


def wilson(successes: np.ndarray | int, trials: np.ndarray | int, *, level: float = 0.95) -> tuple:
    """The Wilson interval of a share.

    Parameters
    ----------
    successes, trials : counts, plain or arrays
    level : of the interval

    Returns
    -------
    (low, high) : between 0 and 1; NaN for 0 trials.

    References
    ----------
    Wilson (1927), JASA 22, 209-212.

    Examples
    --------
    >>> [round(float(x), 4) for x in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    z2 = special.ndtri(0.5 + level / 2) ** 2
    k, n = (
        np.asarray(successes, float),
        np.where(np.asarray(trials) > 0, trials, np.nan).astype(float),
    )
    middle = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


@dataclass(frozen=True)
class Months:
    """Customers by month: the counts from which activity, cohorts and retention derive.

    Attributes
    ----------
    counts : one row a first month, month and month ordered in before: customers, orders, spend (months are
        year * 12 + month - 1; -1 where there is none before)
    first, last : the first and last whole month; None when no month is whole
    """

    counts: pd.DataFrame
    first: int | None
    last: int | None

    def table(self) -> pd.DataFrame:
        """Customers of every month by where they come from.

        Returns
        -------
        DataFrame, one row a month: month (Timestamp of its first day), whole (False for a month cut by the first or
        last day), active, first_seen, stayed (active the month before), came_back (active earlier, not the month
        before), went_quiet (active the month before, not now), orders, spend.
        """
        c = self.counts
        kind = np.select(
            [c.previous_month < 0, c.previous_month == c.month - 1],
            ["first_seen", "stayed"],
            "came_back",
        )
        wide = c.assign(kind=kind).pivot_table(
            index="month", columns="kind", values="customers", aggfunc="sum", fill_value=0
        )
        span = range(int(c.month.min()), int(c.month.max()) + 1) if len(c) else range(0)
        wide = wide.reindex(index=span, columns=["first_seen", "stayed", "came_back"], fill_value=0)
        wide.insert(0, "active", wide.sum(axis=1))
        wide["went_quiet"] = (wide.active.shift(1, fill_value=0) - wide.stayed).astype("int64")
        totals = c.groupby("month")[["orders", "spend"]].sum().reindex(span, fill_value=0)
        wide = (
            wide.join(totals)
            .rename_axis("month")
            .reset_index()
            .astype({"active": "int64", "orders": "int64"})
        )
        whole = (
            wide.month.between(self.first, self.last)
            if self.first is not None
            else pd.Series(False, wide.index)
        )
        wide.insert(1, "whole", whole)
        return wide.assign(month=_month(wide.month))

    def drawn(self, *, min_cell: int = 10) -> pd.DataFrame:
        """Customers of whole months by where they come from, to draw: month, customers, kind.

        Parameters
        ----------
        min_cell : months with fewer customers of a kind (but some) are left empty
        """
        table = self.table()
        names = {"first_seen": "first seen", "stayed": "stayed", "came_back": "came back"}
        long = (
            table[table.whole]
            .rename(columns=names)
            .melt("month", list(names.values()), "kind", "customers")
        )
        return long.assign(
            customers=long.customers.where((long.customers == 0) | (long.customers >= min_cell))
        )

    def cohorts(self) -> pd.DataFrame:
        """Customers of a first month who are active in a later one.

        Returns
        -------
        DataFrame, one row a cohort and whole month: cohort (Timestamp), months_later, size (of the cohort), active,
        share, low, high (Wilson), orders, spend. A month with nobody active counts as 0. Cohorts whose first month
        is not whole are left out.
        """
        names = [
            "cohort",
            "months_later",
            "size",
            "active",
            "share",
            "low",
            "high",
            "orders",
            "spend",
        ]
        if self.first is None:
            return pd.DataFrame(columns=names)
        c = self.counts[self.counts.first_month.between(self.first, self.last)]
        grid = [(a, b) for a in sorted(c.first_month.unique()) for b in range(a, self.last + 1)]
        index = pd.MultiIndex.from_tuples(grid, names=["first_month", "month"])
        found = (
            c.groupby(["first_month", "month"])[["customers", "orders", "spend"]]
            .sum()
            .reindex(index, fill_value=0)
        )
        found = found.reset_index().rename(columns={"customers": "active"})
        size = found.first_month.map(
            found[found.month == found.first_month].set_index("first_month").active
        )
        low, high = wilson(found.active, size)
        found = found.assign(
            cohort=_month(found.first_month),
            months_later=found.month - found.first_month,
            size=size,
            share=found.active / size,
            low=low,
            high=high,
        )
        return found.astype({"active": "int64", "size": "int64", "orders": "int64"})[names]

    def retention(self, *, skip_first: bool = False) -> pd.DataFrame:
        """The share of customers active so many months after their first, all cohorts together.

        Parameters
        ----------
        skip_first : leave out the first cohort, which mixes new customers with those who were there before the data

        Returns
        -------
        DataFrame, one row a months_later from 1: cohorts, customers, active, share, low, high.
        """
        table = self.cohorts()
        table = table[
            (table.months_later > 0) & ~(skip_first & (table.cohort == table.cohort.min()))
        ]
        found = table.groupby("months_later").agg(
            cohorts=("cohort", "size"), customers=("size", "sum"), active=("active", "sum")
        )
        low, high = wilson(found.active, found.customers)
        return found.assign(share=found.active / found.customers, low=low, high=high).reset_index()

    def triangle(self, *, min_cell: int = 10) -> pd.DataFrame:
        """The retention triangle.

        Parameters
        ----------
        min_cell : cohorts smaller than this are left out; so are cells with fewer active customers (but some)

        Returns
        -------
        DataFrame : index cohort (YYYY-MM), columns months_later, share of the cohort active; empty cells are too small,
        or lie after the last whole month.
        """
        table = self.cohorts()
        table = table[table["size"] >= min_cell]
        table = table.assign(
            share=table.share.where((table.active == 0) | (table.active >= min_cell))
        )
        wide = table.assign(cohort=table.cohort.dt.strftime("%Y-%m")) if len(table) else table
        return wide.pivot(index="cohort", columns="months_later", values="share").rename_axis(
            columns=None
        )


def _month(number: pd.Series) -> pd.Series:
    return pd.to_datetime(pd.DataFrame({"year": number // 12, "month": number % 12 + 1, "day": 1}))


def months(tables: Tables) -> Months:
    """Customers by month, from one aggregate of the engine.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    Months : `.table()` activity, `.cohorts()` and `.retention()` by first month, `.triangle()` to draw.

    Notes
    -----
    "First seen" is the first month in the data, not the first purchase of a lifetime: who bought before the data
    began looks new. Anonymous orders and pure returns are left out.
    """
    counts = tables.query("statistics_months").astype({"customers": "int64", "orders": "int64"})
    start, end = tables.start, tables.end
    first = start.year * 12 + start.month - 1 + (start.day > 1)
    last = end.year * 12 + end.month - 1 - (not end.is_month_end)
    return Months(counts, *((first, last) if first <= last else (None, None)))
