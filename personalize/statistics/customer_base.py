"""What customers do: orders, lines, pieces, money and gaps, by customer and by order."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from personalize.statistics.descriptives import bracket, describe, design_effect, value_counts
from personalize.tables import TableError, Tables

MANY = 10
LARGE = 1000
WHOLE_COINS = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"})
UNITS = {
    "orders": "orders",
    "lines": "lines",
    "pieces": "pieces",
    "lines an order": "lines",
    "gap": "days",
    "mean gap": "days",
}
BY_CUSTOMER = {  # measure -> column of `customers`
    "orders": "orders",
    "lines": "lines",
    "pieces": "pieces",
    "spend": "spend",
    "lines an order": "lines_per_order",
    "spend an order": "spend_per_order",
    "mean gap": "gap_days",
}
BY_ORDER = ("lines", "pieces", "spend", "gap")
KNOWN = [*product(["customer"], BY_CUSTOMER), *product(["order"], BY_ORDER)]
CENTRE = ["of", "n", "mean", "mean_low", "mean_high", "median", "median_low", "median_high"]
SPREAD = ["of", "variance", "std", "std_low", "std_high", "skew", "q05", "q25", "q75", "q95"]


def piece_rule(tables: Tables) -> dict[str, Any]:
    """Not sold in pieces is a line of `many` units or more, each below the smallest `coin`.

    Parameters
    ----------
    tables : Tables; the currency decides the smallest coin: 1 for currencies without a smaller
        unit, else 0.01

    Returns
    -------
    dict : many and coin, the values of the marks of the statistics queries.
    """
    return {"many": MANY, "coin": 1 if tables.currency in WHOLE_COINS else 0.01}


def customers(tables: Tables) -> pd.DataFrame:
    """What each known customer did in the days of the tables.

    Parameters
    ----------
    tables : Tables; cut them with `tables.until(day)` to describe an earlier state

    Returns
    -------
    DataFrame, one row a customer, ordered by customer_id
        - customer_id
        - orders : orders that are not pure returns; 0 for a customer who only returned
        - lines, pieces : of these orders; pieces net of returns, without lines that are not sold in
            pieces
        - spend : money, returns deducted
        - first_day, last_day : of the orders; missing where there is none
        - lines_per_order, spend_per_order : missing without an order
        - gap_days : mean calendar days from one order to the next; missing below two orders
        - quiet_days : calendar days from the last order to the last day of the tables
    """
    found = tables.query("statistics_customers", **piece_rule(tables))
    days = {name: pd.to_datetime(found[name]) for name in ("first_day", "last_day")}
    found = found.assign(**days).astype({"orders": "int64", "lines": "int64"})
    orders = found.orders.astype(float).where(found.orders > 0)
    return found.assign(
        lines_per_order=found.lines / orders,
        spend_per_order=found.spend / orders,
        gap_days=(found.last_day - found.first_day).dt.days / (orders - 1).where(orders > 1),
        quiet_days=(tables.end - found.last_day).dt.days,
    )


@dataclass(frozen=True)
class Behaviour:
    """Customers and orders in numbers.

    Attributes
    ----------
    people : the table of `customers`
    orders : value counts an order: measure (lines, pieces, spend), value, anonymous, n
    gaps : value counts of the days between one order of a customer and the next
    currency : of the money
    ddof, level : as given to `behaviour`
    units : goods that are not sold by the piece, see `units`
    """

    people: pd.DataFrame
    orders: pd.DataFrame
    gaps: pd.DataFrame
    currency: str = ""
    ddof: int = 0
    level: float = 0.95
    units: pd.DataFrame = field(default_factory=pd.DataFrame)

    def counts(self, grain: str, measure: str) -> pd.DataFrame:
        """Value counts (value, n) of a measure.

        Parameters
        ----------
        grain : "customer" (orders, lines, pieces, spend, lines an order, spend an order, mean gap)
            or "order" (lines, pieces, spend, gap)
        measure : one of those

        Raises
        ------
        TableError : for an unknown grain or measure.
        """
        if (grain, measure) not in KNOWN:
            names = ", ".join(f"{g}: {m}" for g, m in KNOWN)
            raise TableError(f"no measure '{measure}' at grain '{grain}'. Present: {names}")
        if grain == "customer":
            return value_counts(self.people[BY_CUSTOMER[measure]])
        if measure == "gap":
            return self.gaps
        chosen = self.orders[self.orders.measure == measure]
        return chosen.groupby("value", as_index=False).n.sum()

    def _effect(self, measure: str, counts: pd.DataFrame) -> float:
        """The design effect of an order's measure: orders of one customer are alike."""
        people = self.people[self.people.orders > 0]
        alone = self.orders[(self.orders.measure == measure) & (self.orders.anonymous == 1)]
        if measure == "gap":
            people = people[people.orders > 1]
            total = (people.last_day - people.first_day).dt.days.to_numpy(float)
            each = people.orders.to_numpy(float) - 1
        else:
            total, each = people[measure].to_numpy(float), people.orders.to_numpy(float)
        single = np.repeat(alone.value.to_numpy(float), alone.n.to_numpy(int))
        each = np.concatenate([each, np.ones(len(single))])
        return design_effect(np.concatenate([total, single]), each, counts)

    def table(self, grain: str | None = None) -> pd.DataFrame:
        """One row a grain and measure: the columns of `Description.table` with grain, measure, unit
        and of (all three in words) in front; `design_effect` says how the likeness of a customer's
        orders widens intervals.

        Parameters
        ----------
        grain : "customer" or "order"; both when None
        """
        found = self._described
        if grain is not None:
            found = found[found.grain == grain]
        return found.reset_index(drop=True)

    @cached_property
    def _described(self) -> pd.DataFrame:
        rows = []
        for grain, measure in KNOWN:
            counts, effect = self.counts(grain, measure), 1.0
            if grain == "order":
                effect = self._effect(measure, counts)
            unit = UNITS.get(measure, self.currency or "money")
            words = f"{grain}: {measure}"
            if unit != measure:
                words += f", {unit}"
            row = describe(counts, ddof=self.ddof, level=self.level, design_effect=effect).table()
            names = {"grain": grain, "measure": measure, "unit": unit, "of": words}
            rows.append(row.assign(**names, design_effect=effect))
        found = pd.concat(rows, ignore_index=True)
        front = ["grain", "measure", "unit", "of"]
        return found[[*front, *found.columns.drop(front)]]

    def row(self, grain: str, measure: str) -> pd.Series:
        """One row of `table`.

        Parameters
        ----------
        grain, measure : as in `counts`
        """
        return self._described.set_index(["grain", "measure"]).loc[(grain, measure)]

    @property
    def caption(self) -> str:
        """Whose means and medians the table holds, and what they say."""
        n = len(self.people)
        return f"{n:,} customers and their orders: means and medians. {self.reading()}"

    def notes(self) -> str:
        """How the variance divides, and what the table could not give or only roughly."""
        noted = self._described[self._described.note != ""]
        notes = sorted(set(noted.of + ": " + noted.note))
        divided = f"Variance (divided by n - {self.ddof}), standard deviation, skewness, quantiles."
        return " ".join([divided, "; ".join(notes)])

    def reading(self) -> str:
        """Mean against median spend, the middle order, and what is not sold by the piece."""
        row, lines = self.row("customer", "spend"), self.row("order", "lines")
        if not row.n:
            return "No order has a customer."
        if not lines.n:
            return "There are only returns: no order can be described."
        mean = bracket(row.mean_low, row.mean_high)
        middle = bracket(row.median_low, row.median_high)
        times = ""
        if row["median"] > 0:
            times = f": the mean is **{row['mean'] / row['median']:.2f} times the median**"
        wider = self.row("order", "spend").design_effect ** 0.5
        said = (
            f"A customer spends {row['mean']:,.0f} {self.currency} on average {mean}, but the "
            f"customer in the middle spends {row['median']:,.0f} {middle}{times}. Of the "
            f"{lines.n:,} orders, the one in the middle has **{lines['median']:,.0f} line(s)**. "
            "Allowing for the likeness of a customer's orders changes the width of the interval "
            f"of spend an order by a factor of {wider:.1f}."
        )
        if self.units.empty:
            return said
        names = ", ".join(self.units.group.head(3))
        return (
            f"{said} {self.units.lines.sum():,} lines ({names}) count another unit than pieces, "
            f"{self.units.large_lines.sum():,} of them with a quantity above 1,000: they are in "
            "every sum of lines and money, and in no count of pieces."
        )


def behaviour(tables: Tables, *, ddof: int = 0, level: float = 0.95) -> Behaviour:
    """Everything needed to describe customers and orders, from four aggregates of the engine.

    Parameters
    ----------
    tables : Tables
    ddof : variances divide by n - ddof
    level : of the intervals

    Returns
    -------
    Behaviour : `.table()` describes every measure; `.counts(grain, measure)` gives its exact
        distribution.

    Notes
    -----
    Intervals at the order grain account for the orders of one customer being alike: the customer is
    what was sampled (ratio estimator over customers; an anonymous order counts as a customer of its
    own).
    """
    orders = tables.query("statistics_orders", **piece_rule(tables))
    gaps = tables.query("statistics_gaps")
    people, other = customers(tables), units(tables)
    return Behaviour(people, orders, gaps, tables.currency, ddof, level, other)


def units(tables: Tables, *, large: int = LARGE) -> pd.DataFrame:
    """Products whose quantity does not count pieces (fuel, fabric, weight).

    Parameters
    ----------
    tables : Tables
    large : a quantity above this is counted in large_lines

    Returns
    -------
    DataFrame, one row a group, most lines first: group (narrowest known group of the product),
    products, lines, large_lines, quantity (sum), largest, spend. Empty when every line is in
    pieces.

    Notes
    -----
    Rule (`piece_rule`): at least ten units in the line and each cheaper than the smallest coin.
    Nothing that is counted one by one costs less than a cent; a line given away (amount 0) is not
    caught.
    """
    found = tables.query("statistics_units", large=large, **piece_rule(tables))
    found = found.assign(group=_groups(tables, found.product_id))
    parts = found.groupby("group")
    summed = parts[["lines", "large_lines", "quantity", "spend"]].sum()
    table = summed.assign(products=parts.size(), largest=parts.largest.max()).reset_index()
    table = table.astype({"lines": "int64", "large_lines": "int64"})
    names = ["group", "products", "lines", "large_lines", "quantity", "largest", "spend"]
    table = table.sort_values(["lines", "group"], ascending=[False, True], ignore_index=True)
    return table[names]


def _groups(tables: Tables, products: pd.Series) -> list[str]:
    """The narrowest known group of each product, else its id."""
    names = pd.Series("product " + products.astype(str).to_numpy(object), products, dtype=object)
    if "products" in tables and len(products):
        known_columns = tables.products.columns
        groups = ["department", "category", "subcategory"]
        columns = [column for column in groups if column in known_columns]
        chosen = ", ".join(["product_id", *columns, "name"])
        text = f"select {chosen} from {{products}} where product_id in ({{ids}})"
        known = tables.sql(text, ids=products.head(1000).tolist()).set_index("product_id")
        for column in columns or ["name"]:
            names.update(known[column].dropna())
    return names.tolist()
