"""How many segments, and would another method find others: fit, separation and stability, and a
rule that says why.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.mixture import GaussianMixture

from personalize.segmentation.kmeans import (
    KMeansSegments,
    nearest,
    one_thread,
    search,
    standardised,
)
from personalize.tables import TableError, Unavailable

SAMPLE = 3_000
STABLE, FIRM = 0.75, 0.85
APART = 0.7
OUTLIERS = 0.5
SMALLEST = 0.02
_STARTS, _AGAIN = 10, 3  # of the search in all customers, and of that in each sample
_MANY = 500  # customers from which a sample is sure to hold enough different ones
_METHODS_SAMPLE, _METHODS_BOOT = 800, 10


@dataclass(frozen=True)
class NumberOfSegments:
    """The number of segments that the rule picks, the reason in words, and the table it was picked
    from.

    Attributes
    ----------
    n_segments : the choice
    reason : one sentence
    n_used, n_boot : customers the table was computed on, and samples of them for each number
    """

    n_segments: int
    reason: str
    n_used: int
    n_boot: int
    _rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a number of segments.

        Columns: n_segments; inertia; silhouette (-1 to 1); gap and gap_se; smallest_share of
        customers; jaccard (of the least stable segment, 0 to 1) with its 90 % interval jaccard_low,
        jaccard_high; ari (0 to 1); outlier_share (in the segment that has most); verdict.
        """
        return self._rows.copy()

    @property
    def caption(self) -> str:
        """What the table was computed on."""
        return (
            f"What each number of clusters would give ({self.n_used:,} customers, "
            f"{self.n_boot} samples each)"
        )

    def reading(self) -> str:
        """The choice and its reason in words."""
        return f"The rule takes **{self.n_segments}**: {self.reason}."


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
    candidates : numbers of segments to try, 2 or more; those above the number of different
        customers are left out
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
    *Stability*: customers are drawn with replacement, clustered again, and everybody is assigned to
    the new centres; each old segment A is compared with the most similar new one B by Jaccard |A
    and B| / |A or B|. The mean over the samples is the segment's stability, the lowest over the
    segments counts. A value of .75 or more is usually called stable; here the lower end of its
    one-sided 95 % interval must reach it. Where a number is not stable, samples fall for different,
    nearly equally good groupings, and the mean of 30 samples has itself a standard error of .03 to
    .04; more samples narrow that, better searches do not raise the mean.
    *Outliers*: a segment is one of outliers when at least half of its customers lie more than three
    interquartile ranges outside the middle half of some feature (after log and scaling; a feature
    whose middle half is one value is not judged). *Size*: the smallest segment must hold 2 % of the
    customers.
    *Choice*: where a passing number has a silhouette of .7 or more ("strong structure"), groups lie
    apart and the number with the highest silhouette is taken. Otherwise customers form a continuum,
    any segments are slices of it, and the largest passing number is taken whose mean is .85 or more
    ("highly stable"), or else the largest that passes: a finer slicing that is as stable says more.
    When none passes, the stablest is taken and the reason says so. The highest silhouette alone
    would often cut off outliers, and the gap (10 uniform reference samples in the box of the
    features) often grows without end; both are shown to compare.

    References
    ----------
    Hennig (2007), Cluster-wise assessment of cluster stability. Kaufman and Rousseeuw (1990), table
    4 of chapter 2 (silhouettes). Tibshirani, Walther
    and Hastie (2001), the gap statistic, section 3. Hubert and Arabie (1985), the adjusted Rand
    index. Tukey (1977).
    """
    z = standardised(table, log=log)
    if len(z) > SAMPLE:
        drawn = np.random.default_rng(seed).choice(len(z), SAMPLE, replace=False)
        z = z[np.sort(drawn)]
    different = len(pd.DataFrame(z).drop_duplicates())
    possible = sorted({int(k) for k in candidates if 2 <= k <= different})
    if not possible:
        raise TableError(
            f"{len(table):,} customer(s), of whom {different:,} differ, cannot be split into 2 or "
            "more segments: take a longer period, or give candidates from 2 up"
        )
    trial = _Trial(z, n_boot, seed)
    with one_thread():
        rows = pd.DataFrame([trial.judge(k) for k in possible])
    rows["verdict"] = rows.apply(_verdict, axis=1)
    return NumberOfSegments(*_pick(rows), len(z), n_boot, rows)


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
        low, high = self.z.min(axis=0), self.z.max(axis=0)
        return [rng.uniform(low, high, self.z.shape) for _ in range(10)]

    def judge(self, k: int) -> dict[str, float]:
        found = search(self.z, k, n_init=_STARTS, tol=0.0, random_state=self.seed)
        label, inertia = found.labels_, found.inertia_
        return {
            "n_segments": k,
            "inertia": inertia,
            "silhouette": _silhouette(self.far, label),
            **self.gap(inertia, k),
            "smallest_share": np.bincount(label, minlength=k).min() / len(self.z),
            **self.stability(label, k),
            "outlier_share": self.outlier_share(label),
        }

    def stability(self, label: np.ndarray, k: int) -> dict[str, float]:
        rng, n = np.random.default_rng(self.seed), len(self.z)
        matches, agreement = np.empty((self.n_boot, k)), np.empty(self.n_boot)
        for at in range(self.n_boot):
            again = self.again(rng.integers(0, n, n), k, int(rng.integers(2**31)))
            matches[at] = _jaccard(label, again)
            agreement[at] = adjusted_rand_score(label, again)
        worst = matches[:, matches.mean(axis=0).argmin()]
        middle, half = worst.mean(), 1.645 * worst.std(ddof=1) / np.sqrt(self.n_boot)
        return {
            "jaccard": middle,
            "jaccard_low": max(middle - half, 0.0),
            "jaccard_high": min(middle + half, 1.0),
            "ari": agreement.mean(),
        }

    def again(self, drawn: np.ndarray, k: int, seed: int) -> np.ndarray:
        """Everybody's segment by centres learned from the drawn customers; who is drawn twice
        weighs twice.
        """
        times = np.bincount(drawn, minlength=len(self.z))
        z, weight = self.z[times > 0], times[times > 0]
        size = k if len(z) > _MANY else min(k, len(np.unique(z, axis=0)))
        found = search(z, size, weight=weight, n_init=_AGAIN, random_state=seed)
        return nearest(self.z, found.cluster_centers_)

    def gap(self, inertia: float, k: int) -> dict[str, float]:
        """The references are alike, so the best centres of the first are where the search in the
        others starts.
        """
        start = search(self.references[0], k, n_init=_AGAIN, random_state=self.seed)
        uniform = []
        for reference in self.references:
            settled = search(reference, k, init=start.cluster_centers_, n_init=1)
            uniform.append(settled.inertia_)
        spread = np.log(np.maximum(uniform, 1e-300))
        gap = spread.mean() - np.log(inertia) if inertia > 0 else np.nan
        return {"gap": gap, "gap_se": spread.std() * np.sqrt(1 + 1 / len(spread))}

    def outlier_share(self, label: np.ndarray) -> float:
        first, third = np.quantile(self.z, [0.25, 0.75], axis=0)
        width = third - first
        outside = (self.z < first - 3 * width) | (self.z > third + 3 * width)
        odd = outside[:, width > 0].any(axis=1)
        return float(pd.Series(odd).groupby(label).mean().max())


def _jaccard(label: np.ndarray, again: np.ndarray) -> np.ndarray:
    """For each segment of a labelling, its Jaccard similarity to the most similar segment of
    another.

    >>> _jaccard(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1])).round(3).tolist()
    [0.667, 0.5]
    """
    both = contingency_matrix(label, again)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    return (both / either).max(axis=1)


def _silhouette(far: np.ndarray, label: np.ndarray) -> float:
    """Mean silhouette; 0 where everybody is alone, or all are together."""
    if 1 < len(np.unique(label)) < len(label):
        return float(silhouette_score(far, label, metric="precomputed"))
    return 0.0


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
            f"no number of segments passes the rule; {best.n_segments} is the stablest (lowest "
            f"Jaccard {best.jaccard:.2f}, {best.verdict}). Use the rule-based RFM segments rather"
        )
    apart = passing[passing.silhouette >= APART]
    if len(apart):
        best = apart.loc[apart.silhouette.idxmax()]
        return int(best.n_segments), (
            f"{best.n_segments} groups lie clearly apart (silhouette {best.silhouette:.2f}; "
            f"{APART:.2f} or more is called strong) and come back in new samples of the customers "
            f"{_firmness(best)}"
        )
    firm = passing[passing.jaccard >= FIRM]
    best = firm.iloc[-1] if len(firm) else passing.iloc[-1]
    return int(best.n_segments), (
        f"no grouping is sharply separated (silhouette at most {passing.silhouette.max():.2f}; "
        f"{APART:.2f} or more is called strong), so segments are useful slices rather than "
        f"separate kinds of customers; {best.n_segments} is the largest number whose every "
        f"slice comes back in new samples of the customers {_firmness(best)} and is not made of "
        f"outliers{_finer(rows[rows.n_segments > best.n_segments])}"
    )


def _firmness(best: pd.Series) -> str:
    return (
        f"(lowest Jaccard {best.jaccard:.2f}, at least {best.jaccard_low:.2f}; "
        f"{STABLE:.2f} is called stable, {FIRM:.2f} very)"
    )


def _finer(rows: pd.DataFrame) -> str:
    """Why no larger number was taken."""
    verdicts = rows.verdict.replace("passes", "less stable")
    told = rows.n_segments.astype(str) + ": " + verdicts
    return f" ({'; '.join(told)})" if len(told) else ""


def compare_methods(
    table: pd.DataFrame, clusters: KMeansSegments, *, seed: int = 0
) -> pd.DataFrame:
    """The same number of groups found by three methods on one sample of the customers.

    Parameters
    ----------
    table : customer_id and the features of the fitted clusters
    clusters : fitted `KMeansSegments`; its scaler, features and number of segments are used
    seed : seed of the sample (800 customers where there are more), the starts and the repeated
        samples

    Returns
    -------
    DataFrame, one row a method: method, silhouette, smallest_share, agreement (adjusted Rand index
    with the k-means
        clusters of all customers), jaccard (of the least stable group in 10 bootstrap samples; a
        customer who was not drawn joins the group of the nearest who was, where a method cannot
        assign), assigns (whether a new customer can be placed without clustering again)

    Raises
    ------
    Unavailable : when there are fewer than 10 different customers a group.

    References
    ----------
    McLachlan and Peel (2000), finite mixtures: full covariances, started from k-means. Ward (1963),
    hierarchical grouping.
    """
    ordered = table.sort_values("customer_id", ignore_index=True)
    drawn = np.random.default_rng(seed).permutation(len(ordered))[:_METHODS_SAMPLE]
    sample = ordered.iloc[np.sort(drawn)]
    z, label = clusters.scaled(sample), clusters.predict(sample)
    k = len(clusters.centers_)
    if len(np.unique(z, axis=0)) < 10 * k:
        raise Unavailable(
            f"{len(z):,} customers are too few to compare methods at {k} groups: "
            "10 a group are needed"
        )
    rows = []
    with one_thread():
        for name, place in _METHODS.items():
            found = _one_method(z, lambda learn, place=place: place(learn, z, k, seed), seed)
            agreement = adjusted_rand_score(label, found.pop("label"))
            rows.append({"method": name, **found, "agreement": agreement})
    columns = ["method", "silhouette", "smallest_share", "agreement", "jaccard"]
    found = pd.DataFrame(rows)[columns]
    return found.assign(assigns=found.method != "hierarchy (Ward)")


def _one_method(z: np.ndarray, place: Callable, seed: int) -> dict[str, Any]:
    """What a method finds, and how stable; `place(learn)` says where everybody belongs by what was
    learned.
    """
    label, rng = place(z), np.random.default_rng(seed)
    matches = []
    for _ in range(_METHODS_BOOT):
        again = place(z[rng.integers(0, len(z), len(z))])
        matches.append(_jaccard(label, again))
    return {
        "label": label,
        "silhouette": _silhouette(cdist(z, z), label),
        "smallest_share": np.bincount(label).min() / len(z),
        "jaccard": np.mean(matches, axis=0).min(),
    }


def _by_kmeans(learn: np.ndarray, z: np.ndarray, k: int, seed: int) -> np.ndarray:
    return nearest(z, search(learn, k, n_init=10, random_state=seed).cluster_centers_)


def _by_mixture(learn: np.ndarray, z: np.ndarray, k: int, seed: int) -> np.ndarray:
    return GaussianMixture(k, reg_covar=1e-3, tol=1e-2, random_state=seed).fit(learn).predict(z)


def _by_hierarchy(learn: np.ndarray, z: np.ndarray, k: int, seed: int) -> np.ndarray:
    grouped = AgglomerativeClustering(k, linkage="ward").fit_predict(learn)
    return grouped[cdist(z, learn).argmin(axis=1)]


_METHODS: dict[str, Callable[..., np.ndarray]] = {
    "k-means": _by_kmeans,
    "Gaussian mixture": _by_mixture,
    "hierarchy (Ward)": _by_hierarchy,
}
