"""Odd rows that stay in the data: how many, what each would break, and what is done about it."""

import pandas as pd

from personalize.statistics.behaviour import piece_rule, units
from personalize.statistics.quality import facts
from personalize.tables import Tables

_LINES = (
    # counted in, title, what it would break, what is done
    (
        "zero_quantity",
        "lines with quantity 0",
        "a price a piece divides by 0; {paid_without_quantity:,} of them carry money",
        "kept as an item of the basket, adds no piece",
    ),
    (
        "zero_amount",
        "lines with amount 0",
        "means and logarithms of the price: free or fully discounted goods",
        "kept as items, left out where a price is needed",
    ),
    (
        "negative",
        "lines below 0 (returns, corrections)",
        "visits and baskets, if a return counted as a purchase",
        "netted in money; an order of returns only is no visit",
    ),
    (
        "anonymous",
        "lines without a customer",
        'everything a customer: one giant "customer" would appear',
        "kept for baskets and totals, left out of customer tables",
    ),
    (
        "broken_quantity",
        "lines with a broken quantity (weights)",
        "pieces: 0.4 kg is not 0.4 of an article",
        "kept as they are: read pieces with care",
    ),
)


def oddities(tables: Tables, size: pd.Series | None = None, *, min_cell: int = 10) -> pd.DataFrame:
    """Every oddity of the data that stays in, followed to what it would break.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None
    min_cell : an oddity of fewer customers is left out

    Returns
    -------
    DataFrame, one row an oddity that occurs: oddity, n, unit (lines, orders, customers or days), share (of all such),
    spend_share (NaN where money has no part), would_break, what_is_done.
    """
    lines = tables.query("statistics_lines", **piece_rule(tables)).iloc[0]
    size = facts(tables) if size is None else size
    rows = [
        *_units(tables, lines),
        *_line_rows(lines),
        *_undescribed(tables, lines),
        *_size_rows(size),
    ]
    names = ["oddity", "n", "unit", "share", "spend_share", "would_break", "what_is_done"]
    shown = [row for row in rows if row[2] != "customers" or row[1] >= min_cell]
    return pd.DataFrame(shown, columns=names).astype(
        {"n": "int64", "share": float, "spend_share": float}
    )


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _units(tables: Tables, lines: pd.Series) -> list[tuple]:
    if not lines.other_unit:
        return []
    groups, n = units(tables), int(lines.other_unit)
    total, rest = _mean_quantity(tables, groups.quantity.sum(), n, int(lines["lines"]))
    names = ", ".join(groups.group.head(3)) + (" and others" if len(groups) > 3 else "")
    return [
        (
            f"lines whose quantity is not pieces ({names})",
            n,
            "lines",
            _share(n, lines["lines"]),
            _share(lines.other_unit_spend, lines.spend),
            f"pieces a line: mean {total:,.1f} with them, {rest:,.2f} without",
            "found by unit price below the smallest coin; left out of pieces, kept in lines and money",
        )
    ]


def _mean_quantity(tables: Tables, other: float, n: int, lines: int) -> tuple[float, float]:
    total = float(tables.sql("select sum(quantity) as q from {order_totals}").q[0])
    return total / lines, (total - float(other)) / max(lines - n, 1)


def _line_rows(lines: pd.Series) -> list[tuple]:
    counts = lines.to_dict() | {"paid_without_quantity": int(lines.paid_without_quantity)}
    return [
        (
            title,
            int(lines[name]),
            "lines",
            _share(lines[name], lines["lines"]),
            _share(lines[f"{name}_spend"], lines.spend)
            if f"{name}_spend" in lines
            else float("nan"),
            breaks.format_map(counts),
            done,
        )
        for name, title, breaks, done in _LINES
        if lines[name]
    ]


def _undescribed(tables: Tables, lines: pd.Series) -> list[tuple]:
    rows = []
    if "products" in tables:
        found = tables.query("statistics_undescribed").iloc[0]
        title = f"lines of {int(found.products):,} products that the product table lacks"
        rows.append((title, found["lines"], "lines", _share(found["lines"], lines["lines"]),
                     _share(found.spend, lines.spend), "sums by group: they have no group",
                     "shown by product id, left out of groups"))  # fmt: skip
    if "customers" in tables:
        found = tables.query("statistics_strangers").iloc[0]
        known = int(found.customers - found.strangers)
        rows.append(("customers about whom nothing else is known", found.strangers, "customers",
                     _share(found.strangers, found.customers), _share(found.spend, lines.spend),
                     f"statements on age, income, ...: they would speak of {known:,} of {int(found.customers):,}",
                     "used for description only, never to stand for all customers"))  # fmt: skip
    return [row for row in rows if row[1]]


def _size_rows(size: pd.Series) -> list[tuple]:
    single, empty = size.customers - size.repeat_customers, size.days - size.days_with_orders
    untimed = size.orders - size.timed_orders
    untimed = (
        untimed if untimed > size.orders / 2 else 0
    )  # a few orders at midnight sharp are not odd
    rows = (
        ("a product more than once in an order", size.repeated_lines, "lines", size["lines"],
         "rules and recommenders, if an item counted twice in a basket", "counted once as an item, summed in money"),
        ("orders without a time of day", untimed, "orders", size.orders,
         "hours of the day: all would be midnight", "hours are not shown"),
        ("customers with a single order", single, "customers", size.customers,
         "gaps between orders: they have none", "left out of gaps, kept everywhere else"),
        ("days without an order", empty, "days", size.days,
         "trends and forecasts, if missing days were skipped", "counted as 0 orders"),
    )  # fmt: skip
    return [(title, n, unit, _share(n, whole), float("nan"), breaks, done)
            for title, n, unit, whole, breaks, done in rows if n]  # fmt: skip
