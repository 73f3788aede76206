"""Segments found by k-means on features that were log-transformed and standardised."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from personalize.segmentation import _artefact
from personalize.tables import TableError

SEED_SAMPLE = 20_000
STARTS = 30


class KMeansSegments(BaseEstimator):
    """Customers grouped by k-means, numbered from the highest mean spend (1) to the lowest.

    Parameters
    ----------
    n_segments : number of clusters, 1 or more (see `choose_n_segments`)
    log : take log1p of every feature before standardising (sign kept for values below 0); money and counts are
        so skewed that without it k-means cuts off outliers
    seed : seed of the starts

    Attributes
    ----------
    features_ : names of the feature columns, in order
    constant_ : those among them that were equal for all customers; they cannot separate anybody and weigh nothing
    mean_, scale_ : of the (log) features
    centers_ : array n_segments x features, standardised
    inertia_ : sum of squared distances to the nearest centre
    labels_ : cluster of each fitted customer, in the order given
    n_customers_ : customers fitted

    Notes
    -----
    Minimises the sum over customers of ||z - c(z)||^2, where z is the standardised feature vector and c(z) the
    nearest of `n_segments` centres: Lloyd's algorithm until nothing moves, best of 30 k-means++ starts, so that
    another seed finds the same clusters. Above 20,000 customers the start is the best on a sample of 20,000 drawn by
    `seed`, refined on all until the centres hardly move. Customers are put in the order of
    their id and the linear algebra runs in one thread, so the result depends on neither row order nor threads.
    Missing values are refused.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM. Arthur and Vassilvitskii (2007), k-means++.

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(6), "recency_days": [1, 2, 1, 90, 80, 99],
    ...                     "frequency": [20, 25, 22, 1, 2, 1], "monetary": [900.0, 800, 950, 10, 20, 15]})
    >>> KMeansSegments(n_segments=2).fit(rfm).assign(rfm).cluster.tolist()
    [1, 1, 1, 2, 2, 2]
    """

    def __init__(self, n_segments: int = 5, *, log: bool = True, seed: int = 0) -> None:
        self.n_segments = n_segments
        self.log = log
        self.seed = seed

    def fit(self, table: pd.DataFrame) -> "KMeansSegments":
        """Find the clusters in a table of customer_id and numeric features (`features.rfm` gives one).

        Raises
        ------
        TableError : when a feature is not numeric, has gaps, or there are fewer different customers than clusters.
        """
        ordered = table.sort_values("customer_id") if "customer_id" in table.columns else table
        z = self.standardise(ordered)
        different = len(np.unique(z, axis=0))
        if not 1 <= self.n_segments <= different:
            raise TableError(
                f"n_segments = {self.n_segments} cannot be found in {len(z):,} customer(s), of whom {different:,} "
                f"differ: choose 1 to {different}, or take a longer period"
            )
        with one_thread():
            centers = best_centers(z, self.n_segments, seed=self.seed)
        self._keep(ordered, z, centers)
        self.labels_ = self.assign(table).cluster.to_numpy()
        return self

    def _keep(self, ordered: pd.DataFrame, z: np.ndarray, centers: np.ndarray) -> None:
        """Number the clusters by mean spend and keep what describes them."""
        spend = ordered["monetary" if "monetary" in self.features_ else self.features_[-1]].to_numpy(float)
        label = nearest(z, centers)
        means = np.bincount(label, spend, len(centers)) / np.bincount(label, minlength=len(centers)).clip(1)
        self.centers_ = centers[np.lexsort((*centers.T, -means))]
        self.inertia_ = float(((z - self.centers_[nearest(z, self.centers_)]) ** 2).sum())
        self.n_customers_ = len(ordered)

    def standardise(self, table: pd.DataFrame) -> np.ndarray:
        """Learn mean and scale of the features, and return them standardised, one row a customer."""
        self.features_ = feature_names(table)
        raw = self._values(table)
        self.mean_, scale = raw.mean(axis=0), raw.std(axis=0)
        still = np.ptp(raw, axis=0) == 0
        self.constant_ = [name for name, flat in zip(self.features_, still, strict=True) if flat]
        self.scale_ = np.where(still, 1.0, scale)
        return (raw - self.mean_) / self.scale_

    def assign(self, table: pd.DataFrame) -> pd.DataFrame:
        """The cluster of each customer, new ones included: the nearest centre, nothing is learned.

        Returns
        -------
        DataFrame, one row a customer in the order given: customer_id, cluster (1 = highest mean spend when fitted)
        """
        if not hasattr(self, "centers_"):
            raise TableError("KMeansSegments is not fitted: call fit(table) first, or KMeansSegments.load(path)")
        if missing := [name for name in ("customer_id", *self.features_) if name not in table.columns]:
            raise TableError(f"the table lacks {missing}, which the clusters use. Present: {list(table.columns)}")
        z = (self._values(table) - self.mean_) / self.scale_
        return pd.DataFrame({"customer_id": table.customer_id.to_numpy(), "cluster": nearest(z, self.centers_) + 1})

    def table(self) -> pd.DataFrame:
        """One row a cluster: its number and its centre in the features' own units (with `log`: a geometric middle)."""
        centers = self.centers_ * self.scale_ + self.mean_
        units = np.sign(centers) * np.expm1(np.abs(centers)) if self.log else centers
        return pd.DataFrame({"cluster": range(1, len(units) + 1)} | dict(zip(self.features_, units.T, strict=True)))

    def distances(self) -> pd.DataFrame:
        """One row a cluster: its number and where its centre lies, in standard deviations from the average."""
        grid = dict(zip(self.features_, self.centers_.T, strict=True))
        return pd.DataFrame({"cluster": range(1, len(self.centers_) + 1)} | grid)

    def save(self, path: str | Path) -> Path:
        """Write scaler and centres as JSON; `KMeansSegments.load` assigns customers exactly as this object does."""
        learned = {
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "centers": self.centers_.tolist(),
        }
        known = {"features": self.features_, "constant": self.constant_, "n_customers": self.n_customers_}
        return _artefact.write(path, "kmeans_segments", {**self.get_params(), **known, **learned})

    @classmethod
    def load(cls, path: str | Path) -> "KMeansSegments":
        """Read saved segments; a file of another kind or version is refused with a TableError."""
        learned = {"mean", "scale", "centers"}
        found = _artefact.read(path, "kmeans_segments", learned | {"features", "constant", "n_customers"}
                               | {"n_segments", "log", "seed"})  # fmt: skip
        self = cls(found["n_segments"], log=found["log"], seed=found["seed"])
        self.features_, self.constant_, self.n_customers_ = (found[k] for k in ("features", "constant", "n_customers"))
        self.mean_, self.scale_, self.centers_ = (np.array(found[k]) for k in ("mean", "scale", "centers"))
        return self

    def _values(self, table: pd.DataFrame) -> np.ndarray:
        raw = table[self.features_].to_numpy(float)
        if gaps := {n: int(g) for n, g in zip(self.features_, (~np.isfinite(raw)).sum(axis=0), strict=True) if g}:
            told = ", ".join(f"{name}: {n:,} of {len(raw):,}" for name, n in gaps.items())
            raise TableError(f"k-means needs a number for every customer; missing or infinite in {told}. "
                             "Fill them, or leave the column or these customers out")  # fmt: skip
        return np.sign(raw) * np.log1p(np.abs(raw)) if self.log else raw


def feature_names(table: pd.DataFrame) -> list[str]:
    """The numeric columns besides customer_id; a table with other columns, or none, is refused."""
    names = [name for name in table.columns if name != "customer_id"]
    words = [name for name in names if not pd.api.types.is_numeric_dtype(table[name])]
    if "customer_id" not in table.columns or words or not names:
        raise TableError(
            f"segments need a table of customer_id and numeric features; not numeric: {words}. Present: "
            f"{list(table.columns)}. Make one with features.rfm, or encode the columns first"
        )
    if table.empty or table.customer_id.duplicated().any():
        raise TableError(
            f"one row a customer is needed: {len(table):,} rows, {table.customer_id.nunique():,} customers"
        )
    return names


def best_centers(z: np.ndarray, k: int, *, seed: int, starts: int = STARTS, tol: float = 0.0) -> np.ndarray:
    """Centres of the best of several k-means runs; call it inside `one_thread()` for equal results anywhere."""
    if len(z) <= SEED_SAMPLE:
        return KMeans(k, n_init=starts, tol=tol, random_state=seed).fit(z).cluster_centers_
    sample = z[np.sort(np.random.default_rng(seed).choice(len(z), SEED_SAMPLE, replace=False))]
    start = best_centers(sample, k, seed=seed, starts=starts, tol=tol)
    return KMeans(k, init=start, n_init=1).fit(z).cluster_centers_


def one_thread() -> threadpool_limits:
    """A `with` block in which linear algebra runs in one thread: faster at this size, and the same everywhere."""
    return threadpool_limits(limits=1)


def nearest(z: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Position of the nearest centre of each row; the first one on a tie."""
    distance = np.stack([((z - center) ** 2).sum(axis=1) for center in centers])
    return distance.argmin(axis=0)
