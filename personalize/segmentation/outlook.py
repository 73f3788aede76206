"""What segments knew about the future: they are formed on one day and checked against the weeks after it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from personalize.features import rfm
from personalize.segmentation.auc import compare_auc
from personalize.segmentation.clusters import KMeansSegments
from personalize.segmentation.profiles import Label, merge_small
from personalize.segmentation.rulecard import wilson
from personalize.segmentation.scores import RFM
from personalize.tables import TableError, Tables

_FEWEST = 50
_GROUPINGS = {"cluster": "k-means clusters", "segment": "named segments", "recency_score": "recency score alone",
              "monetary_score": "spend score alone"}  # fmt: skip


def outcome(tables: Tables, customers: pd.Series, *, as_of: Any, days: int = 56) -> pd.DataFrame:
    """What each customer did in the `days` days after `as_of`: nothing of it is known on `as_of`.

    Parameters
    ----------
    tables : Tables that reach at least `days` days beyond `as_of`
    customers : ids of the customers to look at
    as_of : last day known before
    days : length of the later period; 56 are eight weeks, so that every weekday counts equally

    Returns
    -------
    DataFrame, one row a customer in the order given: customer_id, next_orders, next_spend (0 without an order)

    Raises
    ------
    TableError : when the period does not lie inside the data.
    """
    after = pd.Timestamp(as_of).normalize()
    found = tables.between(after, after + pd.Timedelta(days=days)).query("rfm", after=after)
    found = found.rename(columns={"frequency": "next_orders", "monetary": "next_spend"}).drop(
        columns="last_day"
    )
    joined = pd.DataFrame({"customer_id": np.asarray(customers)}).merge(
        found, on="customer_id", how="left"
    )
    return joined.fillna({"next_orders": 0, "next_spend": 0.0}).astype({"next_orders": "int64"})


@dataclass(frozen=True)
class Hindsight:
    """Segments as they would have been formed earlier, and what their customers did since.

    Attributes
    ----------
    assigned : scores, segment and cluster of each customer on the day `cut`
    later : what each of them did in the days after (see `outcome`)
    cut : the earlier day
    """

    assigned: pd.DataFrame
    later: pd.DataFrame
    cut: pd.Timestamp

    def table(self, *, by: Label = "cluster", min_cell: int = 10) -> pd.DataFrame:
        """What came next, one row a segment (see `what_came_next`)."""
        return what_came_next(self.assigned, self.later, by=by, min_cell=min_cell)

    def groupings(self, *, seed: int = 0) -> pd.DataFrame:
        """How much each way of grouping knew, and its gain over the spend score (see `foresight`)."""
        plain = ["spend_low", "spend_high", "silence_low", "silence_high"]
        return foresight(self.assigned, self.later, seed=seed).drop(columns=plain)

    def reading(self, *, seed: int = 0) -> str:
        """What each grouping was better or worse at than the spend score alone, in words."""
        try:
            rows = foresight(self.assigned, self.later, seed=seed).set_index("grouping")
        except TableError as refusal:
            return f"Not shown: {refusal}."
        spend = ", ".join(f"{name} {row.spend_known:.0%}" for name, row in rows.iterrows())
        silence = ", ".join(f"{name} {row.silence_auc:.2f}" for name, row in rows.iterrows())
        told = (
            f"telling silence (AUC): {silence}"
            if rows.silence_auc.notna().all()
            else "nobody, or everybody, fell silent"
        )
        verdicts = "; ".join(
            f"the {name} are **{rows.spend_verdict[name]}** on spend and **{rows.silence_verdict[name]}** on silence"
            for name in ("k-means clusters", "named segments")
        )
        return (
            f"Variance of next spend explained: {spend}; {told}. Compared with the spend score alone {verdicts}. Use a "
            "grouping for what it is better at; where it is not shown to differ, the simpler one will do."
        )


def hindsight(
    tables: Tables,
    clusters: KMeansSegments,
    *,
    as_of: Any,
    days: int = 56,
    window_days: int | None = None,
) -> Hindsight:
    """Form the segments `days` days before `as_of`, from what was known then, and see what came next.

    Parameters
    ----------
    tables : Tables
    clusters : whose number of segments and settings to use; it is fitted anew on the earlier day
    as_of : last known day
    days : length of the later period
    window_days : as in `features.rfm`

    Raises
    ------
    TableError : when the data do not reach back far enough, or hold too few customers by then.
    """
    if days < 1:
        raise TableError(f"days = {days}: give the length of the later period, 1 day or more")
    cut = pd.Timestamp(as_of).normalize() - pd.Timedelta(days=days)
    table = rfm(tables.until(as_of), as_of=cut, window_days=window_days)
    model = KMeansSegments(**clusters.get_params()).fit(table)
    assigned = RFM().fit(table).assign(table).merge(model.assign(table), on="customer_id")
    return Hindsight(assigned, outcome(tables, table.customer_id, as_of=cut, days=days), cut)


def what_came_next(
    assigned: pd.DataFrame, later: pd.DataFrame, *, by: Label = "segment", min_cell: int = 10
) -> pd.DataFrame:
    """Spend and silence of each segment in the weeks after it was formed, with intervals.

    Parameters
    ----------
    assigned : customer_id and the label, formed on the earlier day
    later : the table `outcome` gives for the same customers
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
    result = groups.next_spend.agg(customers="size", next_spend="mean", sd="std").reset_index()
    half = (
        student.ppf(0.975, (result.customers - 1).clip(lower=1))
        * result.sd
        / np.sqrt(result.customers)
    )
    result = result.assign(
        next_spend_low=result.next_spend - half, next_spend_high=result.next_spend + half
    )
    silent = groups.next_orders.agg(lambda orders: int((orders == 0).sum())).to_numpy()
    bounds = np.array([wilson(hits, n) for hits, n in zip(silent, result.customers, strict=True)])
    result = result.assign(
        silent=silent / result.customers, silent_low=bounds[:, 0], silent_high=bounds[:, 1]
    )
    return result.drop(columns="sd").sort_values(
        "next_spend", ascending=False, kind="stable", ignore_index=True
    )


def foresight(assigned: pd.DataFrame, later: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """How much each way of grouping knew about the weeks after, beside the spend score alone.

    Parameters
    ----------
    assigned : customer_id, monetary_score and any of cluster, segment, recency_score, formed on the earlier day
    later : the table `outcome` gives for the same customers
    seed : seed of the folds

    Returns
    -------
    DataFrame, one row a grouping
        - grouping, groups : name and number of groups
        - spend_known, spend_low, spend_high : share of the variance of next spend that the group's mean explains
        - spend_gain, spend_gain_low, spend_gain_high : the same minus that of the spend score alone
        - silence_auc, silence_low, silence_high, silence_gain, silence_gain_low, silence_gain_high : how well the
          group's share of silent customers tells who will be silent (see `compare_auc`; empty when all or nobody is)
        - spend_verdict, silence_verdict : better, worse or not shown to differ, from the interval of the gain

    Notes
    -----
    Every customer is predicted by the mean of the other four fifths of the group, so a grouping cannot win by
    having many small groups. The intervals of the explained share 1 - sum e / sum b come from the residuals
    e - (sum e / sum b) b of the two squared errors.
    """
    joined = _with_outcome(assigned, later)
    if "monetary_score" not in joined.columns:
        raise TableError(
            f"foresight compares with RFM scores: merge RFM.assign first. Present: {list(assigned.columns)}"
        )
    if len(joined) < _FEWEST:
        raise TableError(
            f"{len(joined):,} customers are too few to compare groupings: {_FEWEST} or more are needed"
        )
    fold = np.random.default_rng(seed).permutation(len(joined)) % 5
    known = {name: joined[name] for name in _GROUPINGS if name in joined.columns}
    spend = {name: _out_of_fold(joined.next_spend, label, fold) for name, label in known.items()}
    result = pd.DataFrame(
        {
            "grouping": [_GROUPINGS[n] for n in known],
            "groups": [k.nunique() for k in known.values()],
        }
    )
    plain = _out_of_fold(joined.next_spend, pd.Series(0, index=joined.index), fold)
    result = result.join(_explained(joined.next_spend.to_numpy(), spend, plain))
    silent = (joined.next_orders == 0).astype(float)
    rates = {name: _out_of_fold(silent, label, fold) for name, label in known.items()}
    result = result.join(_silence(silent == 1, rates))
    return result.assign(
        spend_verdict=_verdict(result, "spend"), silence_verdict=_verdict(result, "silence")
    )


def _with_outcome(assigned: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    joined = assigned.merge(later, on="customer_id", how="inner", validate="one_to_one")
    if len(joined) < len(assigned):
        raise TableError(f"{len(assigned) - len(joined):,} of {len(assigned):,} customers have no outcome: "
                         "call outcome(tables, assigned.customer_id, ...)")  # fmt: skip
    return joined.sort_values("customer_id", ignore_index=True)


def _out_of_fold(values: pd.Series, label: pd.Series, fold: np.ndarray) -> np.ndarray:
    """The mean of the customer's group over the other folds; of everybody there, when the group is empty."""
    group, sums = pd.factorize(label)[0], values.to_numpy(float)
    total, count = np.bincount(group, sums), np.bincount(group)
    prediction = np.empty(len(sums))
    for part in np.unique(fold):
        inside = fold == part
        rest = count - np.bincount(group[inside], minlength=len(count))
        money = total - np.bincount(group[inside], sums[inside], minlength=len(total))
        means = np.where(rest > 0, money / rest.clip(1), sums[~inside].mean())
        prediction[inside] = means[group[inside]]
    return prediction


def _explained(
    actual: np.ndarray, predicted: dict[str, np.ndarray], plain: np.ndarray
) -> pd.DataFrame:
    base = (actual - plain) ** 2
    errors = {name: (actual - guess) ** 2 for name, guess in predicted.items()}
    rows = [_ratio(error, base, "spend", 1) | _ratio(error - errors["monetary_score"], base, "spend_gain", 0)
            for error in errors.values()]  # fmt: skip
    return pd.DataFrame(rows).rename(columns={"spend": "spend_known"})


def _ratio(error: np.ndarray, base: np.ndarray, name: str, start: int) -> dict[str, float]:
    if base.sum() == 0:
        return dict.fromkeys([name, f"{name}_low", f"{name}_high"], np.nan)
    ratio = error.sum() / base.sum()
    half = 1.96 * np.sqrt(((error - ratio * base) ** 2).sum()) / base.sum()
    return {
        name: start - ratio,
        f"{name}_low": start - ratio - half,
        f"{name}_high": start - ratio + half,
    }


def _silence(silent: pd.Series, rates: dict[str, np.ndarray]) -> pd.DataFrame:
    names = [
        "silence_auc",
        "silence_low",
        "silence_high",
        "silence_gain",
        "silence_gain_low",
        "silence_gain_high",
    ]
    if not 0 < silent.sum() < len(silent):
        return pd.DataFrame(np.nan, index=range(len(rates)), columns=names)
    return (
        compare_auc(silent, rates, baseline="monetary_score")
        .drop(columns="model")
        .set_axis(names, axis=1)
    )


def _verdict(rows: pd.DataFrame, what: str) -> np.ndarray:
    cases = {
        "the baseline": rows.grouping == _GROUPINGS["monetary_score"],
        "better": rows[f"{what}_gain_low"] > 0,
        "worse": rows[f"{what}_gain_high"] < 0,
    }
    return np.select(list(cases.values()), list(cases), "not shown to differ")
