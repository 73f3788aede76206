"""How many segments: fit, separation and stability side by side, and a rule that says why."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from personalize.segmentation.clusters import (
    TOL,
    KMeansSegments,
    best_centers,
    feature_names,
    good_centers,
    nearest,
    one_thread,
    settle,
)
from personalize.tables import TableError

SAMPLE = 3_000
STABLE, FIRM = 0.75, 0.85
APART = 0.7
OUTLIERS = 0.5
SMALLEST = 0.02
_STARTS = 5
_MANY = 500  # customers from which a bootstrap sample is sure to hold enough different ones


@dataclass(frozen=True)
class NumberOfSegments:
    """The number of segments that the rule picks, the reason in words, and the table it was picked from.

    Attributes
    ----------
    n_segments : the choice
    reason : one sentence
    n_used : customers the table was computed on
    """

    n_segments: int
    reason: str
    n_used: int
    _rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a number of segments.

        Columns: n_segments; inertia; silhouette (-1 to 1); gap and gap_se; smallest_share of customers;
        jaccard (of the least stable segment, 0 to 1) with jaccard_low, its lower 95 % bound; ari (0 to 1);
        outlier_share (in the segment that has most); verdict.
        """
        return self._rows.copy()


def choose_n_segments(
    table: pd.DataFrame,
    candidates: Iterable[int] = range(2, 9),
    *,
    log: bool = True,
    n_boot: int = 30,
    seed: int = 0,
) -> NumberOfSegments:
    """The number of k-means segments that is stable and does not just cut off outliers, and why.

    Parameters
    ----------
    table : customer_id and numeric features, one row a customer
    candidates : numbers of segments to try, 2 or more; those above the number of different customers are left out
    log : as in `KMeansSegments`
    n_boot : bootstrap samples of customers for each number, 10 or more; 30 settles the second digit
    seed : seed of samples and starts

    Returns
    -------
    NumberOfSegments

    Raises
    ------
    TableError : when the table is no table of features, or no candidate is possible.

    Notes
    -----
    Of more than 3,000 customers, 3,000 drawn by `seed` are used.
    *Stability*: customers are drawn with replacement, clustered again, and everybody is assigned to the new
    centres; each old segment A is compared with the most similar new one B by Jaccard |A and B| / |A or B|. The
    mean over the samples is the segment's stability, the lowest over the segments counts. A value of .75 or more is
    usually called stable; here the lower end of its one-sided 95 % interval must reach it. Where a number is not
    stable, samples fall for different, nearly equally good groupings, and the mean of 30 samples has itself a
    standard error of .03 to .04; more samples narrow that, better searches do not raise the mean.
    *Outliers*: a segment is one of outliers when at least half of its customers lie more than three interquartile
    ranges outside the middle half of some feature (after log and scaling; a feature whose middle half is one value is
    not judged). *Size*: the smallest segment must hold 2 % of the customers.
    *Choice*: where a passing number has a silhouette of .7 or more ("strong structure"), groups lie apart and the
    number with the highest silhouette is taken. Otherwise customers form a continuum, any segments are slices of
    it, and the largest passing number is taken whose mean is .85 or more ("highly stable"), or else the largest that
    passes: a finer slicing that is as stable says more. When none passes, the stablest is taken and the reason says
    so. The highest silhouette alone would often cut off outliers, and the gap
    (10 uniform reference samples in the box of the features) often grows without end; both are shown to compare.

    References
    ----------
    Hennig (2007), Cluster-wise assessment of cluster stability. Kaufman and Rousseeuw (1990), table 4 of chapter 2
    (silhouettes). Tibshirani, Walther
    and Hastie (2001), the gap statistic, section 3. Hubert and Arabie (1985), the adjusted Rand index. Tukey (1977).
    """
    z = _sample(_standardised(table, log), seed)
    different = len(np.unique(z, axis=0))
    possible = sorted({int(k) for k in candidates if 2 <= k <= different})
    if not possible:
        raise TableError(
            f"{len(table):,} customer(s), of whom {different:,} differ, cannot be split into 2 or more segments: "
            "take a longer period, or give candidates from 2 up"
        )
    trial = _Trial(z, n_boot, seed)
    with one_thread():
        rows = pd.DataFrame([trial.judge(k) for k in possible])
    rows["verdict"] = rows.apply(_verdict, axis=1)
    return NumberOfSegments(*_pick(rows), len(z), rows)


def _standardised(table: pd.DataFrame, log: bool) -> np.ndarray:
    feature_names(table)
    return KMeansSegments(log=log).standardise(table.sort_values("customer_id"))


def _sample(z: np.ndarray, seed: int) -> np.ndarray:
    if len(z) <= SAMPLE:
        return z
    return z[np.sort(np.random.default_rng(seed).choice(len(z), SAMPLE, replace=False))]


@dataclass(frozen=True)
class _Trial:
    """The standardised customers and what every number of segments is judged by."""

    z: np.ndarray
    n_boot: int
    seed: int

    @cached_property
    def far(self) -> np.ndarray:
        return cdist(self.z, self.z)

    @cached_property
    def references(self) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        return [
            rng.uniform(self.z.min(axis=0), self.z.max(axis=0), self.z.shape) for _ in range(10)
        ]

    def judge(self, k: int) -> dict[str, float]:
        centers = best_centers(self.z, k, seed=self.seed)
        label = nearest(self.z, centers)
        inertia = _inertia(self.z, centers)
        return {
            "n_segments": k,
            "inertia": inertia,
            "silhouette": silhouette(self.far, label, k),
            **self.gap(inertia, k),
            "smallest_share": np.bincount(label, minlength=k).min() / len(self.z),
            **self.stability(label, k),
            "outlier_share": _outlier_share(self.z, label, k),
        }

    def stability(self, label: np.ndarray, k: int) -> dict[str, float]:
        rng, n = np.random.default_rng(self.seed), len(self.z)
        tables = [
            overlap(label, self.again(rng.integers(0, n, n), k, rng), k) for _ in range(self.n_boot)
        ]
        matches = np.array([jaccard_matches(both) for both in tables])
        worst = matches[:, matches.mean(axis=0).argmin()]
        low = worst.mean() - 1.645 * worst.std(ddof=1) / np.sqrt(self.n_boot)
        ari = np.mean([adjusted_rand(both) for both in tables])
        return {
            "jaccard": float(worst.mean()),
            "jaccard_low": float(max(low, 0)),
            "ari": float(ari),
        }

    def again(self, drawn: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """Everybody's segment by centres learned from the drawn customers; who is drawn twice weighs twice."""
        times = np.bincount(drawn, minlength=len(self.z)).astype(float)
        z, weight = self.z[times > 0], times[times > 0]
        size = k if len(z) > _MANY else min(k, len(np.unique(z, axis=0)))
        return nearest(
            self.z,
            good_centers(z, size, seed=int(rng.integers(2**31)), starts=_STARTS, weight=weight),
        )

    def gap(self, inertia: float, k: int) -> dict[str, float]:
        """The references are alike, so the best centres of the first are where the search in the others starts."""
        start = good_centers(self.references[0], k, seed=self.seed, starts=_STARTS)
        uniform = [_inertia(r, settle(r, start, tol=TOL)) for r in self.references]
        spread = np.log(np.maximum(uniform, 1e-300))
        gap = spread.mean() - np.log(inertia) if inertia > 0 else np.nan
        return {"gap": float(gap), "gap_se": float(spread.std() * np.sqrt(1 + 1 / len(spread)))}


def overlap(label: np.ndarray, again: np.ndarray, k: int) -> np.ndarray:
    """Customers by segment (rows) and segment of another labelling (columns), both numbered 0 to `k` - 1."""
    return np.bincount(label * k + again, minlength=k * k).reshape(k, k)


def jaccard_matches(both: np.ndarray) -> np.ndarray:
    """For each row segment of an `overlap`, its Jaccard similarity to the most similar column segment.

    >>> jaccard_matches(overlap(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), 2)).round(3).tolist()
    [0.667, 0.5]
    """
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    return (both / np.maximum(either, 1)).max(axis=1)


def adjusted_rand(both: np.ndarray) -> float:
    """The adjusted Rand index of an `overlap`: 1 for equal labellings, 0 on average for unrelated ones.

    >>> adjusted_rand(np.diag([3, 2]))
    1.0
    """
    pairs, rows, columns, total = (
        float((n * (n - 1) / 2).sum())
        for n in (both, both.sum(axis=1), both.sum(axis=0), both.sum())
    )
    expected, most = rows * columns / max(total, 1), (rows + columns) / 2
    return (pairs - expected) / (most - expected) if most > expected else 1.0


def silhouette(far: np.ndarray, label: np.ndarray, k: int) -> float:
    """Mean silhouette from a matrix of distances; a segment of one customer counts 0."""
    member = np.eye(k)[label]
    size = member.sum(axis=0)
    total = far @ member
    own = np.take_along_axis(total, label[:, None], 1)[:, 0] / np.maximum(size[label] - 1, 1)
    other = np.where(member == 1, np.inf, total / np.maximum(size, 1)).min(axis=1)
    width = (other - own) / np.maximum(np.maximum(own, other), 1e-300)
    return float(np.where(size[label] > 1, width, 0).mean())


def _inertia(z: np.ndarray, centers: np.ndarray) -> float:
    return float(((z - centers[nearest(z, centers)]) ** 2).sum())


def _outlier_share(z: np.ndarray, label: np.ndarray, k: int) -> float:
    first, third = np.quantile(z, [0.25, 0.75], axis=0)
    width = third - first
    judged = width > 0
    outside = ((z < first - 3 * width) | (z > third + 3 * width))[:, judged].any(axis=1)
    return float((np.bincount(label, outside, k) / np.bincount(label, minlength=k).clip(1)).max())


def _verdict(row: pd.Series) -> str:
    faults = []
    if row.jaccard_low < STABLE:
        faults.append("not stable")
    if row.outlier_share >= OUTLIERS:
        faults.append("cuts off outliers")
    if row.smallest_share < SMALLEST:
        faults.append("smallest too small")
    return ", ".join(faults) or "passes"


def _pick(rows: pd.DataFrame) -> tuple[int, str]:
    passing = rows[rows.verdict == "passes"]
    if passing.empty:
        best = rows.loc[rows.jaccard.idxmax()]
        return int(best.n_segments), (
            f"no number of segments passes the rule; {int(best.n_segments)} is the stablest "
            f"(lowest Jaccard {best.jaccard:.2f}, {best.verdict}). Use the rule-based RFM segments rather"
        )
    found = (
        "(lowest Jaccard {0.jaccard:.2f}, at least {0.jaccard_low:.2f}; "
        + f"{STABLE:.2f} is called stable, {FIRM:.2f} very)"
    )
    apart = passing[passing.silhouette >= APART]
    if len(apart):
        best = apart.loc[apart.silhouette.idxmax()]
        return int(best.n_segments), (
            f"{int(best.n_segments)} groups lie clearly apart (silhouette {best.silhouette:.2f}; {APART:.2f} or more "
            f"is called strong) and come back in new samples of the customers {found.format(best)}"
        )
    firm = passing[passing.jaccard >= FIRM]
    best = (firm if len(firm) else passing).iloc[-1]
    finer = rows[rows.n_segments > best.n_segments].replace({"verdict": {"passes": "less stable"}})
    rest = "; ".join(f"{int(row.n_segments)}: {row.verdict}" for row in finer.itertuples())
    return int(best.n_segments), (
        f"no grouping is sharply separated (silhouette at most {passing.silhouette.max():.2f}; {APART:.2f} or more is "
        f"called strong), so segments are useful slices rather than separate kinds of customers; "
        f"{int(best.n_segments)} is the largest number whose every slice comes back in new samples of the customers "
        f"{found.format(best)} and is not made of outliers" + (f" ({rest})" if rest else "")
    )
