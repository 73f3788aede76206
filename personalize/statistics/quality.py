"""What the data are and how far they can be trusted: card, promises kept, columns."""

import numpy as np
import pandas as pd

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
SHARES = ("different", "valid", "known")
SIZED = ("time", "quantity", "money", "number")
FEEDS = {
    "orders": "everything",
    "products": "groups in rules, content recommenders",
    "customers": "who the customers are, fairness",
    "events": "page views, sessions, near-real-time triggers",
    "reviews": "words and ratings, content recommenders",
    "links": "social recommenders",
    "offers": "offers and their worth",
    "contacts": "campaigns: who was written to",
    "responses": "campaigns: who answered",
    "surveys": "satisfaction",
}


def facts(tables: Tables) -> pd.Series:
    """The size of a shop in one row.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    Series : lines, orders, return_orders, anonymous_orders, mixed_orders (two or more products), timed_orders (with a
    time of day), repeated_lines (a product again in the same order), products (sold), customers, repeat_customers (two
    or more orders), days_with_orders, days (first to last), spend.
    """
    row = tables.query("statistics_facts").iloc[0].fillna(0)
    return pd.concat([row, pd.Series({"days": (tables.end - tables.start).days + 1})])


def card(tables: Tables, size: pd.Series | None = None) -> pd.DataFrame:
    """The data's card: what they are, how many, from when to when, on which terms.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None

    Returns
    -------
    DataFrame, one row a fact: fact, value (text).
    """
    f, about = facts(tables) if size is None else size, tables.card
    origin = (
        "simulated: drawn by this kit from a seed"
        if about.get("simulated")
        else "given: not drawn by this kit"
    )
    rows = {
        "source": f"{about.get('title') or tables.name} ({tables.name})",
        "what": about.get("description") or "no description given",
        "origin": origin,
        "terms": about.get("terms") or "none stated: check before you publish",
        "period": f"{tables.start:%Y-%m-%d} to {tables.end:%Y-%m-%d}, {f.days:,.0f} days, "
        f"{f.days_with_orders:,.0f} with orders",
        "customers": f"{f.customers:,.0f}, of whom {f.repeat_customers:,.0f} ordered more than once",
        "orders": f"{f.orders:,.0f} in {f.lines:,.0f} lines ({f.lines / f.orders:.1f} lines an order)",
        "products": f"{f.products:,.0f} sold",
        "money": f"{f.spend:,.0f} {tables.currency or 'of unknown currency'}",
        "tables": "; ".join(
            f"{name}: {getattr(tables, name).count():,} rows"
            for name in CONTRACTS
            if name in tables
        ),
        "not in this source": ", ".join(name for name in CONTRACTS if name not in tables)
        or "nothing is missing",
    }
    return pd.DataFrame({"fact": list(rows), "value": list(rows.values())})


def contents(tables: Tables) -> pd.DataFrame:
    """Which tables of the vocabulary the source has, and what each feeds.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    DataFrame, one row a table, those present first: table, present, rows (0 where absent), a_row_is, feeds.
    """
    rows = [
        (
            name,
            name in tables,
            getattr(tables, name).count() if name in tables else 0,
            contract.row,
            FEEDS[name],
        )
        for name, contract in CONTRACTS.items()
    ]
    found = pd.DataFrame(rows, columns=["table", "present", "rows", "a_row_is", "feeds"])
    return found.sort_values("present", ascending=False, kind="stable", ignore_index=True)


def promises(tables: Tables, size: pd.Series | None = None) -> pd.DataFrame:
    """What holds for every line and order once a source is loaded, checked again on the rows themselves.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None

    Returns
    -------
    DataFrame, one row a promise: promise, checked (rows looked at), breaches, kept (bool).
    """
    line, order = (
        tables.query("statistics_promises").iloc[0],
        facts(tables) if size is None else size,
    )
    lines, orders = int(line.lines), int(order.orders)
    rows = [
        (f"every line has {what}", lines, int(line[f"no_{what}"]))
        for what in ("product", "time", "quantity", "amount")
    ] + [
        ("every line has an order", lines, int(line.no_order)),
        ("every order has one customer, or none in all its lines", orders, int(line.shared_orders)),
        ("every order has one time", orders, int(line.split_orders)),
        (
            "every line is in exactly one order of the order table",
            lines,
            int(abs(line.lines - order["lines"])),
        ),
        ("the orders' money is the lines' money, exactly", orders, int(line.spend != order.spend)),
        ("every row read is kept, or dropped for a reason in the log", *_unlogged(tables.log)),
    ]
    rows += [
        (f"every {CONTRACTS[name].row} is described once", *_repeats(tables, name))
        for name in ("products", "customers")
        if name in tables
    ]
    found = pd.DataFrame(rows, columns=["promise", "checked", "breaches"])
    return found.assign(kept=found.breaches == 0)


def _unlogged(log: pd.DataFrame) -> tuple[int, int]:
    """Rows read, and rows neither kept nor dropped for a stated reason (tables derived from orders left aside)."""
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
        - known : consistency, share of the filled that another table describes; NaN where none should
        - rule : what a valid value is, or the table that should describe it
        - behind : timeliness, days from the newest `time` of the table to the last order; NaN for other columns
        - lowest, highest : text; empty for identifiers and words, which have no size

    Notes
    -----
    Everything is asked of the value counts of a column, one aggregate a column.
    """
    kinds = [
        (name, c, _kind(name, c))
        for name in CONTRACTS
        if name in tables
        for c in getattr(tables, name).columns
    ]
    sizes = {name: getattr(tables, name).count() for name in {name for name, _, _ in kinds}}
    rows = [
        _column(tables, name, column, kind=kind, rows=sizes[name]) for name, column, kind in kinds
    ]
    return pd.DataFrame(rows)


def _kind(name: str, column: str) -> str:
    return CONTRACTS[name].columns.get(column, Column("attribute", "")).kind


def _column(tables: Tables, name: str, column: str, *, kind: str, rows: int) -> dict[str, object]:
    """One row: what the value counts of a column say."""
    rule, test = RULES.get(kind, ("", "{c} is not null"))
    other = REFERENCES.get(column, "")
    other = other if other in tables and other != name else ""
    parts = [
        "sum(n) as filled",
        "count(*) as different",
        f"sum(case when {test.format(c='v')} then n end) as valid",
    ]
    parts += ["min(v) as lowest", "max(v) as highest"] if kind in SIZED else []
    key = REFERENCES.get(column, "")[:-1] + "_id"
    joined = f"left join {{{other}}} k on k.{key} = c.v" if other else ""
    parts += [f"sum(case when k.{key} is not null then n end) as known"] if other else []
    found = tables.sql(
        f"select {', '.join(parts)} from (select `{column}` as v, count(*) as n from {{{name}}} "
        f"where `{column}` is not null group by `{column}`) c {joined}"
    ).iloc[0].fillna({"filled": 0, "valid": 0, "known": 0})  # fmt: skip
    n = int(found.filled)
    shares = {part: float(found[part]) / n if n and part in found else np.nan for part in SHARES}
    low, high = (_shown(found.get(end)) for end in ("lowest", "highest"))
    behind = (
        (tables.end - found.highest.normalize()).days
        if kind == "time" and column == "time" and n
        else np.nan
    )
    return {"table": name, "column": column, "kind": kind, "filled": n / rows if rows else np.nan,
            "distinct": int(found.different), "unique": shares["different"], "valid": shares["valid"],
            "known": shares["known"], "rule": f"in {other}" if other else rule, "behind": behind,
            "lowest": low, "highest": high}  # fmt: skip


def _shown(value: object) -> str:
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    return f"{float(value):,.6g}" if abs(float(value)) < 1e5 else f"{float(value):,.0f}"
