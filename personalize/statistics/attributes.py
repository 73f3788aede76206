"""What is known about customers, how it goes with what they do, and whom it leaves out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from personalize.statistics.cohorts import wilson
from personalize.statistics.describe import describe, value_counts
from personalize.statistics.groups import Association, associate, compare
from personalize.statistics.relation import holm
from personalize.tables import TableError, Tables

UNKNOWN = "not stated"
DECADES = (0, 18, 25, 35, 45, 55, 65, 75)
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
AGAINST = [
    "effect",
    "effect_low",
    "effect_high",
    "superiority",
    "superiority_low",
    "superiority_high",
]


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
        spend_high (mean a customer); then beside all others who are described (see `Comparison`): effect, effect_low,
        effect_high, superiority, superiority_low, superiority_high, p_adjusted and p_rank_adjusted (Holm, over all rows
        compared, also the hidden ones)
    hidden : values left out so that no group smaller than `min_cell` can be seen or computed
    left_out : attributes with too many values to compare (addresses, incomes in full)
    by_spend : attribute -> how its values (of `min_cell` customers or more) go with quarters of the described by spend
    min_cell : as given to `attributes`
    """

    described: int
    known: int
    without_orders: int
    coverage: pd.DataFrame
    values: pd.DataFrame
    hidden: int
    left_out: tuple[str, ...] = ()
    by_spend: Mapping[str, Association] = field(default_factory=dict)
    min_cell: int = 10

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

    def ties(self) -> pd.DataFrame:
        """How closely each attribute goes with spend, closest first.

        Returns
        -------
        DataFrame, one row an attribute: attribute, values, n (customers), chi2, df, p_adjusted (Holm), strength, low,
        high (see `Association`), note.
        """
        names = ["n", "chi2", "df", "p", "strength", "low", "high", "note"]
        rows = [
            (name, len(a.counts), *(getattr(a, n) for n in names))
            for name, a in self.by_spend.items()
        ]
        found = pd.DataFrame(rows, columns=["attribute", "values", *names])
        found.insert(5, "p_adjusted", holm(found.pop("p").to_numpy(float)))
        return found.sort_values("strength", ascending=False, kind="stable", ignore_index=True)

    def closest(self) -> str:
        """The attribute that goes most closely with spend and whose residuals can be shown; "" where there is none."""
        names = self.ties().dropna(subset=["strength"]).attribute
        return next((name for name in names if len(self.residuals(name))), "")

    def shown(self) -> pd.DataFrame:
        """`values`, narrow enough to read: attribute, value, customers, spend, effect and its interval (low, high),
        superiority, p_means and p_ranks (both adjusted)."""
        names = {
            "effect_low": "low",
            "effect_high": "high",
            "p_adjusted": "p_means",
            "p_rank_adjusted": "p_ranks",
        }
        kept = ["attribute", "value", "customers", "spend", "effect", "low", "high", "superiority"]
        return self.values.drop(columns=["low", "high"]).rename(columns=names)[
            [*kept, "p_means", "p_ranks"]
        ]

    def residuals(self, attribute: str) -> pd.DataFrame:
        """Where an attribute goes with spend: adjusted standardised residuals, values by quarters of spend.

        Parameters
        ----------
        attribute : one of `by_spend`; values with a cell of fewer than `min_cell` customers (but some) are left out
        """
        found = self.by_spend[attribute]
        smallest = found.counts.where(found.counts > 0).min(axis=1)
        return found.residuals[_shown(smallest, self.min_cell)]


def attributes(
    tables: Tables, people: pd.DataFrame, *, min_cell: int = 10, max_values: int = 30
) -> Attributes:
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
        raise TableError(
            f"source '{tables.name}' has no table 'customers': add it with customer_id and any attributes"
        )
    given = tables.customers.to_pandas()
    joined = people.merge(
        given, on="customer_id", how="left", indicator=True, suffixes=("", "_given")
    )
    has = (joined["_merge"] == "both").to_numpy()
    names = given.columns.drop("customer_id")
    known = {
        c: _named(joined.loc[has, c if c not in people.columns else f"{c}_given"]) for c in names
    }
    kept = {name: values for name, values in known.items() if values.nunique() <= max_values}
    found = [_crossed(name, values, joined[has]) for name, values in kept.items()]
    table = pd.concat(
        found or [_crossed("", pd.Series([], dtype=object), joined[:0])], ignore_index=True
    )
    table = table.assign(
        **{f"{p}_adjusted": holm(table.pop(p).to_numpy(float)) for p in ("p", "p_rank")}
    )
    shown = np.concatenate([_shown(part.customers, min_cell) for part in found] or [[]]).astype(
        bool
    )
    parts = [
        (name, joined[mask])
        for name, mask in (("described", has), ("not described", ~has))
        if mask.any()
    ]
    coverage = pd.DataFrame([_means(name, part, len(joined)) for name, part in parts])
    quarter = _quarters(joined[has].spend)
    by_spend = {name: _by_quarter(values, quarter, min_cell) for name, values in kept.items()}
    return Attributes(
        int(has.sum()), len(joined), len(given) - int(has.sum()), coverage, table[shown].reset_index(drop=True),
        int((~shown).sum()), tuple(name for name in known if name not in kept), by_spend, min_cell,
    )  # fmt: skip


def _quarters(spend: pd.Series) -> np.ndarray:
    """The quarter of each customer by spend, 0 to 3; customers who spend the same are in the same quarter."""
    return ((spend.rank().to_numpy() - 0.5) * 4 / max(len(spend), 1)).clip(0, 3).astype(int)


def _by_quarter(values: pd.Series, quarter: np.ndarray, min_cell: int) -> Association:
    """An attribute against quarters of spend."""
    names = sorted(values.unique(), key=_order)
    place = values.map({name: k for k, name in enumerate(names)}).to_numpy(int)
    counts = np.bincount(place * 4 + quarter, minlength=4 * len(names)).reshape(-1, 4)
    table = pd.DataFrame(counts, pd.Index(names, dtype=object), list(QUARTERS))
    return associate(table[table.sum(axis=1) >= min_cell])


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
        banded = pd.Series(
            [[f"below {DECADES[0]}", *names, f"{DECADES[-1]} or more"][p] for p in places],
            values.index,
        )
        return banded.where(values.notna(), UNKNOWN)
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype(object).where(values.notna(), UNKNOWN).astype(str)


def _order(value: str) -> tuple[bool, float, str]:
    """Bands in the order of their first number, "under ..." first, what is not stated last."""
    number = re.search(r"\d+", value.replace(",", ""))
    first = float(number.group()) if number else np.inf
    return (
        value == UNKNOWN,
        first - 0.5 * value.lower().startswith(("under", "below", "<", "less")),
        value,
    )


def _crossed(name: str, values: pd.Series, people: pd.DataFrame) -> pd.DataFrame:
    """One row a value: its customers, their spend, and their spend beside that of all others."""
    rows = []
    for value in sorted(values.unique(), key=_order):
        inside = (values == value).to_numpy()
        mine = value_counts(people.spend[inside])
        spend, beside = describe(mine), compare(mine, value_counts(people.spend[~inside]))
        low, high = wilson(spend.n, len(values))
        share = (spend.n / len(values), float(low), float(high))
        against = [getattr(beside, column) for column in (*AGAINST, "p", "p_rank")]
        rows.append(
            (name, value, spend.n, *share, spend.mean, spend.mean_low, spend.mean_high, *against)
        )
    columns = [
        "attribute",
        "value",
        "customers",
        "share",
        "low",
        "high",
        "spend",
        "spend_low",
        "spend_high",
    ]
    return pd.DataFrame(rows, columns=[*columns, *AGAINST, "p", "p_rank"])


def _means(name: str, people: pd.DataFrame, total: int) -> dict[str, object]:
    row: dict[str, object] = {"group": name, "customers": len(people), "share": len(people) / total}
    for column in ("orders", "spend", "spend_per_order"):
        d = describe(value_counts(people[column]))
        row |= {column: d.mean, f"{column}_low": d.mean_low, f"{column}_high": d.mean_high}
    return row
