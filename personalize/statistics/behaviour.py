"""What customers do: orders, lines, pieces, money and gaps, by customer and by order."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from personalize.statistics.describe import describe, design_effect, ratio, value_counts
from personalize.tables import TableError, Tables

MANY = 10
LARGE = 1000
WHOLE_COINS = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"})
UNITS = {
    "orders": "orders",
    "lines": "lines",
    "pieces": "pieces",
    "spend": "",
    "lines an order": "lines",
    "spend an order": "",
    "gap": "days",
    "mean gap": "days",
}


def piece_rule(tables: Tables) -> dict[str, float]:
    """The rule by which a line is not sold in pieces: `many` units or more, each below the smallest `coin`.

    Parameters
    ----------
    tables : Tables; the currency decides the smallest coin: 1 for currencies without a smaller unit, else 0.01

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
        - lines, pieces : of these orders; pieces net of returns, without lines that are not sold in pieces
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


CENTRE = ["of", "n", "mean", "mean_low", "mean_high", "median", "median_low", "median_high"]
SPREAD = ["of", "variance", "std", "std_low", "std_high", "skew", "q05", "q25", "q75", "q95"]


@dataclass(frozen=True)
class Behaviour:
    """Customers and orders in numbers.

    Attributes
    ----------
    people : the table of `customers`
    orders : value counts an order: measure (lines, pieces, spend), value, anonymous, n
    gaps : value counts of the days between one order of a customer and the next
    ddof, level : as given to `behaviour`
    """

    people: pd.DataFrame
    orders: pd.DataFrame
    gaps: pd.DataFrame
    currency: str = ""
    ddof: int = 0
    level: float = 0.95

    def counts(self, grain: str, measure: str) -> pd.DataFrame:
        """Value counts (value, n) of a measure.

        Parameters
        ----------
        grain : "customer" (orders, lines, spend, lines an order, spend an order, mean gap) or
            "order" (lines, pieces, spend, gap)
        measure : one of those

        Raises
        ------
        TableError : for an unknown grain or measure.
        """
        known = self._known
        if (grain, measure) not in known:
            names = ", ".join(f"{g}: {m}" for g, m in known)
            raise TableError(f"no measure '{measure}' at grain '{grain}'. Present: {names}")
        return known[grain, measure]()

    @cached_property
    def _known(self) -> dict[tuple[str, str], Callable[[], pd.DataFrame]]:
        columns = {
            "orders": "orders",
            "lines": "lines",
            "pieces": "pieces",
            "spend": "spend",
            "lines an order": "lines_per_order",
            "spend an order": "spend_per_order",
            "mean gap": "gap_days",
        }
        by_customer = {
            ("customer", name): lambda c=column: value_counts(self.people[c])
            for name, column in columns.items()
        }
        by_order = {
            ("order", name): lambda m=name: self._of_orders(m)
            for name in ("lines", "pieces", "spend")
        }
        return by_customer | by_order | {("order", "gap"): lambda: self.gaps}

    def _of_orders(self, measure: str) -> pd.DataFrame:
        chosen = self.orders[self.orders.measure == measure]
        return chosen.groupby("value", as_index=False).n.sum()

    def _effect(self, measure: str, counts: pd.DataFrame) -> float:
        """The design effect of an order's measure: orders of one customer are alike."""
        people = self.people[self.people.orders > 0]
        alone = self.orders[(self.orders.measure == measure) & (self.orders.anonymous == 1)]
        if measure == "gap":
            people = people[people.orders > 1]
            total, each = (
                (people.last_day - people.first_day).dt.days.to_numpy(float),
                people.orders.to_numpy(float) - 1,
            )
        else:
            total, each = people[measure].to_numpy(float), people.orders.to_numpy(float)
        single = np.repeat(alone.value.to_numpy(float), alone.n.to_numpy(int))
        return design_effect(
            np.concatenate([total, single]), np.concatenate([each, np.ones(len(single))]), counts
        )

    def table(self, grain: str | None = None) -> pd.DataFrame:
        """One row a grain and measure: the columns of `Description.table` with grain, measure, unit and of
        (all three in words) in front; `design_effect` says how the likeness of a customer's orders widens intervals.

        Parameters
        ----------
        grain : "customer" or "order"; both when None
        """
        rows = []
        for kind, measure in self._known:
            if grain not in (None, kind):
                continue
            counts = self.counts(kind, measure)
            effect = self._effect(measure, counts) if kind == "order" else 1.0
            row = describe(counts, ddof=self.ddof, level=self.level, design_effect=effect).table()
            unit = UNITS[measure] or self.currency or "money"
            words = f"{kind}: {measure}" + (f", {unit}" if unit != measure else "")
            rows.append(
                row.assign(grain=kind, measure=measure, unit=unit, of=words, design_effect=effect)
            )
        found = pd.concat(rows, ignore_index=True)
        front = ["grain", "measure", "unit", "of"]
        return found[[*front, *(c for c in found.columns if c not in front)]]


def behaviour(tables: Tables, *, ddof: int = 0, level: float = 0.95) -> Behaviour:
    """Everything needed to describe customers and orders, from three aggregates of the engine.

    Parameters
    ----------
    tables : Tables
    ddof : variances divide by n - ddof
    level : of the intervals

    Returns
    -------
    Behaviour : `.table()` describes every measure; `.counts(grain, measure)` gives its exact distribution.

    Notes
    -----
    Intervals at the order grain account for the orders of one customer being alike: the customer is what was
    sampled (ratio estimator over customers; an anonymous order counts as a customer of its own).
    """
    rule = piece_rule(tables)
    orders, gaps = tables.query("statistics_orders", **rule), tables.query("statistics_gaps")
    return Behaviour(customers(tables), orders, gaps, tables.currency, ddof, level)


def units(tables: Tables, *, large: int = LARGE) -> pd.DataFrame:
    """Products whose quantity does not count pieces (fuel, fabric, weight): never add these to pieces.

    Parameters
    ----------
    tables : Tables
    large : a quantity above this is counted in large_lines

    Returns
    -------
    DataFrame, one row a group, most lines first: group (narrowest known group of the product), products, lines,
    large_lines, quantity (sum), largest, spend. Empty when every line is in pieces.

    Notes
    -----
    Rule (`piece_rule`): at least ten units in the line and each cheaper than the smallest coin. Nothing that is
    counted one by one costs less than a cent; a line given away (amount 0) is not caught.
    """
    found = tables.query("statistics_units", large=large, **piece_rule(tables))
    summed = {
        "lines": "sum",
        "large_lines": "sum",
        "quantity": "sum",
        "largest": "max",
        "spend": "sum",
    }
    found = found.assign(group=_groups(tables, found.product_id))
    table = found.groupby("group", as_index=False).agg(
        products=("product_id", "size"), **{k: (k, f) for k, f in summed.items()}
    )
    table = table.astype({"lines": "int64", "large_lines": "int64"})
    return table.sort_values(["lines", "group"], ascending=[False, True], ignore_index=True)


def _groups(tables: Tables, products: pd.Series) -> list[str]:
    """The narrowest known group of each product, else its id."""
    names = pd.Series({p: f"product {p}" for p in products}, dtype=object)
    if "products" in tables and len(products):
        columns = [
            c for c in ("department", "category", "subcategory") if c in tables.products.columns
        ]
        text = f"select product_id, {', '.join([*columns, 'name'])} from {{products}} where product_id in ({{ids}})"
        known = tables.sql(text, ids=products.head(1000).tolist()).set_index("product_id")
        for column in columns or ["name"]:
            names.update(known[column].dropna())
    return names.reindex(products).tolist()


@dataclass(frozen=True)
class Persistence:
    """Whether the best customers of the first half of the days are the best of the second half.

    Attributes
    ----------
    top : the share of customers called the best
    cut : last day of the first half
    n, best : customers seen in the first half, and how many of them are the best
    share_then : of the spend of these n customers in the first half, the part of the best
    share_later, low, high : the same part in the second half, for the same people, with its interval
    note : what could not be given, and why; empty when all is well
    """

    top: float
    cut: pd.Timestamp
    n: int
    best: int
    share_then: float
    share_later: float
    low: float
    high: float
    note: str = ""

    @property
    def lasts(self) -> bool:
        """True when the interval of the later share lies above an equal share: the best are worth singling out."""
        return bool(self.low > self.top)

    def table(self) -> pd.DataFrame:
        """One row: every attribute."""
        return pd.DataFrame([vars(self)])


def persistence(
    tables: Tables, *, top: float = 0.2, level: float = 0.95, min_cell: int = 10
) -> Persistence:
    """How much of the spend the best customers bring in a period that did not choose them.

    Parameters
    ----------
    tables : Tables
    top : share of customers called the best, by spend in the first half of the days
    level : of the interval
    min_cell : the share of fewer customers is not given, and the note says so

    Returns
    -------
    Persistence : `share_later` is the honest figure to plan with; `share_then` owes something to
    having chosen the best after the fact. NaN with a note where the days cannot be halved or nobody spends later.

    Notes
    -----
    Everyone seen in the first half counts in the second, with 0 where they stay away. Ties at the border are broken by
    customer_id. Interval: ratio estimator over customers (`ratio`).

    References
    ----------
    Galton (1886), Regression towards mediocrity. Cochran (1977), Sampling Techniques, section 2.11.
    """
    cut = tables.start + (tables.end - tables.start) // 2
    cut = pd.Timestamp(cut).normalize()
    if cut >= tables.end:
        return Persistence(top, cut, 0, 0, *[np.nan] * 4, note="one day cannot be halved")
    first = customers(tables.until(cut)).sort_values(
        ["spend", "customer_id"], ascending=[False, True]
    )
    later = tables.sql(
        "select customer_id, sum(amount) as spend from {order_totals} where day > {cut} and customer_id is not null "
        "group by customer_id order by customer_id", cut=cut,
    ).set_index("customer_id").spend  # fmt: skip
    chosen = np.arange(len(first)) < round(top * len(first))
    then, now = first.spend.to_numpy(float), first.customer_id.map(later).fillna(0).to_numpy(float)
    why = "nobody spends in both halves" if not min(now.sum(), then.sum()) > 0 else ""
    few = f"{top:.0%} of {len(first)} customer(s) is fewer than {min_cell}"
    if why or chosen.sum() < max(min_cell, 1):
        why = why or (few if chosen.any() else f"{top:.0%} of {len(first)} customer(s) is nobody")
        return Persistence(top, cut, len(first), int(chosen.sum()), *[np.nan] * 4, note=why)
    return Persistence(top, cut, len(first), int(chosen.sum()), float(then[chosen].sum() / then.sum()),
                       *ratio(now * chosen, now, level=level))  # fmt: skip
