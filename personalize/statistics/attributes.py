"""What is known about customers, how it goes with what they do, and whom it leaves out."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.statistics.cohorts import wilson
from personalize.statistics.describe import describe, value_counts
from personalize.tables import TableError, Tables

UNKNOWN = "not stated"
DECADES = (0, 18, 25, 35, 45, 55, 65, 75)


@dataclass(frozen=True)
class Attributes:
    """Customers with and without attributes, and the attributes themselves.

    Attributes
    ----------
    described, known : customers who ordered and have attributes; all customers who ordered
    without_orders : customers with attributes and no order
    coverage : two rows, described and not described: customers, share, and orders, spend, spend an order with
        intervals of the mean
    values : one row an attribute and value: attribute, value, customers, share, low, high (Wilson), spend, spend_low,
        spend_high (mean a customer)
    hidden : values left out so that no group smaller than `min_cell` can be seen or computed
    left_out : attributes with too many values to compare (addresses, incomes in full)
    """

    described: int
    known: int
    without_orders: int
    coverage: pd.DataFrame
    values: pd.DataFrame
    hidden: int
    left_out: tuple[str, ...] = ()

    @property
    def representative(self) -> bool:
        """False when the intervals of mean spend of described and other customers do not meet."""
        if len(self.coverage) < 2:
            return True
        a, b = self.coverage.to_dict("records")
        return not (a["spend_low"] > b["spend_high"] or b["spend_low"] > a["spend_high"])

    def table(self) -> pd.DataFrame:
        """One row an attribute and value."""
        return self.values


def attributes(tables: Tables, people: pd.DataFrame, *, min_cell: int = 10, max_values: int = 30) -> Attributes:
    """Attributes of customers, crossed with behaviour, and how far those described stand for all.

    Parameters
    ----------
    tables : Tables with a table `customers`
    people : from `customers(tables)`
    min_cell : values of fewer customers are left out, and counted in `hidden`; where only one would go, the next
        smallest goes too, since the one could be computed from the others
    max_values : attributes with more values than this (addresses, names) are left out and named in `left_out`;
        ages are put in bands

    Raises
    ------
    TableError : when the source has no table `customers`.

    Notes
    -----
    A share is of the customers who are described; "not stated" is a value of its own, never dropped.
    """
    if "customers" not in tables:
        raise TableError(f"source '{tables.name}' has no table 'customers': add it with customer_id and any attributes")
    given = tables.customers.to_pandas()
    joined = people.merge(given, on="customer_id", how="left", indicator=True, suffixes=("", "_given"))
    has = (joined["_merge"] == "both").to_numpy()
    rows, hidden, left_out = [], 0, []
    for name in (c for c in given.columns if c != "customer_id"):
        values = _named(joined.loc[has, name if name not in people.columns else f"{name}_given"])
        if values.nunique() > max_values:
            left_out.append(name)
        else:
            table = _crossed(name, values, joined.loc[has])
            shown = _shown(table.customers, min_cell)
            hidden += int((~shown).sum())
            rows.append(table[shown])
    found = pd.concat(rows, ignore_index=True) if rows else _crossed("", pd.Series([], dtype=object), joined[:0])
    parts = [(name, joined[mask]) for name, mask in (("described", has), ("not described", ~has)) if mask.any()]
    coverage = pd.DataFrame([_means(name, part, len(joined)) for name, part in parts])
    return Attributes(
        int(has.sum()), len(joined), len(given) - int(has.sum()), coverage, found, hidden, tuple(left_out)
    )


def _shown(sizes: pd.Series, min_cell: int) -> pd.Series:
    """The cells that may be shown: one hidden cell alone could be computed from the rest, so a second goes with it."""
    shown = sizes >= min_cell
    if (~shown).sum() == 1 and shown.any():
        shown[sizes[shown].idxmin()] = False
    return shown


def _named(values: pd.Series) -> pd.Series:
    """Values as text: numbers with many values (age) in bands, missing ones named."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 12:
        places = np.searchsorted(DECADES, values.fillna(0), side="right")
        names = [f"{a} to {b - 1}" for a, b in zip(DECADES, DECADES[1:], strict=False)]
        banded = pd.Series([[f"below {DECADES[0]}", *names, f"{DECADES[-1]} or more"][p] for p in places], values.index)
        return banded.where(values.notna(), UNKNOWN)
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype(object).where(values.notna(), UNKNOWN).astype(str)


def _order(value: str) -> tuple[bool, float, str]:
    """Bands in the order of their first number, "under ..." first, what is not stated last."""
    number = re.search(r"\d+", value.replace(",", ""))
    first = float(number.group()) if number else np.inf
    return value == UNKNOWN, first - 0.5 * value.lower().startswith(("under", "below", "<", "less")), value


def _crossed(name: str, values: pd.Series, people: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for value in sorted(values.unique(), key=_order):
        spend = describe(value_counts(people.spend[(values == value).to_numpy()]))
        low, high = wilson(spend.n, len(values))
        rows.append(
            (
                name,
                value,
                spend.n,
                spend.n / len(values),
                float(low),
                float(high),
                spend.mean,
                spend.mean_low,
                spend.mean_high,
            )
        )
    columns = ["attribute", "value", "customers", "share", "low", "high", "spend", "spend_low", "spend_high"]
    return pd.DataFrame(rows, columns=columns)


def _means(name: str, people: pd.DataFrame, total: int) -> dict[str, object]:
    row: dict[str, object] = {"group": name, "customers": len(people), "share": len(people) / total}
    for column in ("orders", "spend", "spend_per_order"):
        d = describe(value_counts(people[column]))
        row |= {column: d.mean, f"{column}_low": d.mean_low, f"{column}_high": d.mean_high}
    return row
