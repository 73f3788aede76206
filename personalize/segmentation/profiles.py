"""What sets each segment apart, how sure that is, and what to do with it."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student

from personalize.segmentation.scores import check_rfm, segment_map
from personalize.tables import TableError

Label = Literal["segment", "cluster"]
SMALL = "small groups"


def overview(
    assigned: pd.DataFrame, rfm: pd.DataFrame, *, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """Size, share of spend and typical values of each segment, best spenders first.

    Parameters
    ----------
    assigned : customer_id and the label, from `RFM.assign` or `KMeansSegments.assign`
    rfm : the table of the same customers
    by : which label to use
    min_cell : segments of fewer customers are shown together as 'small groups'; if that group would still be
        smaller, the next smallest segment joins it, so that no hidden number can be worked out

    Returns
    -------
    DataFrame, one row a segment, ordered by mean spend
        - segment or cluster
        - customers, customer_share
        - spend, spend_share, with the 95 % interval spend_share_low, spend_share_high
        - recency_days, frequency, monetary : medians
        - spend_ratio : mean spend over the mean spend of all customers

    Raises
    ------
    TableError : when a column is missing, the two tables do not hold the same customers, or there are fewer
        customers than `min_cell` in all.

    Notes
    -----
    The interval takes the customers as a sample of such customers: with x the spend and s the share, the standard
    error of s is the root of the sum of (x (in - s))^2, divided by the total spend. A share of a total that is 0 or
    less has no meaning and is left empty.
    """
    joined = _joined(assigned, rfm, by, min_cell)
    groups = joined.groupby(by, sort=False)
    result = groups[["recency_days", "frequency", "monetary"]].median()
    result.insert(0, "customers", groups.size())
    result.insert(1, "customer_share", result.customers / len(joined))
    result.insert(2, "spend", groups.monetary.sum())
    shares = pd.DataFrame({label: _spend_share(joined.monetary, joined[by] == label) for label in result.index},
                          index=["spend_share", "spend_share_low", "spend_share_high"]).T  # fmt: skip
    ratio = (
        groups.monetary.mean() / joined.monetary.mean() if joined.monetary.mean() > 0 else np.nan
    )
    result = result.join(shares).assign(spend_ratio=ratio)
    columns = [
        "customers",
        "customer_share",
        "spend",
        *shares,
        "recency_days",
        "frequency",
        "monetary",
        "spend_ratio",
    ]
    order = (result.spend / result.customers).sort_values(ascending=False, kind="stable").index
    return result.loc[order, columns].reset_index()


def facts(rfm: pd.DataFrame, *, as_of: Any, currency: str = "") -> str:
    """How many customers an RFM table holds and how unequal they are, in words."""
    spend = rfm.monetary
    top = spend.nlargest(max(len(rfm) // 5, 1)).sum() / spend.sum() if spend.sum() > 0 else np.nan
    pulled = ", pulled up by a few large spenders" if spend.mean() > 1.1 * spend.median() else ""
    return (
        f"Customers known to have bought by {pd.Timestamp(as_of):%Y-%m-%d}: **{len(rfm):,}**. Half of them spent at "
        f"most **{spend.median():,.0f} {currency}**; the mean is {spend.mean():,.0f}{pulled}. The fifth that spends "
        f"most brings **{top:.0%}** of the money. The middle number of purchases is {rfm.frequency.median():,.0f}, "
        f"and half bought within the last {rfm.recency_days.median():,.0f} days."
    )


def contrast(sizes: pd.DataFrame) -> str:
    """The first and the largest segment of an `overview`, in words."""
    by = sizes.columns[0]
    names = sizes[by].astype(str).map("cluster {}".format) if by == "cluster" else sizes[by]
    first, largest, at = (
        sizes.iloc[0],
        sizes.loc[sizes.customers.idxmax()],
        sizes.customers.idxmax(),
    )
    return (
        f"Best spenders: **{names.iloc[0]}**, {first.spend_ratio:.1f} times the mean; {first.customer_share:.0%} of "
        f"the customers bring **{first.spend_share:.0%}** of the money ({first.spend_share_low:.0%} to "
        f"{first.spend_share_high:.0%}). Largest group: **{names[at]}** with {largest.customer_share:.0%} of the "
        f"customers and {largest.spend_share:.0%} of the money."
    )


def profile(
    assigned: pd.DataFrame, table: pd.DataFrame, *, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """Each segment against all customers, feature by feature, with intervals.

    Parameters
    ----------
    assigned : customer_id and the label
    table : customer_id and numeric features of the same customers
    by, min_cell : as in `overview`

    Returns
    -------
    DataFrame, one row a segment and feature
        - segment or cluster, feature, customers
        - mean, low, high : mean in the segment with its 95 % interval (Student's t)
        - overall : mean of all customers
        - ratio, ratio_low, ratio_high : the same divided by `overall` (empty where that is 0 or less)
    """
    joined = _joined(assigned, table, by, min_cell)
    features = [
        name
        for name in table.columns
        if name != "customer_id" and pd.api.types.is_numeric_dtype(table[name])
    ]
    long = joined.melt(by, features, var_name="feature").groupby([by, "feature"], sort=False).value
    result = long.agg(customers="size", mean="mean", sd="std").reset_index()
    half = (
        student.ppf(0.975, (result.customers - 1).clip(lower=1))
        * result.sd
        / np.sqrt(result.customers)
    )
    result = result.assign(low=result["mean"] - half, high=result["mean"] + half)
    overall = joined[features].mean()
    result["overall"] = result.feature.map(overall)
    base = result.overall.where(result.overall > 0)
    result = result.assign(
        ratio=result["mean"] / base, ratio_low=result.low / base, ratio_high=result.high / base
    )
    return result.drop(columns="sd").sort_values([by, "feature"], kind="stable", ignore_index=True)


def actions(
    assigned: pd.DataFrame, rfm: pd.DataFrame, *, by: Label = "segment", names: pd.DataFrame | None = None,
    min_cell: int = 10,
) -> pd.DataFrame:  # fmt: skip
    """What to do with each segment: size, spend share, what characterises it, the suggested treatment.

    Parameters
    ----------
    assigned : customer_id, segment and, for `by="cluster"`, cluster
    rfm : the table of the same customers
    by, min_cell : as in `overview`
    names : the table of named segments that holds the treatments (see `segment_map`)

    Returns
    -------
    DataFrame, one row a segment, ordered by mean spend
        - segment or cluster
        - typical, typical_share (only by cluster) : the named segment most of its customers have, and their share
        - customers, customer_share, spend_share
        - characteristics : the typical customer in words
        - treatment : of the (typical) named segment; empty for 'small groups'
    """
    found = overview(assigned, rfm, by=by, min_cell=min_cell)
    found["characteristics"] = [_words(row) for row in found.itertuples()]
    if by == "cluster":
        found = found.merge(_typical(assigned, min_cell), on="cluster", how="left")
    treatment = segment_map(names).set_index("segment").treatment
    found["treatment"] = (
        found["typical" if by == "cluster" else "segment"].map(treatment).fillna("")
    )
    typical = ["typical", "typical_share"] if by == "cluster" else []
    return found[
        [by, *typical, "customers", "customer_share", "spend_share", "characteristics", "treatment"]
    ]


def merge_small(labels: pd.Series, min_cell: int) -> pd.Series:
    """The labels, with groups of fewer than `min_cell` customers put together so that none can be worked out.

    >>> merge_small(pd.Series(["a"] * 5 + ["b"] * 3 + ["c"]), 2).value_counts().to_dict()
    {'a': 5, 'small groups': 4}
    """
    if len(labels) < min_cell:
        raise TableError(
            f"{len(labels):,} customer(s) are fewer than min_cell = {min_cell}: nothing can be shown of so few. "
            "Take a longer period or more customers"
        )
    counts = (
        labels.value_counts()
        .sort_index(key=lambda names: names.astype(str))
        .sort_values(kind="stable")
    )
    small = int((counts < min_cell).sum())
    while 0 < small < len(counts) and counts.iloc[:small].sum() < min_cell:
        small += 1
    if small == 1 and counts.iloc[0] < min_cell:
        small = min(2, len(counts))
    return labels.where(~labels.isin(counts.index[:small]), SMALL)


def _joined(assigned: pd.DataFrame, table: pd.DataFrame, by: str, min_cell: int) -> pd.DataFrame:
    if missing := [name for name in ("customer_id", by) if name not in assigned.columns]:
        raise TableError(f"the assignment lacks {missing}. Present: {list(assigned.columns)}")
    if {"recency_days", "frequency", "monetary"} & set(table.columns):
        check_rfm(table)
    labels = assigned[["customer_id", by]].astype({by: object})
    joined = table.merge(labels, on="customer_id", how="left", validate="one_to_one")
    if gaps := int(joined[by].isna().sum()):
        raise TableError(
            f"{gaps:,} of {len(joined):,} customers have no {by}: assign the same table"
        )
    return joined.assign(**{by: merge_small(joined[by], min_cell)})


def _spend_share(spend: pd.Series, inside: pd.Series) -> tuple[float, float, float]:
    total = spend.sum()
    if total <= 0:
        return np.nan, np.nan, np.nan
    share = spend[inside].sum() / total
    half = 1.96 * np.sqrt(((spend * (inside - share)) ** 2).sum()) / total
    return share, max(share - half, 0.0), min(share + half, 1.0)


def _words(row: Any) -> str:
    days = "day" if row.recency_days == 1 else "days"
    orders = "purchase" if row.frequency == 1 else "purchases"
    ratio = f"{row.spend_ratio:.1f}" if row.spend_ratio >= 1 else f"{row.spend_ratio:.2f}"
    spend = f"; mean spend {ratio} times the average" if np.isfinite(row.spend_ratio) else ""
    return (
        f"typically {row.frequency:,.0f} {orders} for {row.monetary:,.0f} in all, the last "
        f"{row.recency_days:,.0f} {days} ago{spend}"
    )


def _typical(assigned: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    if "segment" not in assigned.columns:
        raise TableError(
            "actions by cluster need the named segments too: merge RFM.assign with the clusters"
        )
    merged = assigned.assign(cluster=merge_small(assigned.cluster.astype(object), min_cell))
    shares = (
        merged.groupby("cluster")
        .segment.value_counts(normalize=True)
        .rename("typical_share")
        .reset_index()
    )
    first = shares.sort_values(
        ["typical_share", "segment"], ascending=[False, True]
    ).drop_duplicates("cluster")
    return first.rename(columns={"segment": "typical"})
