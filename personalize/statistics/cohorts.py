"""Who comes, who returns, who stays away: customers month by month, and cohorts by first month."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.inference import proportion_interval
from personalize.tables import Tables, Unavailable

WHOLE = ["first_seen", "stayed", "came_back", "went_quiet", "orders"]
KINDS = {"first_seen": "first seen", "stayed": "stayed", "came_back": "came back"}
COHORTS = [
    "cohort",
    "months_later",
    "size",
    "active",
    "share",
    "share_low",
    "share_high",
    "orders",
    "spend",
]


@dataclass(frozen=True)
class Months:
    """Customers by month: the counts from which activity, cohorts and retention derive.

    Attributes
    ----------
    counts : one row a first month, month and month ordered in before: customers, orders, spend
        (months are year * 12 + month - 1; -1 where there is none before)
    first, last : the first and last whole month; None when no month is whole
    """

    counts: pd.DataFrame
    first: int | None
    last: int | None

    def table(self) -> pd.DataFrame:
        """Customers of every month by where they come from.

        Returns
        -------
        DataFrame, one row a month: month (Timestamp of its first day), whole (False for a month cut
        by the first or last day), active, first_seen, stayed (active the month before), came_back
        (active earlier, not the month before), went_quiet (active the month before, not now),
        orders, spend.
        """
        c = self.counts
        span = pd.RangeIndex(0, name="month")
        if len(c):
            span = pd.RangeIndex(c.month.min(), c.month.max() + 1, name="month")
        before = [c.previous_month < 0, c.previous_month == c.month - 1]
        kind = np.select(before, ["first_seen", "stayed"], "came_back")
        wide = c.assign(kind=kind).pivot_table(
            index="month", columns="kind", values="customers", aggfunc="sum", fill_value=0
        )
        wide = wide.reindex(index=span, columns=list(KINDS), fill_value=0)
        active = wide.sum(axis=1)
        quiet = active.shift(1, fill_value=0) - wide.stayed
        totals = c.groupby("month")[["orders", "spend"]].sum().reindex(span, fill_value=0)
        whole = np.zeros(len(span), bool)
        if self.first is not None:
            whole = (span >= self.first) & (span <= self.last)
        wide = wide.assign(went_quiet=quiet, **totals).astype(dict.fromkeys(WHOLE, "int64"))
        wide.insert(0, "active", active.astype("int64"))
        wide.insert(0, "whole", whole)
        return wide.rename_axis(columns=None).reset_index().assign(month=_month(span))

    def drawn(self, *, min_cell: int = 10) -> pd.DataFrame:
        """Customers of whole months by where they come from, to draw: month, customers, kind.

        Parameters
        ----------
        min_cell : months with fewer customers of a kind (but some) are left empty

        Raises
        ------
        Unavailable : with fewer than two whole months.
        """
        table = self.table()
        table = table[table.whole].rename(columns=KINDS)
        if len(table) < 2:
            raise Unavailable("fewer than two whole months: no activity by month")
        long = table.melt("month", list(KINDS.values()), "kind", "customers")
        return long.assign(customers=_without_few(long.customers, long.customers, min_cell))

    def average(self, customers: int) -> float:
        """The share of all customers who order in an average whole month; 0 without one.

        Parameters
        ----------
        customers : their number
        """
        table = self.table()
        active = table.active[table.whole]
        if not active.any():
            return 0.0
        return float(active.mean() / customers)

    def reading(self, customers: int) -> str:
        """How many are active in an average month, and how many go quiet.

        Parameters
        ----------
        customers : all of them, active or not
        """
        table = self.table()
        whole = table[table.whole]
        if len(whole) < 2:
            return "Fewer than two whole months: no activity by month."
        return (
            f"Customers a month: on average {whole.active.mean():,.0f} active, "
            f"{self.average(customers):.0%} of all; "
            f"{whole.went_quiet.iloc[1:].mean():,.0f} a month go quiet"
        )

    def cohorts(self) -> pd.DataFrame:
        """Customers of a first month who are active in a later one.

        Returns
        -------
        DataFrame, one row a cohort and whole month: cohort (Timestamp), months_later, size (of the
        cohort), active, share, share_low, share_high (Wilson), orders, spend. A month with nobody
        active counts as 0. Cohorts whose first month is not whole are left out.
        """
        if self.first is None or self.last is None:
            return pd.DataFrame(columns=COHORTS)
        c = self.counts[self.counts.first_month.between(self.first, self.last)]
        found = c.groupby(["first_month", "month"])[["customers", "orders", "spend"]].sum()
        firsts = np.unique(c.first_month)
        grid = pd.MultiIndex.from_product([firsts, range(self.first, self.last + 1)])
        grid = grid[grid.get_level_values(1) >= grid.get_level_values(0)]
        found = found.reindex(grid.set_names(found.index.names), fill_value=0).reset_index()
        found = found.rename(columns={"customers": "active"})
        size = found.groupby("first_month").active.transform("first")
        low, high = proportion_interval(found.active, size)
        found = found.assign(
            cohort=_month(found.first_month),
            months_later=found.month - found.first_month,
            size=size,
            share=found.active / size,
            share_low=low,
            share_high=high,
        )
        return found.astype({"active": "int64", "size": "int64", "orders": "int64"})[COHORTS]

    def retention(self, *, skip_first: bool = False, min_cell: int = 0) -> pd.DataFrame:
        """The share of customers active so many months after their first, all cohorts together.

        Parameters
        ----------
        skip_first : leave out the first cohort, which mixes new customers with those who were there
            before the data
        min_cell : months with fewer active customers are left out

        Returns
        -------
        DataFrame, one row a months_later from 1: cohorts, customers, active, share, share_low,
        share_high.
        """
        table = self.cohorts()
        table = table[table.months_later > 0]
        if skip_first:
            table = table[table.cohort > table.cohort.min()]
        found = table.groupby("months_later").agg(
            cohorts=("cohort", "size"), customers=("size", "sum"), active=("active", "sum")
        )
        found = found[found.active >= min_cell]
        low, high = proportion_interval(found.active, found.customers)
        share = found.active / found.customers
        return found.assign(share=share, share_low=low, share_high=high).reset_index()

    def triangle(self, *, min_cell: int = 10) -> pd.DataFrame:
        """The retention triangle.

        Parameters
        ----------
        min_cell : cohorts smaller than this are left out; so are cells with fewer active customers
            (but some)

        Returns
        -------
        DataFrame : index cohort (YYYY-MM), columns months_later, share of the cohort active; empty
        cells are too small, or lie after the last whole month.

        Raises
        ------
        Unavailable : without two whole months and a cohort large enough.
        """
        table = self.cohorts()
        table = table[table["size"] >= min_cell]
        if not (table.months_later == 1).any():
            raise Unavailable("cohorts need two whole months and groups of the smallest size shown")
        cohort = table.cohort.dt.strftime("%Y-%m")
        table = table.assign(cohort=cohort, share=_without_few(table.share, table.active, min_cell))
        wide = table.pivot(index="cohort", columns="months_later", values="share")
        return wide.rename_axis(columns=None)


def _without_few(values: pd.Series, customers: pd.Series, min_cell: int) -> pd.Series:
    return values.where((customers == 0) | (customers >= min_cell))


def _month(number: pd.Series | pd.Index) -> pd.Series:
    number = pd.Series(np.asarray(number, int))
    return pd.to_datetime(pd.DataFrame({"year": number // 12, "month": number % 12 + 1, "day": 1}))


def months(tables: Tables) -> Months:
    """Customers by month, from one aggregate of the engine.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    Months : `.table()` activity, `.cohorts()` and `.retention()` by first month, `.triangle()` to
        draw.

    Notes
    -----
    "First seen" is the first month in the data, not the first purchase of a lifetime: who bought
    before the data began looks new. Anonymous orders and pure returns are left out.
    """
    counts = tables.query("statistics_months").astype({"customers": "int64", "orders": "int64"})
    start, end = tables.start, tables.end
    first = start.year * 12 + start.month - 1 + (start.day > 1)
    last = end.year * 12 + end.month - 1 - (not end.is_month_end)
    if first > last:
        return Months(counts, None, None)
    return Months(counts, first, last)
