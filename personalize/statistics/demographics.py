"""What is known about customers, how it goes with what they do, and whom it leaves out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from personalize.inference import adjust, proportion_interval
from personalize.statistics.bivariate import Association, associate, compare
from personalize.statistics.descriptives import bracket, describe
from personalize.tables import Tables, Unavailable

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
    "p",
    "p_rank",
]
TIES = ["n", "chi2", "df", "p", "strength", "low", "high", "note"]
SHOWN = {  # column of `Attributes.values` -> its name where it must be narrow
    "attribute": "attribute",
    "value": "value",
    "customers": "customers",
    "spend": "spend",
    "effect": "effect",
    "effect_low": "effect_low",
    "effect_high": "effect_high",
    "superiority": "superiority",
    "p_adjusted": "p_means",
    "p_rank_adjusted": "p_ranks",
}


@dataclass(frozen=True)
class Attributes:
    """Customers with and without attributes, and the attributes themselves.

    Attributes
    ----------
    described, known : customers who ordered and have attributes; all customers who ordered
    without_orders : customers with attributes and no order
    coverage : two rows, described and not described: customers, share, and orders, spend, spend an
        order with intervals of the mean
    values : one row an attribute and value: attribute, value, customers, share, share_low,
        share_high (Wilson), spend, spend_low,
        spend_high (mean a customer); then beside all others who are described (see `Comparison`):
        effect, effect_low, effect_high, superiority, superiority_low, superiority_high, p_adjusted
        and p_rank_adjusted (Holm, over all rows compared, also the hidden ones)
    hidden : values left out so that no group smaller than `min_cell` can be seen or computed
    left_out : attributes with too many values to compare (addresses, incomes in full)
    by_spend : attribute -> how its values (of `min_cell` customers or more) go with quarters of the
        described by spend
    min_cell : as given to `attributes`
    currency : of the money
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
    currency: str = ""

    @property
    def representative(self) -> bool:
        """False when the intervals of mean spend of described and other customers do not meet."""
        if len(self.coverage) < 2:
            return True
        return bool(self.coverage.spend_low.max() <= self.coverage.spend_high.min())

    def table(self) -> pd.DataFrame:
        """One row an attribute and value."""
        return self.values

    def ties(self) -> pd.DataFrame:
        """How closely each attribute goes with spend, closest first.

        Returns
        -------
        DataFrame, one row an attribute: attribute, values, n (customers), chi2, df, p_adjusted
        (Holm), strength, low, high (see `Association`), note.
        """
        rows = []
        for name, found in self.by_spend.items():
            values = [getattr(found, column) for column in TIES]
            rows.append((name, len(found.counts), *values))
        ties = pd.DataFrame(rows, columns=["attribute", "values", *TIES])
        ties["p"] = adjust(ties.p)
        ties = ties.rename(columns={"p": "p_adjusted"})
        return ties.sort_values("strength", ascending=False, kind="stable", ignore_index=True)

    def closest(self) -> str:
        """The attribute that goes most closely with spend and whose residuals can be shown.

        Raises
        ------
        Unavailable : where there is none.
        """
        for name in self.ties().dropna(subset="strength").attribute:
            if len(self.residuals(name)):
                return name
        raise Unavailable(
            "no attribute can be set against spend: none is known, or its groups are too small"
        )

    def shown(self) -> pd.DataFrame:
        """`values`, narrow enough to read: attribute, value, customers, spend, effect and its
        interval, superiority, p_means and p_ranks (both adjusted)."""
        return self.values[list(SHOWN)].rename(columns=SHOWN)

    @property
    def caption(self) -> str:
        """How many customers are described, and whether they may stand for the others."""
        said = []
        for group in self.coverage.itertuples():
            said.append(f"{group.spend:,.0f} {bracket(group.spend_low, group.spend_high)}")
        stand = "may stand for the others" if self.representative else "are NOT a random sample"
        means = f"mean spend {said[0]} {self.currency}" if said else "no spend is known"
        if len(said) > 1:
            means += f" against {said[1]} of the others"
        return (
            f"{self.described:,} of {self.known:,} customers are described and {stand}: {means}; "
            f"{self.hidden} small groups left out"
        )

    def reading(self, attribute: str) -> str:
        """How closely an attribute goes with spend, and its largest residuals.

        Parameters
        ----------
        attribute : one of `by_spend`
        """
        ties, grid = self.ties(), self.residuals(attribute)
        row = ties.set_index("attribute").loc[attribute]
        p = "below 0.001" if row.p_adjusted < 0.001 else f"{row.p_adjusted:.3f}"
        return (
            f"Standardised residuals of {attribute} by quarters of spend, from "
            f"{grid.min().min():+.1f} to {grid.max().max():+.1f}; Cramér's V {row.strength:.2f} "
            f"{bracket(row.low, row.high, '{:.2f}')}, adjusted p {p} over {len(ties)} attributes"
        )

    def residuals(self, attribute: str) -> pd.DataFrame:
        """Where an attribute goes with spend: residuals of its values by quarters of spend.

        Parameters
        ----------
        attribute : one of `by_spend`; values with a cell of fewer than `min_cell` customers (but
            some) are left out
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
    min_cell : values of fewer customers are left out, and counted in `hidden`; where only one would
        go, the next smallest goes too, since the one could be computed from the others
    max_values : attributes with more values than this (addresses, names) are left out and named in
        `left_out`; ages are put in bands

    Raises
    ------
    Unavailable : when the source has no table `customers`.

    Notes
    -----
    A share is of the customers who are described; "not stated" is a value of its own, never
    dropped.
    """
    given = tables.customers.to_pandas()
    joined = people.merge(
        given, on="customer_id", how="left", indicator=True, suffixes=("", "_given")
    )
    has = (joined["_merge"] == "both").to_numpy()
    described, quarter = joined[has], _quarters(joined[has].spend)
    found, by_spend, left_out = [], {}, []
    for name in given.columns.drop("customer_id"):
        column = f"{name}_given" if name in people else name
        values = _named(described[column])
        if values.nunique() > max_values:
            left_out.append(name)
            continue
        rows = _crossed(name, values, described.spend)
        found.append(rows.assign(shown=_shown(rows.customers, min_cell)))
        by_spend[name] = _by_quarter(values, quarter, min_cell)
    nothing = _crossed("", pd.Series([], dtype=object), joined.spend[:0]).assign(shown=False)
    table = pd.concat(found or [nothing], ignore_index=True)
    for p in ("p", "p_rank"):
        table[f"{p}_adjusted"] = adjust(table.pop(p).to_numpy(float))
    shown = table.pop("shown").to_numpy(bool)
    return Attributes(
        len(described),
        len(joined),
        len(given) - len(described),
        _coverage(joined, has),
        table[shown].reset_index(drop=True),
        int((~shown).sum()),
        tuple(left_out),
        by_spend,
        min_cell,
        tables.currency,
    )


def _quarters(spend: pd.Series) -> np.ndarray:
    """The quarter of each customer by spend, 0 to 3; who spend the same are in the same quarter."""
    return ((spend.rank().to_numpy() - 0.5) * 4 / max(len(spend), 1)).clip(0, 3).astype(int)


def _by_quarter(values: pd.Series, quarter: np.ndarray, min_cell: int) -> Association:
    """An attribute against quarters of spend."""
    table = pd.crosstab(values.to_numpy(object), quarter).reindex(columns=range(4), fill_value=0)
    table = table.reindex(pd.Index(_ordered(values), dtype=object)).set_axis(QUARTERS, axis=1)
    return associate(table[table.sum(axis=1) >= min_cell])


def _shown(sizes: pd.Series, min_cell: int) -> pd.Series:
    """The cells that may be shown: one hidden alone could be computed from the rest, so a second
    goes with it."""
    shown = sizes >= min_cell
    if (~shown).sum() == 1 and shown.any():
        shown[sizes[shown].idxmin()] = False
    return shown


def _named(values: pd.Series) -> pd.Series:
    """Values as text: numbers with many values (age) in bands, missing ones named."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 12:
        names = [f"below {DECADES[0]}"]
        for first, following in zip(DECADES, DECADES[1:], strict=False):
            names.append(f"{first} to {following - 1}")
        names.append(f"{DECADES[-1]} or more")
        places = np.searchsorted(DECADES, values.fillna(0), side="right")
        banded = pd.Series(np.array(names, object)[places], values.index)
        return banded.where(values.notna(), UNKNOWN)
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype(object).where(values.notna(), UNKNOWN).astype(str)


def _ordered(values: pd.Series) -> list[str]:
    """The different values: bands by their first number ("under ..." first), not stated last."""
    names = pd.Series(values.unique(), dtype=object).astype(str)
    number = names.str.replace(",", "").str.extract(r"(\d+)")[0].astype(float).fillna(np.inf)
    number -= 0.5 * names.str.lower().str.startswith(("under", "below", "<", "less"))
    keys = pd.DataFrame({"name": names, "unknown": names == UNKNOWN, "number": number})
    return keys.sort_values(["unknown", "number", "name"]).name.tolist()


def _crossed(attribute: str, values: pd.Series, spend: pd.Series) -> pd.DataFrame:
    """One row a value: its customers, their spend, and their spend beside that of all others."""
    rows = []
    for value in _ordered(values):
        inside = (values == value).to_numpy()
        mine, beside = describe(spend[inside]), compare(spend[inside], spend[~inside])
        against = [getattr(beside, column) for column in AGAINST]
        rows.append((value, mine.n, mine.mean, mine.mean_low, mine.mean_high, *against))
    columns = ["value", "customers", "spend", "spend_low", "spend_high", *AGAINST]
    found = pd.DataFrame(rows, columns=columns)
    low, high = proportion_interval(found.customers, len(values))
    found.insert(2, "share", found.customers / len(values))
    found.insert(3, "share_low", low)
    found.insert(4, "share_high", high)
    found.insert(0, "attribute", attribute)
    return found


def _coverage(joined: pd.DataFrame, has: np.ndarray) -> pd.DataFrame:
    """Customers with and without attributes beside each other; a group without customers is left
    out."""
    rows = []
    for name, people in (("described", joined[has]), ("not described", joined[~has])):
        row = {"group": name, "customers": len(people), "share": len(people) / max(len(joined), 1)}
        for column in ("orders", "spend", "spend_per_order"):
            found = describe(people[column])
            row |= {column: found.mean}
            row |= {f"{column}_low": found.mean_low, f"{column}_high": found.mean_high}
        rows.append(row)
    found = pd.DataFrame(rows)
    return found[found.customers > 0].reset_index(drop=True)
