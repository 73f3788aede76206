"""What else tells the segments apart: what they buy, and what is known of the people."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from personalize.segmentation.profiles import Label, merge_small
from personalize.segmentation.rulecard import wilson
from personalize.tables import TableError, Tables

_GROUPS = ("category", "department", "subcategory")
_SAMPLE = 20_000
_MOST_VALUES = 30


def tastes(
    tables: Tables, assigned: pd.DataFrame, *, as_of: Any, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """The product groups on which each segment spends more, or less, of its money than everybody does.

    Parameters
    ----------
    tables : Tables with products that have a category, department or subcategory
    assigned : customer_id and the label; of more than 20,000 customers, 20,000 spread evenly over the ids are read
    as_of : last known day
    by, min_cell : as in `overview`; a group with fewer buyers in the segment is left out

    Returns
    -------
    DataFrame, one row a segment and product group that differs for sure, the strongest first within a segment
        - segment or cluster, product_group, buyers
        - share : of the segment's spend; overall : of everybody's
        - ratio, ratio_low, ratio_high : share over overall

    Raises
    ------
    TableError : when there is no products table, or it has no column of groups.

    Notes
    -----
    With x a customer's spend on the group and t on everything, the share is s = sum x / sum t and its standard error
    the root of the sum of (x - s t)^2, over sum t. Groups below 0.2 % of everybody's spend are left out. Of the m
    pairs left, those are shown that pass the Benjamini-Hochberg rule at 5 %; the intervals of the r shown have
    level 1 - .05 r / m, so that at most 5 % of the shown intervals are expected to miss.

    References
    ----------
    Benjamini and Yekutieli (2005), False discovery rate-adjusted multiple confidence intervals for selected
    parameters.
    """
    spend, names = _group_spend(tables, assigned, as_of)
    labels = assigned[["customer_id", by]].assign(
        **{by: merge_small(assigned[by].astype(object), min_cell)}
    )
    spend = spend.merge(labels, on="customer_id")
    spend["total"] = spend.groupby("customer_id").spend.transform("sum")
    whole = (
        spend.drop_duplicates("customer_id")
        .groupby(by)
        .total.agg(total="sum", squares=lambda t: (t**2).sum())
    )
    spend = spend.assign(xx=spend.spend**2, xt=spend.spend * spend.total)
    keys = [by, "product_group"]
    found = spend.groupby(keys, as_index=False).agg(buyers=("spend", "size"), x=("spend", "sum"), xx=("xx", "sum"),
                                                    xt=("xt", "sum")).join(whole, on=by)  # fmt: skip
    everybody = spend.groupby("product_group").spend.sum() / spend.spend.sum()
    found = found.assign(share=found.x / found.total, overall=found.product_group.map(everybody))
    found = found[found.overall.ge(0.002) & found.buyers.ge(min_cell) & found.total.gt(0)]
    residual = found.xx - 2 * found.share * found.xt + found.share**2 * found.squares
    error = np.sqrt(residual.clip(lower=0)) / found.total
    found, error = found[error > 0], error[error > 0]
    shown, level = _discoveries((found.share - found.overall) / error)
    found, half = found[shown], norm.ppf(0.5 + level / 2) * error[shown]
    found = found.assign(
        low=found.share - half, high=found.share + half, product_group=names[found.product_group]
    )
    return _as_ratios(found, by, ["product_group", "buyers"])


def attributes(
    tables: Tables, assigned: pd.DataFrame, *, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """The attribute values that are more, or less, common in a segment than among all customers.

    Parameters
    ----------
    tables : Tables with a customers table; its text columns of 2 to 30 values are used
    assigned : customer_id and the label
    by, min_cell : as in `overview`; a value with fewer customers in the segment is not shown

    Returns
    -------
    DataFrame, one row a segment and value that differs for sure, the strongest first within a segment
        - segment or cluster, attribute, value, customers, known (customers of the segment whose attribute is known)
        - share : of the known customers of the segment; overall : of all known customers
        - ratio, ratio_low, ratio_high : share over overall

    Notes
    -----
    Pairs are chosen as in `tastes`, by the score test of a proportion; intervals are Wilson's. Missing values are
    left out: `known` says how many remain. Who is known is no random sample; read the rows as a description of the
    known customers only.
    """
    customers = tables.customers.to_pandas()
    words = [
        name
        for name in customers.columns
        if name != "customer_id" and _is_attribute(customers[name])
    ]
    labels = assigned[["customer_id", by]].assign(
        **{by: merge_small(assigned[by].astype(object), min_cell)}
    )
    long = labels.merge(customers[["customer_id", *words]], on="customer_id").melt([by, "customer_id"], words,
                                                                                   "attribute").dropna()  # fmt: skip
    counts = (
        long.groupby([by, "attribute", "value"], as_index=False)
        .size()
        .rename(columns={"size": "customers"})
    )
    known = counts.groupby([by, "attribute"]).customers.transform("sum")
    overall = long.groupby("attribute").value.value_counts(normalize=True)
    counts = counts.assign(known=known, share=counts.customers / known)
    counts["overall"] = [overall[pair] for pair in zip(counts.attribute, counts.value, strict=True)]
    counts = counts[counts.customers >= min_cell]
    spread = np.sqrt(counts.overall * (1 - counts.overall) / counts.known)
    shown, level = _discoveries(
        ((counts.share - counts.overall) / spread.where(spread > 0)).fillna(0)
    )
    counts = counts[shown]
    bounds = [
        wilson(n, of, level=level) for n, of in zip(counts.customers, counts.known, strict=True)
    ]
    low, high = np.array(bounds).reshape(-1, 2).T
    return _as_ratios(
        counts.assign(low=low, high=high), by, ["attribute", "value", "customers", "known"]
    )


def differences(
    tables: Tables, assigned: pd.DataFrame, *, as_of: Any, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """What the customers of each segment buy, and who they are, where it differs from everybody's: one table.

    Parameters
    ----------
    tables, assigned, as_of, by, min_cell : as in `tastes` and `attributes`, whichever the source allows

    Returns
    -------
    DataFrame, one row a segment and value that differs for sure: segment or cluster, what ('spend on' or the name of
        an attribute), value, customers, share, overall, ratio, ratio_low, ratio_high

    Raises
    ------
    TableError : when the source has neither groups of products nor attributes of customers.
    """
    parts, reasons = [], []
    for make in (_bought, _known):
        try:
            parts.append(make(tables, assigned, as_of=as_of, by=by, min_cell=min_cell))
        except TableError as refusal:
            reasons.append(str(refusal))
    if not parts:
        raise TableError(
            f"nothing is known that could set the segments apart: {'; '.join(reasons)}"
        )
    columns = [
        by,
        "what",
        "value",
        "customers",
        "share",
        "overall",
        "ratio",
        "ratio_low",
        "ratio_high",
    ]
    found = pd.concat([part[columns] for part in parts], ignore_index=True)
    return found.sort_values(by, kind="stable", ignore_index=True)


def _bought(tables: Tables, assigned: pd.DataFrame, **how: Any) -> pd.DataFrame:
    named = {"product_group": "value", "buyers": "customers"}
    return tastes(tables, assigned, **how).rename(columns=named).assign(what="spend on")


def _known(tables: Tables, assigned: pd.DataFrame, *, as_of: Any, **how: Any) -> pd.DataFrame:
    return attributes(tables, assigned, **how).rename(columns={"attribute": "what"})


def _group_spend(
    tables: Tables, assigned: pd.DataFrame, as_of: Any
) -> tuple[pd.DataFrame, np.ndarray]:
    """Money by customer and group of products, the groups as numbers, and the names of those."""
    if "products" not in tables:
        raise TableError(
            f"source '{tables.name}' has no products: add a products table with a category to see tastes"
        )
    group = next((name for name in _GROUPS if name in tables.products.columns), None)
    if group is None:
        raise TableError(
            f"the products of '{tables.name}' have none of {list(_GROUPS)}: add one to see tastes"
        )
    ids = assigned.customer_id.sort_values()
    members = pd.DataFrame({"customer_id": ids.iloc[:: -(-len(ids) // _SAMPLE)]})
    products = tables.products.to_pandas(["product_id", group]).dropna()
    codes, names = pd.factorize(products[group], sort=True)
    known = tables.until(as_of)
    extra = {"members": members, "groups": products[["product_id"]].assign(code=codes)}
    relations = {
        name: known.engine.register(f"segment_{name}", table) for name, table in extra.items()
    }
    found = replace(known, relations={**known.relations, **relations}).query("segmentation_tastes")
    return found.rename(columns={"code": "product_group"}), np.asarray(names)


def _is_attribute(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) and 1 < values.nunique() <= _MOST_VALUES


def _discoveries(z: pd.Series, rate: float = 0.05) -> tuple[np.ndarray, float]:
    """Which standardised differences pass Benjamini and Hochberg's rule, and the level of their intervals."""
    p = 2 * norm.sf(np.abs(z))
    passed = np.sort(p) <= rate * np.arange(1, len(p) + 1) / max(len(p), 1)
    r = int(np.flatnonzero(passed).max() + 1) if passed.any() else 0
    return p <= (np.sort(p)[r - 1] if r else -1), 1 - rate * max(r, 1) / max(len(p), 1)


def _as_ratios(found: pd.DataFrame, by: str, details: list[str]) -> pd.DataFrame:
    found = found.assign(ratio=found.share / found.overall, ratio_low=found.low.clip(lower=0) / found.overall,
                         ratio_high=found.high / found.overall)  # fmt: skip
    found = found.sort_values(
        [by, "ratio", *details[:2]], ascending=[True, False, True, True], ignore_index=True
    )
    return found[[by, *details, "share", "overall", "ratio", "ratio_low", "ratio_high"]]
