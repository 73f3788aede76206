"""Customers far from all others, in one measure or in several at once: shown and never removed."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.customer_base import Behaviour
from personalize.tables import Unavailable

SINGLE = {
    "orders": "orders",
    "spend": "spend",
    "spend an order": "spend_per_order",
    "mean gap": "gap_days",
}
JOINT = {
    "orders": "orders",
    "spend an order": "spend_per_order",
    "lines an order": "lines_per_order",
    "quiet days": "quiet_days",
}
FAR = 3.5  # robust standard deviations that are far out in one measure


def outliers(
    behaviour: Behaviour,
    *,
    limit: float = 3.5,
    min_cell: int = 10,
    rules: Sequence[str] = ("MAD", "IQR"),
) -> pd.DataFrame:
    """Customers far from the median, and what share of the money they bring: shown, never removed.

    Parameters
    ----------
    behaviour : from `behaviour`
    limit : robust standard deviations from the median beyond which a customer is far out
    min_cell : where fewer customers (but some) are below or above, the row counts nobody and says
        so in its note
    rules : "MAD", "IQR" or both

    Returns
    -------
    DataFrame, one row a measure and scale ("plain" or "log", values above 0 only) and rule ("MAD"
    or "IQR"): measure, scale, rule, n, low_fence, high_fence, below, above, share (of the
    customers), revenue_share, note.

    Notes
    -----
    MAD: |x - median| / (1.4826 median|x - median|) > limit. IQR: beyond the quartiles by more than
    1.5 times their distance. Where more than half of the values are equal the MAD is 0 and the note
    says so. On a plain scale a skewed measure always has "outliers": these are the best customers,
    not errors.

    References
    ----------
    Iglewicz & Hoaglin (1993), How to Detect and Handle Outliers (3.5). Tukey (1977), Exploratory
    Data Analysis.
    """
    rows = []
    for name, scale, rule in product(SINGLE, ("plain", "log"), rules):
        found = _far(behaviour.people, SINGLE[name], scale, rule=rule, limit=limit)
        rows.append({"measure": name, "scale": scale, "rule": rule} | found)
    table = pd.DataFrame(rows)
    ends = table[["below", "above"]]
    few = (ends.gt(0) & ends.lt(min_cell)).any(axis=1)  # from which a small group could be told
    counts = ["below", "above", "share", "revenue_share"]
    table[counts] = table[counts].astype(float).mask(few)
    table["note"] = table.note.mask(few, f"fewer than {min_cell} at an end: not counted here")
    return table


def _far(
    people: pd.DataFrame, column: str, scale: str, *, rule: str, limit: float
) -> dict[str, object]:
    total = float(people.spend.sum())
    people = people[people[column].notna()]
    if scale == "log":
        people = people[people[column] > 0]
    x, spend = people[column].to_numpy(float), people.spend.to_numpy(float)
    x = np.log(x) if scale == "log" else x
    low, high, note = _fences(x, rule, limit)
    below, above = x < low, x > high
    far = below | above
    ends = np.array([low, high])
    if scale == "log":
        ends = np.exp(ends)
    return {
        "n": len(x),
        "low_fence": ends[0],
        "high_fence": ends[1],
        "below": int(below.sum()),
        "above": int(above.sum()),
        "share": float(far.mean()) if len(x) else np.nan,
        "revenue_share": float(spend[far].sum()) / total if total else np.nan,
        "note": note,
    }


def _fences(x: np.ndarray, rule: str, limit: float) -> tuple[float, float, str]:
    if not len(x):
        return np.nan, np.nan, "no value"
    lower, middle, upper = np.quantile(x, [0.25, 0.5, 0.75])
    if rule == "IQR":
        return lower - 1.5 * (upper - lower), upper + 1.5 * (upper - lower), ""
    spread = float(_mad(x))
    if not spread > 0:
        why = "more than half of the values are equal: the MAD is 0, no fence can be set"
        return np.nan, np.nan, why
    return middle - limit * spread, middle + limit * spread, ""


def _mad(values: np.ndarray) -> np.ndarray:
    """The median absolute deviation, scaled to the standard deviation of a normal distribution."""
    return 1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0)


@dataclass(frozen=True)
class JointOutliers:
    """Customers far from the bulk in several measures at once.

    Attributes
    ----------
    groups : two rows, far out and all others: group, customers, share, revenue_share, and the
        median of each measure
    measures : used, on a log scale; those that more than half of the customers share are left out
    n, cutoff : customers measured; distance beyond which one is far out
    expected : customers who would be there if the logarithms were normal
    unseen : far out in no single measure: only the combination is odd; NaN where a group of fewer
        than `min_cell` could be worked out from it
    note : what should be minded; empty when all is well
    """

    groups: pd.DataFrame
    measures: tuple[str, ...]
    n: int
    cutoff: float
    expected: float
    unseen: float
    note: str = ""

    def table(self) -> pd.DataFrame:
        """Two rows: those far out, and all others."""
        return self.groups

    @property
    def caption(self) -> str:
        """Who is far out in several measures together, beside what chance would give."""
        unseen = ""
        if not np.isnan(self.unseen):
            unseen = f"; {self.unseen:,.0f} of them are far out in no single one"
        return (
            f"Customers far from the bulk in {', '.join(self.measures)} together: "
            f"{self.expected:.1f} expected by chance{unseen}. {self.note}"
        ).rstrip()


def joint_outliers(
    behaviour: Behaviour, *, beyond: float = 0.001, min_cell: int = 10, seed: int = 0
) -> JointOutliers:
    """Customers whose combination of habits is unlike the others', and their share of revenue.

    Parameters
    ----------
    behaviour : from `behaviour`
    beyond : share of customers that would be called far out if the logarithms of the measures were
        normal
    min_cell : fewer customers far out (but some) are not counted
    seed : of the starts from which the closest half is sought

    Raises
    ------
    Unavailable : where customers are too few or too many alike, and where nobody, or fewer than
        `min_cell`, are far out.

    Notes
    -----
    Robust Mahalanobis distance d² = (x - m)' S⁻¹ (x - m) of the logarithms (of quiet days + 1),
    with m and S from the half of the customers that lie closest together (minimum covariance
    determinant), then from all within the 97.5% ellipse of these; far out is d² beyond the
    chi-square quantile. At least 50 customers with orders and spend above 0 are needed.

    References
    ----------
    Rousseeuw & Van Driessen (1999), Technometrics 41. `sklearn.covariance.MinCovDet`.
    """
    people = behaviour.people
    people = people[(people.orders > 0) & (people.spend_per_order > 0)].sort_values("customer_id")
    n = len(people)
    if n < 50:
        raise _nobody(f"{n} customer(s) with orders and spend, 50 are needed")
    logs = np.log(people[list(JOINT.values())].to_numpy(float) + [0, 0, 0, 1])
    varies = _mad(logs) > 0
    measures = tuple(np.array(list(JOINT))[varies].tolist())
    if len(measures) < 2:
        raise _nobody("fewer than two measures vary: nothing to combine")
    limit = float(special.chdtri(len(measures), beyond))
    far = robust_distances(logs[:, varies], seed=seed) > limit
    if not far.any():
        raise _nobody("nobody is far out")
    if far.sum() < min_cell:
        raise _nobody(f"fewer than {min_cell} are far out: not counted here")
    off = np.abs(logs - np.median(logs, axis=0))
    single = (off > FAR * _mad(logs))[:, varies].any(axis=1)
    unseen = float((far & ~single).sum())
    if 0 < unseen < min_cell or 0 < far.sum() - unseen < min_cell:
        unseen = np.nan
    note = ""
    if far.mean() > 0.1:
        note = "More than a tenth: these are several crowds, not outliers; see the segments"
    groups = _described(people, far, measures)
    return JointOutliers(groups, measures, n, limit**0.5, beyond * n, unseen, note)


def _nobody(why: str) -> Unavailable:
    return Unavailable(f"no customers are shown to be far out in several measures together: {why}")


def _described(people: pd.DataFrame, far: np.ndarray, measures: tuple[str, ...]) -> pd.DataFrame:
    columns = [JOINT[measure] for measure in measures]
    names = [f"median_{measure}".replace(" ", "_") for measure in measures]
    group = pd.Series(np.where(far, "far out", "all others"), people.index, name="group")
    parts = people.groupby(group)
    found = pd.DataFrame({"customers": parts.size(), "share": parts.size() / len(people)})
    found["revenue_share"] = parts.spend.sum().astype(float) / float(people.spend.sum())
    found[names] = parts[columns].median().astype(float).to_numpy()
    return found.reindex(["far out", "all others"]).dropna(how="all").reset_index()


def robust_distances(values: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Squared robust distance of each row from the bulk of the rows.

    Parameters
    ----------
    values : one row a customer, one column a measure, each with a median absolute deviation above 0
    seed : of the starts

    Raises
    ------
    Unavailable : where the bulk of the rows has no volume.
    """
    from sklearn.covariance import MinCovDet

    z = (values - np.median(values, axis=0)) / _mad(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bulk without volume is told below
        found = MinCovDet(random_state=seed).fit(z)
    if not np.linalg.det(found.covariance_) > 1e-12:
        raise _nobody("two measures are one: no distance")
    return found.dist_
