"""What sets each segment apart, what its customers buy and who they are, and what to do with it."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from personalize.inference import adjust, proportion_interval, ratio
from personalize.segmentation.rfm import METRICS, check_rfm, segment_map
from personalize.tables import TableError, Tables, Unavailable

Label = Literal["segment", "cluster"]
SMALL = "small groups"
_GROUPS = ("category", "department", "subcategory")
_SAMPLE = 20_000
_MOST_VALUES = 30
_LEAST_SHARE = 0.002
_FALSE = 0.05


def overview(
    assigned: pd.DataFrame, rfm: pd.DataFrame, *, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """Size, share of spend and typical values of each segment, best spenders first.

    Parameters
    ----------
    assigned : customer_id and the label, from `RFM.assign` or `KMeansSegments.assign`
    rfm : the table of the same customers
    by : which label to use
    min_cell : segments of fewer customers are shown together as 'small groups'; if that group would
        still be smaller, the next smallest segment joins it, so that no hidden number can be worked
        out

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
    TableError : when a column is missing, the two tables do not hold the same customers, or there
        are fewer customers than `min_cell` in all.

    Notes
    -----
    The interval takes the customers as a sample of such customers: with x the spend and s the
    share, the standard error of s is the root of the sum of (x (in - s))^2, divided by the total
    spend (see `inference.ratio`). A share of a total that is 0 or less has no meaning and is left
    empty.
    """
    joined = _joined(assigned, rfm, by, min_cell)
    groups = joined.groupby(by, sort=False)
    found = groups[list(METRICS)].median()
    found["customers"], found["spend"] = groups.size(), groups.monetary.sum()
    spend = joined.monetary if joined.monetary.sum() > 0 else joined.monetary * 0
    parts = [ratio(spend * (joined[by] == label), spend) for label in found.index]
    share, low, high = np.array(parts).T
    mean = found.spend / found.customers
    found = found.assign(
        customer_share=found.customers / len(joined),
        spend_share=share,
        spend_share_low=low.clip(min=0),
        spend_share_high=high.clip(max=1),
        spend_ratio=mean / spend.mean(),
    )
    shares = ["spend_share", "spend_share_low", "spend_share_high"]
    columns = ["customers", "customer_share", "spend", *shares, *METRICS, "spend_ratio"]
    order = mean.sort_values(ascending=False, kind="stable").index
    return found.loc[order, columns].reset_index()


def facts(rfm: pd.DataFrame, *, as_of: Any, currency: str = "") -> str:
    """How many customers an RFM table holds and how unequal they are, in words."""
    spend = rfm.monetary
    top = spend.nlargest(max(len(rfm) // 5, 1)).sum() / spend.sum() if spend.sum() > 0 else np.nan
    pulled = ", pulled up by a few large spenders" if spend.mean() > 1.1 * spend.median() else ""
    return (
        f"Customers known to have bought by {pd.Timestamp(as_of):%Y-%m-%d}: **{len(rfm):,}**. Half "
        f"of them spent at most **{spend.median():,.0f} {currency}**; the mean is "
        f"{spend.mean():,.0f}{pulled}. The fifth that spends most brings **{top:.0%}** of the "
        f"money. The middle number of purchases is {rfm.frequency.median():,.0f}, and half bought "
        f"within the last {rfm.recency_days.median():,.0f} days."
    )


def actions(
    assigned: pd.DataFrame,
    rfm: pd.DataFrame,
    *,
    by: Label = "segment",
    names: pd.DataFrame | None = None,
    min_cell: int = 10,
) -> pd.DataFrame:
    """What to do with each segment: size, spend share, what characterises it, the suggested
    treatment.

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
        - typical, typical_share (only by cluster) : the named segment most of its customers have,
          and their share
        - customers, customer_share, spend_share
        - characteristics : the typical customer in words
        - treatment : of the (typical) named segment; empty for 'small groups'
    """
    found = overview(assigned, rfm, by=by, min_cell=min_cell)
    found["characteristics"] = found.apply(_words, axis=1)
    typical = []
    named = found[by]
    if by == "cluster":
        typical = ["typical", "typical_share"]
        found = found.merge(_typical(assigned, min_cell), on="cluster", how="left")
        named = found.typical
    treatment = segment_map(names).set_index("segment").treatment
    found["treatment"] = named.map(treatment).fillna("")
    shares = ["customers", "customer_share", "spend_share"]
    return found[[by, *typical, *shares, "characteristics", "treatment"]]


def differences(
    tables: Tables, assigned: pd.DataFrame, *, as_of: Any, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """What the customers of each segment buy, and who they are, where it differs from everybody's.

    Parameters
    ----------
    tables : Tables with products that have a category, department or subcategory, or with a
        customers table, whose text columns of 2 to 30 values are used; whichever the source has
    assigned : customer_id and the label; of more than 20,000 customers the spend of 20,000 spread
        evenly over the ids is read
    as_of : last known day
    by, min_cell : as in `overview`; a value with fewer customers in the segment is left out

    Returns
    -------
    DataFrame, one row a segment and value that differs for sure, the strongest first within a
    segment
        - segment or cluster
        - what : 'spend on' a group of products, or the name of an attribute; value
        - customers : of the segment, with that value
        - share : of the segment's spend, or of its customers whose attribute is known; overall : of
          everybody's
        - ratio, ratio_low, ratio_high : share over overall

    Raises
    ------
    Unavailable : when the source has neither groups of products nor attributes of customers.

    Notes
    -----
    *Spend*: with x a customer's spend on the group and t on everything, the share is s = sum x /
    sum t and its standard error the root of the sum of (x - s t)^2, over sum t. Groups below 0.2 %
    of everybody's spend are left out. *Attributes*: the score test of a proportion; intervals are
    Wilson's. Who is known is no random sample; read these rows as a description of the known
    customers only. Of the m pairs of each kind, those are shown that pass the Benjamini-Hochberg
    rule at 5 %; the intervals of the r shown have level 1 - .05 r / m, so that at most 5 % of the
    shown intervals are expected to miss.

    References
    ----------
    Benjamini and Yekutieli (2005), False discovery rate-adjusted multiple confidence intervals for
    selected parameters.
    """
    if by not in getattr(assigned, "columns", ()):
        raise TableError(f"the assignment lacks '{by}': give what RFM or Segmenter assigned")
    labels = assigned[["customer_id", by]].astype({by: object})
    labels[by] = merge_small(labels[by], min_cell)
    parts, reasons = [], []
    for make in (_spending, _attributes):
        try:
            parts.append(make(tables, labels, as_of, min_cell))
        except Unavailable as reason:
            reasons.append(str(reason))
    if not parts:
        raise Unavailable(
            f"nothing is known that could set the segments apart: {'; '.join(reasons)}"
        )
    return pd.concat(parts, ignore_index=True).sort_values(by, kind="stable", ignore_index=True)


def merge_small(labels: pd.Series, min_cell: int) -> pd.Series:
    """The labels, with groups of fewer than `min_cell` customers put together so that none can be
    worked out.

    >>> merge_small(pd.Series(["a"] * 5 + ["b"] * 3 + ["c"]), 2).value_counts().to_dict()
    {'a': 5, 'small groups': 4}
    """
    if len(labels) < min_cell:
        raise TableError(
            f"{len(labels):,} customer(s) are fewer than min_cell = {min_cell}: nothing can be "
            "shown of so few. Take a longer period or more customers"
        )
    counts = labels.value_counts()
    counts = counts.sort_index(key=lambda names: names.astype(str)).sort_values(kind="stable")
    small = int((counts < min_cell).sum())
    while 0 < small < len(counts) and counts.iloc[:small].sum() < min_cell:
        small += 1
    return labels.where(~labels.isin(counts.index[:small]), SMALL)


def _joined(assigned: pd.DataFrame, table: pd.DataFrame, by: str, min_cell: int) -> pd.DataFrame:
    missing = [name for name in ("customer_id", by) if name not in assigned.columns]
    if missing:
        raise TableError(f"the assignment lacks {missing}. Present: {list(assigned.columns)}")
    check_rfm(table)
    labels = assigned[["customer_id", by]].astype({by: object})
    joined = table.merge(labels, on="customer_id", how="left", validate="one_to_one")
    gaps = int(joined[by].isna().sum())
    if gaps:
        raise TableError(
            f"{gaps:,} of {len(joined):,} customers have no {by}: assign the same table"
        )
    joined[by] = merge_small(joined[by], min_cell)
    return joined


def _words(row: pd.Series) -> str:
    days = "day" if row.recency_days == 1 else "days"
    orders = "purchase" if row.frequency == 1 else "purchases"
    words = (
        f"typically {row.frequency:,.0f} {orders} for {row.monetary:,.0f} in all, the last "
        f"{row.recency_days:,.0f} {days} ago"
    )
    if not np.isfinite(row.spend_ratio):
        return words
    ratio = f"{row.spend_ratio:.1f}" if row.spend_ratio >= 1 else f"{row.spend_ratio:.2f}"
    return f"{words}; mean spend {ratio} times the average"


def _typical(assigned: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """The named segment that most customers of each cluster have, and their share."""
    if "segment" not in assigned.columns:
        raise TableError(
            "actions by cluster need the named segments too: merge RFM.assign with the clusters"
        )
    cluster = merge_small(assigned.cluster.astype(object), min_cell)
    shares = assigned.segment.groupby(cluster).value_counts(normalize=True)
    shares = shares.rename("typical_share").rename_axis(["cluster", "typical"]).reset_index()
    shares = shares.sort_values(["typical_share", "typical"], ascending=[False, True])
    return shares.drop_duplicates("cluster")


def _spending(tables: Tables, labels: pd.DataFrame, as_of: Any, min_cell: int) -> pd.DataFrame:
    by = labels.columns[1]
    spend = _group_spend(tables, labels, as_of).merge(labels, on="customer_id")
    spend["t"] = spend.groupby("customer_id").spend.transform("sum")
    spend = spend.assign(xx=spend.spend**2, xt=spend.spend * spend.t, tt=spend.t**2)
    found = spend.groupby([by, "value"], as_index=False).agg(
        customers=("spend", "size"), x=("spend", "sum"), xx=("xx", "sum"), xt=("xt", "sum")
    )
    whole = spend.drop_duplicates("customer_id").groupby(by)[["t", "tt"]].sum()
    found = found.join(whole, on=by)
    everybody = spend.groupby("value").spend.sum() / spend.spend.sum()
    found = found.assign(share=found.x / found.t, overall=found.value.map(everybody))
    enough = (found.overall >= _LEAST_SHARE) & (found.customers >= min_cell) & (found.t > 0)
    found = found[enough]
    residual = found.xx - 2 * found.share * found.xt + found.share**2 * found.tt
    found = found.assign(error=np.sqrt(residual.clip(lower=0)) / found.t)
    found = found[found.error > 0]
    shown, level = _discoveries((found.share - found.overall) / found.error)
    half = norm.ppf(0.5 + level / 2) * found.error
    found = found.assign(low=found.share - half, high=found.share + half, what="spend on")
    return _as_ratios(found[shown], by)


def _group_spend(tables: Tables, labels: pd.DataFrame, as_of: Any) -> pd.DataFrame:
    """Money by customer and group of products: customer_id, value, spend."""
    if "products" not in tables:
        raise Unavailable(
            f"source '{tables.name}' has no products: add a products table with a category to see "
            "tastes"
        )
    present = [name for name in _GROUPS if name in tables.products.columns]
    if not present:
        raise Unavailable(
            f"the products of '{tables.name}' have none of {list(_GROUPS)}: add one to see tastes"
        )
    ids = labels[["customer_id"]].sort_values("customer_id")
    members = ids.iloc[:: -(-len(ids) // _SAMPLE)]
    products = tables.products.to_pandas(["product_id", present[0]]).dropna()
    codes, names = pd.factorize(products[present[0]], sort=True)
    groups = products[["product_id"]].assign(code=codes)
    known = tables.until(as_of)
    relations = dict(known.relations)
    relations["members"] = known.engine.register("segment_members", members)
    relations["groups"] = known.engine.register("segment_groups", groups)
    found = replace(known, relations=relations).query("segmentation_tastes")
    return found.assign(value=np.asarray(names)[found.code]).drop(columns="code")


def _attributes(tables: Tables, labels: pd.DataFrame, as_of: Any, min_cell: int) -> pd.DataFrame:
    if "customers" not in tables:
        raise Unavailable(f"source '{tables.name}' has no table 'customers'")
    by = labels.columns[1]
    customers = tables.customers.to_pandas()
    attributes = customers.drop(columns="customer_id")
    words = attributes.columns[attributes.apply(_is_attribute)]
    long = labels.merge(customers, on="customer_id").melt([by], words, "what").dropna()
    found = long.groupby([by, "what", "value"], as_index=False).size()
    found = found.rename(columns={"size": "customers"})
    known = found.groupby([by, "what"]).customers.transform("sum")
    overall = long.groupby("what").value.value_counts(normalize=True).rename("overall")
    found = found.assign(known=known, share=found.customers / known)
    found = found.join(overall, on=["what", "value"])
    found = found[found.customers >= min_cell]
    spread = np.sqrt(found.overall * (1 - found.overall) / found.known)
    z = (found.share - found.overall) / spread.where(spread > 0)
    shown, level = _discoveries(z.fillna(0))
    found = found[shown]
    low, high = proportion_interval(found.customers, found.known, level=level)
    return _as_ratios(found.assign(low=low, high=high), by)


def _is_attribute(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) and 1 < values.nunique() <= _MOST_VALUES


def _discoveries(z: pd.Series) -> tuple[np.ndarray, float]:
    """Which standardised differences pass Benjamini and Hochberg's rule, and the level of their
    intervals.
    """
    shown = np.asarray(adjust(2 * norm.sf(np.abs(z)), method="bh")) <= _FALSE
    return shown, 1 - _FALSE * max(shown.sum(), 1) / max(len(z), 1)


def _as_ratios(found: pd.DataFrame, by: str) -> pd.DataFrame:
    found = found.assign(
        ratio=found.share / found.overall,
        ratio_low=found.low.clip(lower=0) / found.overall,
        ratio_high=found.high / found.overall,
    )
    ratios = ["share", "overall", "ratio", "ratio_low", "ratio_high"]
    found = found[[by, "what", "value", "customers", *ratios]]
    return found.sort_values(
        [by, "ratio", "what", "value"], ascending=[True, False, True, True], ignore_index=True
    )
