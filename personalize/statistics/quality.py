"""How far the data can be trusted: promises kept, columns, and odd rows that stay in."""

from typing import Any

import numpy as np
import pandas as pd

from personalize.statistics.customer_base import piece_rule, units
from personalize.statistics.data_card import captioned, facts
from personalize.tables import CONTRACTS, Column, Tables

RULES = {
    "text": ("not blank", "trim({c}) <> ''"),
    "quantity": ("above 0", "{c} > 0"),
    "money": ("0 or more", "{c} >= 0"),
    "number": ("0 or more", "{c} >= 0"),
}
REFERENCES = {
    "product_id": "products",
    "customer_id": "customers",
    "other_id": "customers",
    "offer_id": "offers",
}
SHARES = {"unique": "different", "valid": "valid", "known": "known"}
SIZED = ("time", "quantity", "money", "number")
ODDITIES = ["oddity", "n", "unit", "share", "spend_share", "would_break", "what_is_done"]
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


_SIZES = {
    "repeated": (
        "a product more than once in an order",
        "rules and recommenders, if an item counted twice in a basket",
        "counted once as an item, summed in money",
    ),
    "untimed": (
        "orders without a time of day",
        "hours of the day: all would be midnight",
        "hours are not shown",
    ),
    "single": (
        "customers with a single order",
        "gaps between orders: they have none",
        "left out of gaps, kept everywhere else",
    ),
    "empty": (
        "days without an order",
        "trends and forecasts, if missing days were skipped",
        "counted as 0 orders",
    ),
}


def promises(tables: Tables, size: pd.Series | None = None) -> pd.DataFrame:
    """What holds for every line and order once a source is loaded, checked on the rows.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None

    Returns
    -------
    DataFrame, one row a promise: promise, checked (rows looked at), breaches, kept (bool).
    """
    line, order = tables.query("statistics_promises").iloc[0], size
    if order is None:
        order = facts(tables)
    lines, orders = int(line.lines), int(order.orders)
    rows = []
    for what in ("product", "time", "quantity", "amount"):
        rows.append((f"every line has {what}", lines, int(line[f"no_{what}"])))
    lost, money = abs(line.lines - order["lines"]), line.spend != order.spend
    rows += [
        ("every line has an order", lines, int(line.no_order)),
        ("every order has one customer, or none in all its lines", orders, int(line.shared_orders)),
        ("every order has one time", orders, int(line.split_orders)),
        ("every line is in exactly one order of the order table", lines, int(lost)),
        ("the orders' money is the lines' money, exactly", orders, int(money)),
        ("every row read is kept, or dropped for a reason in the log", *_unlogged(tables.log)),
    ]
    for name in ("products", "customers"):
        if name in tables:
            title = f"every {CONTRACTS[name].row} is described once"
            rows.append((title, *_repeats(tables, name)))
    found = pd.DataFrame(rows, columns=["promise", "checked", "breaches"])
    found["kept"] = found.breaches == 0
    said = f"{found.kept.sum()} of {len(found)} promises kept"
    return captioned(found, f"{said}, {found.breaches.sum():,} breaches found")


def cleaning_log(tables: Tables) -> pd.DataFrame:
    """What was read, dropped, changed, or kept although odd, with the reason: the log of a source.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    DataFrame, one row a step and reason: table, step, reason, rows, consequence.
    """
    log = tables.log.copy()
    rows = log.groupby("step").rows.sum().reindex(["read", "dropped"], fill_value=0)
    said = f"{rows['read']:,} rows read, {rows['dropped']:,} dropped"
    return captioned(log, f"{said}; steps marked 'kept' stay in although odd")


def _unlogged(log: pd.DataFrame) -> tuple[int, int]:
    """Rows read, and rows neither kept nor dropped for a stated reason (derived tables aside)."""
    if log.empty:
        return 0, 0
    derived = set(log.table[(log.step == "read") & log.reason.str.contains("derive")])
    own = log[~log.table.isin(derived)]
    total = own.groupby("step").rows.sum().reindex(["read", "dropped", "result"], fill_value=0)
    return int(total["read"]), int(abs(total["read"] - total["dropped"] - total["result"]))


def _repeats(tables: Tables, name: str) -> tuple[int, int]:
    key = CONTRACTS[name].key[0]
    row = tables.sql(f"select count(*) as n, count(distinct {key}) as keys from {{{name}}}").iloc[0]
    return int(row.n), int(row.n - row["keys"])


def columns(tables: Tables) -> pd.DataFrame:
    """The quality of every column: how complete, unique, valid, consistent and recent it is.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    DataFrame, one row a column of a table
        - table, column, kind
        - filled : completeness, share of the rows with a value
        - distinct, unique : different values; uniqueness, their share of the filled (1 for a key)
        - valid : validity, share of the filled that meet the rule
        - known : consistency, share of the filled that another table describes; NaN where none
            should
        - rule : what a valid value is, or the table that should describe it
        - behind : timeliness, days from the newest `time` of the table to the last order; NaN for
            other columns
        - lowest, highest : text; empty for identifiers and words, which have no size

    Notes
    -----
    Everything is asked of the value counts of a column, one aggregate a column.
    """
    rows = []
    for name, contract in CONTRACTS.items():
        if name not in tables:
            continue
        table = getattr(tables, name)
        n = table.count()
        for column in table.columns:
            kind = contract.columns.get(column, Column("attribute", "")).kind
            rows.append(_column(tables, name, column, kind=kind, rows=n))
    found = pd.DataFrame(rows)
    said = (
        f"{len(found)} columns: {(found.filled < 1).sum()} with gaps, "
        f"{(found.valid < 1).sum()} with values against the rule, "
        f"{(found.known < 1).sum()} that name what no other table describes, "
        f"{(found.behind > 7).sum()} more than a week behind"
    )
    return captioned(found, said)


def _column(tables: Tables, name: str, column: str, *, kind: str, rows: int) -> dict[str, object]:
    """One row: what the value counts of a column say."""
    rule, test = RULES.get(kind, ("", "{c} is not null"))
    other = REFERENCES.get(column, "")
    parts = ["sum(n) as filled", "count(*) as different"]
    parts.append(f"sum(case when {test.format(c='v')} then n end) as valid")
    if kind in SIZED:
        parts += ["min(v) as lowest", "max(v) as highest"]
    joined = ""
    if other in tables and other != name:
        key = f"{other[:-1]}_id"
        rule, joined = f"in {other}", f"left join {{{other}}} k on k.{key} = c.v"
        parts.append(f"sum(case when k.{key} is not null then n end) as known")
    text = (
        f"select {', '.join(parts)} from (select `{column}` as v, count(*) as n from {{{name}}} "
        f"where `{column}` is not null group by `{column}`) c {joined}"
    )
    found = tables.sql(text).iloc[0].fillna({"filled": 0, "valid": 0, "known": 0})
    n, behind = int(found.filled), np.nan
    if column == kind == "time" and n:
        behind = (tables.end - found.highest.normalize()).days
    row = {"table": name, "column": column, "kind": kind, "filled": n / rows if rows else np.nan}
    row["distinct"] = int(found.different)
    for share, part in SHARES.items():
        row[share] = float(found[part]) / n if n and part in found else np.nan
    ends = {"lowest": _shown(found.get("lowest")), "highest": _shown(found.get("highest"))}
    return row | {"rule": rule, "behind": behind} | ends


def _shown(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        form = "%Y-%m-%d" if value == value.normalize() else "%Y-%m-%d %H:%M"
        return value.strftime(form)
    form = ",.6g" if abs(float(value)) < 1e5 else ",.0f"
    return format(float(value), form)


def oddities(tables: Tables, size: pd.Series | None = None, *, min_cell: int = 10) -> pd.DataFrame:
    """Every oddity of the data that stays in, followed to what it would break.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None
    min_cell : an oddity of fewer customers is left out

    Returns
    -------
    DataFrame, one row an oddity that occurs: oddity, n, unit (lines, orders, customers or days),
    share (of all such), spend_share (NaN where money has no part), would_break, what_is_done.
    """
    lines = tables.query("statistics_lines", **piece_rule(tables)).iloc[0]
    size = facts(tables) if size is None else size
    rows = [*_other_units(tables, lines), *_line_rows(lines)]
    rows += [*_undescribed(tables, lines), *_size_rows(size)]
    found = pd.DataFrame(rows, columns=ODDITIES)
    found = found.astype({"n": "int64", "share": float, "spend_share": float})
    few = (found.unit == "customers") & (found.n < min_cell)
    found = found[(found.n > 0) & ~few].reset_index(drop=True)
    large = f"{units(tables).large_lines.sum():,.0f} lines claim more than 1,000 units"
    said = f"{len(found)} oddities that stay in ({large} and are not pieces)"
    return captioned(found, said)


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _other_units(tables: Tables, lines: pd.Series) -> list[tuple]:
    n = int(lines.other_unit)
    if not n:
        return []
    groups, all_lines = units(tables), int(lines["lines"])
    quantity = float(tables.sql("select sum(quantity) as q from {order_totals}").q[0])
    rest = (quantity - float(groups.quantity.sum())) / max(all_lines - n, 1)
    names = ", ".join(groups.group.head(3))
    if len(groups) > 3:
        names += " and others"
    return [
        (
            f"lines whose quantity is not pieces ({names})",
            n,
            "lines",
            _share(n, all_lines),
            _share(lines.other_unit_spend, lines.spend),
            f"pieces a line: mean {quantity / all_lines:,.1f} with them, {rest:,.2f} without",
            "found by unit price below the smallest coin; left out of pieces, kept in lines and "
            "money",
        )
    ]


def _line_rows(lines: pd.Series) -> list[tuple]:
    rows = []
    for name, title, breaks, done in _LINES:
        breaks = breaks.format(paid_without_quantity=int(lines.paid_without_quantity))
        money = _share(lines.get(f"{name}_spend", np.nan), lines.spend)
        share = _share(lines[name], lines["lines"])
        rows.append((title, int(lines[name]), "lines", share, money, breaks, done))
    return rows


def _undescribed(tables: Tables, lines: pd.Series) -> list[tuple]:
    rows = []
    if "products" in tables:
        found = tables.query("statistics_undescribed").iloc[0]
        rows.append(
            (
                f"lines of {int(found.products):,} products that the product table lacks",
                found["lines"],
                "lines",
                _share(found["lines"], lines["lines"]),
                _share(found.spend, lines.spend),
                "sums by group: they have no group",
                "shown by product id, left out of groups",
            )
        )
    if "customers" in tables:
        found = tables.query("statistics_strangers").iloc[0]
        known = int(found.customers - found.strangers)
        rows.append(
            (
                "customers about whom nothing else is known",
                found.strangers,
                "customers",
                _share(found.strangers, found.customers),
                _share(found.spend, lines.spend),
                f"statements on age, income, ...: they would speak of {known:,} of "
                f"{int(found.customers):,}",
                "used for description only, never to stand for all customers",
            )
        )
    return rows


def _size_rows(size: pd.Series) -> list[tuple]:
    untimed = size.orders - size.timed_orders
    if untimed <= size.orders / 2:
        untimed = 0  # a few orders at midnight sharp are not odd
    counted = {
        "repeated": (size.repeated_lines, "lines", size["lines"]),
        "untimed": (untimed, "orders", size.orders),
        "single": (size.customers - size.repeat_customers, "customers", size.customers),
        "empty": (size.days - size.days_with_orders, "days", size.days),
    }
    rows = []
    for name, (n, unit, whole) in counted.items():
        title, breaks, done = _SIZES[name]
        rows.append((title, n, unit, _share(n, whole), float("nan"), breaks, done))
    return rows
