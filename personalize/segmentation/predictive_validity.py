"""What segments knew about the future: they are formed on one day and checked against the weeks
after it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from personalize.features import outcome, rfm
from personalize.inference import proportion_interval, ratio
from personalize.segmentation.characteristics import Label, merge_small
from personalize.segmentation.churn_evaluation import compare_auc
from personalize.segmentation.kmeans import KMeansSegments
from personalize.segmentation.rfm import RFM
from personalize.tables import TableError, Tables, Unavailable

_FEWEST = 50
_FOLDS = 5
_BASELINE = "spend score alone"
_GROUPINGS = {
    "cluster": "k-means clusters",
    "segment": "named segments",
    "recency_score": "recency score alone",
    "monetary_score": _BASELINE,
}


@dataclass(frozen=True)
class Hindsight:
    """Segments as they would have been formed earlier, and what their customers did since.

    Attributes
    ----------
    assigned : scores, segment and cluster of each customer on the day `cut`
    later : what each of them did in the days after (see `features.outcome`)
    cut : the earlier day
    """

    assigned: pd.DataFrame
    later: pd.DataFrame
    cut: pd.Timestamp

    def table(self, *, by: Label = "cluster", min_cell: int = 10) -> pd.DataFrame:
        """What came next, one row a segment (see `what_came_next`)."""
        return what_came_next(self.assigned, self.later, by=by, min_cell=min_cell)

    def groupings(self, *, seed: int = 0) -> pd.DataFrame:
        """How much each way of grouping knew, and its gain over the spend score (see
        `foresight`).
        """
        plain = ["spend_low", "spend_high", "silence_low", "silence_high"]
        return foresight(self.assigned, self.later, seed=seed).drop(columns=plain)


def hindsight(
    tables: Tables,
    clusters: KMeansSegments,
    *,
    as_of: Any,
    days: int = 56,
    window_days: int | None = None,
) -> Hindsight:
    """Form the segments `days` days before `as_of`, from what was known then, and see what came
    next.

    Parameters
    ----------
    tables : Tables
    clusters : whose number of segments and settings to use; it is fitted anew on the earlier day
    as_of : last known day
    days : length of the later period, 1 or more
    window_days : as in `features.rfm`

    Raises
    ------
    TableError : when `days` is below 1.
    Unavailable : when the data do not reach back far enough, or hold too few customers by then.
    """
    if days < 1:
        raise TableError(f"days = {days}: give the length of the later period, 1 day or more")
    cut = pd.Timestamp(as_of).normalize() - pd.Timedelta(days=days)
    try:
        table = rfm(tables.until(as_of), as_of=cut, window_days=window_days)
        model = KMeansSegments(**clusters.get_params()).fit(table)
        assigned = RFM().fit(table).assign(table).merge(model.assign(table), on="customer_id")
    except TableError as reason:
        raise Unavailable(f"no segments on {cut:%Y-%m-%d}, {days} days before: {reason}") from None
    return Hindsight(assigned, outcome(tables, table.customer_id, as_of=cut, days=days), cut)


def what_came_next(
    assigned: pd.DataFrame, later: pd.DataFrame, *, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """Spend and silence of each segment in the weeks after it was formed, with intervals.

    Parameters
    ----------
    assigned : customer_id and the label, formed on the earlier day
    later : the table `features.outcome` gives for the same customers
    by, min_cell : as in `overview`

    Returns
    -------
    DataFrame, one row a segment, ordered by next_spend
        - segment or cluster, customers
        - next_spend, next_spend_low, next_spend_high : mean money a customer, 95 % (Student's t)
        - silent, silent_low, silent_high : share without any purchase, 95 % (Wilson)
    """
    joined = _with_outcome(assigned, later)
    joined[by] = merge_small(joined[by].astype(object), min_cell)
    groups = joined.groupby(by, sort=False)
    n, mean = groups.size(), groups.next_spend.mean()
    half = student.ppf(0.975, (n - 1).clip(lower=1)) * groups.next_spend.std() / np.sqrt(n)
    silent = groups.silent.sum()
    low, high = proportion_interval(silent, n)
    found = pd.DataFrame(
        {
            "customers": n,
            "next_spend": mean,
            "next_spend_low": mean - half,
            "next_spend_high": mean + half,
            "silent": silent / n,
            "silent_low": low,
            "silent_high": high,
        }
    )
    return found.sort_values("next_spend", ascending=False, kind="stable").reset_index()


def foresight(assigned: pd.DataFrame, later: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """How much each way of grouping knew about the weeks after, beside the spend score alone.

    Parameters
    ----------
    assigned : customer_id, monetary_score and any of cluster, segment, recency_score, formed on the
        earlier day
    later : the table `features.outcome` gives for the same customers
    seed : seed of the folds

    Returns
    -------
    DataFrame, one row a grouping
        - grouping, groups : name and number of groups
        - spend_known, spend_low, spend_high : share of the variance of next spend that the group's
          mean explains
        - spend_gain, spend_gain_low, spend_gain_high : the same minus that of the spend score alone
        - silence_auc, silence_low, silence_high, silence_gain, silence_gain_low, silence_gain_high
          : how well the group's share of silent customers tells who will be silent (see
          `compare_auc`; empty when all or nobody is)
        - spend_verdict, silence_verdict : better, worse or not shown to differ, from the interval
          of the gain

    Raises
    ------
    TableError : when a customer has no outcome, or there are no scores.
    Unavailable : when there are fewer than 50 customers.

    Notes
    -----
    Every customer is predicted by the mean of the other four fifths of the group, so a grouping
    cannot win by having many small groups. The intervals of the explained share 1 - sum e / sum b
    come from the residuals e - (sum e / sum b) b of the two squared errors.
    """
    joined = _with_outcome(assigned, later)
    if "monetary_score" not in joined.columns:
        raise TableError(
            "foresight compares with RFM scores: merge RFM.assign first. "
            f"Present: {list(assigned.columns)}"
        )
    if len(joined) < _FEWEST:
        raise Unavailable(
            f"{len(joined):,} customers are too few to compare groupings: "
            f"{_FEWEST} or more are needed"
        )
    labels = joined[joined.columns.intersection(list(_GROUPINGS), sort=False)]
    labels = labels[[name for name in _GROUPINGS if name in labels]].rename(columns=_GROUPINGS)
    fold = np.random.default_rng(seed).permutation(len(joined)) % _FOLDS
    spend = labels.apply(lambda label: _out_of_fold(joined.next_spend, label, fold))
    rates = labels.apply(lambda label: _out_of_fold(joined.silent, label, fold))
    nobody = _out_of_fold(joined.next_spend, pd.Series(0, joined.index), fold)
    found = pd.DataFrame({"grouping": labels.columns, "groups": labels.nunique().to_numpy()})
    found = found.join(_explained(joined.next_spend, spend, nobody))
    found = found.join(_silence(joined.silent == 1, rates))
    for what in ("spend", "silence"):
        found[f"{what}_verdict"] = np.select(
            [
                found.grouping == _BASELINE,
                found[f"{what}_gain_low"] > 0,
                found[f"{what}_gain_high"] < 0,
            ],
            ["the baseline", "better", "worse"],
            "not shown to differ",
        )
    return found


def _with_outcome(assigned: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    joined = assigned.merge(later, on="customer_id", how="inner", validate="one_to_one")
    if len(joined) < len(assigned):
        raise TableError(
            f"{len(assigned) - len(joined):,} of {len(assigned):,} customers have no outcome: "
            "call features.outcome(tables, assigned.customer_id, ...)"
        )
    joined["silent"] = (joined.next_orders == 0).astype(float)
    return joined.sort_values("customer_id", ignore_index=True)


def _out_of_fold(values: pd.Series, label: pd.Series, fold: np.ndarray) -> pd.Series:
    """The mean of the customer's group over the other folds; of everybody there, when the group is
    empty.
    """
    found = pd.Series(np.nan, values.index)
    for part in range(_FOLDS):
        inside = fold == part
        means = values[~inside].groupby(label[~inside]).mean()
        found[inside] = label[inside].map(means).astype(float).fillna(values[~inside].mean())
    return found


def _explained(actual: pd.Series, predicted: pd.DataFrame, plain: pd.Series) -> pd.DataFrame:
    base = (actual - plain) ** 2
    errors = predicted.rsub(actual, axis=0) ** 2
    rows = []
    for name in errors:
        left, low, high = ratio(errors[name], base)
        gain = ratio(errors[_BASELINE] - errors[name], base)
        rows.append([1 - left, 1 - high, 1 - low, *gain])
    names = ["known", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=names).add_prefix("spend_")


def _silence(silent: pd.Series, rates: pd.DataFrame) -> pd.DataFrame:
    names = ["auc", "low", "high", "gain", "gain_low", "gain_high"]
    if silent.nunique() == 1:
        found = pd.DataFrame(np.nan, index=range(rates.shape[1]), columns=names)
    else:
        found = compare_auc(silent, rates, baseline=_BASELINE).drop(columns="model")
        found.columns = names
    return found.add_prefix("silence_")
