"""Segments found by k-means on features that were log-transformed and standardised."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from personalize.segmentation import _artefact, scoring_sql
from personalize.tables import TableError

SEED_SAMPLE = 20_000
STARTS = 30
TOL = 1e-4
MOST = 1000
_BLOCK = 4096  # rows looked at together


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
    their id and sums are taken in that order in one thread, so the result depends on neither row order nor threads.
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

    STATE = (
        "n_segments",
        "log",
        "seed",
        "features",
        "constant",
        "n_customers",
        "mean",
        "scale",
        "centers",
    )

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
        features = feature_names(table)
        order = table.customer_id.argsort(kind="stable").to_numpy()
        ordered = table.iloc[order]
        z = self.standardise(ordered)
        different = count_different(z, self.n_segments)
        if not 1 <= self.n_segments <= different:
            raise TableError(
                f"n_segments = {self.n_segments} cannot be found in {len(z):,} customer(s), of whom {different:,} "
                f"differ: choose 1 to {different}, or take a longer period"
            )
        centers = best_centers(z, self.n_segments, seed=self.seed)
        spend = ordered["monetary" if "monetary" in features else features[-1]].to_numpy(float)
        self._keep(z, centers, spend, order)
        return self

    def _keep(
        self, z: np.ndarray, centers: np.ndarray, spend: np.ndarray, order: np.ndarray
    ) -> None:
        """Number the clusters by mean spend and keep what describes them."""
        label = nearest(z, centers)
        means = np.bincount(label, spend, len(centers)) / np.bincount(
            label, minlength=len(centers)
        ).clip(1)
        best_first = np.lexsort((*centers.T, -means))
        self.centers_, self.n_customers_ = centers[best_first], len(z)
        self.inertia_ = float(((z - centers[label]) ** 2).sum())
        self.labels_ = np.empty(len(z), np.int64)
        self.labels_[order] = np.argsort(best_first)[label] + 1

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
        z = self.scaled(table)
        return pd.DataFrame(
            {"customer_id": table.customer_id.to_numpy(), "cluster": nearest(z, self.centers_) + 1}
        )

    def scaled(self, table: pd.DataFrame) -> np.ndarray:
        """The features as the clusters see them: logs, by the mean and scale of the customers fitted."""
        self._require_fitted()
        if missing := [
            name for name in ("customer_id", *self.features_) if name not in table.columns
        ]:
            raise TableError(
                f"the table lacks {missing}, which the clusters use. Present: {list(table.columns)}"
            )
        return (self._values(table) - self.mean_) / self.scale_

    def sql(self, relation: str) -> str:
        """A query that assigns the customers of a relation inside the engine: customer_id, cluster, as `assign` gives.

        Parameters
        ----------
        relation : name of a relation, or a query in brackets, with customer_id and the features; a customer who
            lacks a number has no cluster (NULL)

        Examples
        --------
        >>> from personalize.engine import DuckDB
        >>> table = pd.DataFrame({"customer_id": range(4), "monetary": [9.0, 8, 1, 2]})
        >>> engine = DuckDB()
        >>> query = KMeansSegments(n_segments=2).fit(table).sql(engine.register("customers", table))
        >>> engine.frame(query + " order by customer_id").cluster.tolist()
        [1, 1, 2, 2]
        """
        self._require_fitted()
        z = scoring_sql.standardised(self.features_, self.mean_, self.scale_, log=self.log)
        return scoring_sql.nearest_center(list(z.values()), self.centers_, relation)

    def table(self) -> pd.DataFrame:
        """One row a cluster: its number and its centre in the features' own units (with `log`: a geometric middle)."""
        centers = self.centers_ * self.scale_ + self.mean_
        units = np.sign(centers) * np.expm1(np.abs(centers)) if self.log else centers
        return pd.DataFrame(
            {"cluster": range(1, len(units) + 1)} | dict(zip(self.features_, units.T, strict=True))
        )

    def distances(self) -> pd.DataFrame:
        """One row a cluster: its number and where its centre lies, in standard deviations from the average."""
        grid = dict(zip(self.features_, self.centers_.T, strict=True))
        return pd.DataFrame({"cluster": range(1, len(self.centers_) + 1)} | grid)

    def save(self, path: str | Path) -> Path:
        """Write scaler and centres as JSON; `KMeansSegments.load` assigns customers exactly as this object does."""
        return _artefact.write(path, "kmeans_segments", self.state())

    @classmethod
    def load(cls, path: str | Path) -> "KMeansSegments":
        """Read saved segments; a file of another kind or version is refused with a TableError."""
        return cls.of(_artefact.read(path, "kmeans_segments", set(cls.STATE)))

    def state(self) -> dict[str, Any]:
        """Parameters, scaler and centres as plain values; `KMeansSegments.of` makes the object again."""
        self._require_fitted()
        learned = {
            name: getattr(self, f"{name}_") for name in self.STATE if name not in self.get_params()
        }
        plain = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in learned.items()
        }
        return {**self.get_params(), **plain}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "KMeansSegments":
        """The segments that `state` describes."""
        self = cls(state["n_segments"], log=state["log"], seed=state["seed"])
        for name in ("features", "constant", "n_customers"):
            setattr(self, f"{name}_", state[name])
        self.mean_, self.scale_, self.centers_ = (
            np.array(state[k], float) for k in ("mean", "scale", "centers")
        )
        return self

    def _require_fitted(self) -> None:
        if not hasattr(self, "centers_"):
            raise TableError(
                "KMeansSegments is not fitted: call fit(table) first, or KMeansSegments.load(path)"
            )

    def _values(self, table: pd.DataFrame) -> np.ndarray:
        raw = table[self.features_].to_numpy(float)
        if gaps := {
            n: int(g)
            for n, g in zip(self.features_, (~np.isfinite(raw)).sum(axis=0), strict=True)
            if g
        }:
            told = ", ".join(f"{name}: {n:,} of {len(raw):,}" for name, n in gaps.items())
            raise TableError(f"k-means needs a number for every customer; missing or infinite in {told}. "
                             "Fill them, or leave the column or these customers out")  # fmt: skip
        if not self.log:
            return raw
        return np.log1p(raw) if raw.min(initial=0) >= 0 else np.sign(raw) * np.log1p(np.abs(raw))


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


def warm() -> None:
    """Compile the inner loops, or find them compiled: run once at set-up, so that no report waits for it."""
    settle(
        good_centers(np.array([[0.0], [1.0], [9.0]]), 2, seed=0, starts=1),
        np.array([[0.0]]),
        tol=0.0,
    )


def best_centers(z: np.ndarray, k: int, *, seed: int) -> np.ndarray:
    """Centres of the best of 30 runs, followed until nothing moves."""
    if len(z) <= SEED_SAMPLE:
        return good_centers(z, k, seed=seed, starts=STARTS, tol=0.0)
    sample = z[np.sort(np.random.default_rng(seed).choice(len(z), SEED_SAMPLE, replace=False))]
    return settle(z, best_centers(sample, k, seed=seed), tol=TOL)


def good_centers(
    z: np.ndarray,
    k: int,
    *,
    seed: int,
    starts: int,
    tol: float = TOL,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Centres of the best of several k-means++ starts, each followed as `settle` does."""
    from personalize.segmentation import kernels

    draws = np.random.default_rng(seed).random((starts, k, 2 + int(np.log(k))))
    weight = np.ones(len(z)) if weight is None else weight
    return kernels.best_of(
        np.ascontiguousarray(z.T), weight, draws, tol * z.var(axis=0).mean(), MOST
    )[0]


def settle(z: np.ndarray, start: np.ndarray, *, tol: float) -> np.ndarray:
    """Centres after Lloyd's iterations from `start`, until their squared moves are `tol` of the mean variance."""
    from personalize.segmentation import kernels

    columns, weight = np.ascontiguousarray(z.T), np.ones(len(z))
    return kernels.lloyd(columns, weight, start, tol * z.var(axis=0).mean(), MOST)[0]


def count_different(z: np.ndarray, enough: int) -> int:
    """How many different rows there are; the count stops when the first rows hold `enough` of them."""
    first = len(np.unique(z[:1000], axis=0))
    return first if first >= enough or len(z) <= 1000 else len(np.unique(z, axis=0))


def one_thread() -> threadpool_limits:
    """A `with` block in which linear algebra runs in one thread: faster at this size, and the same everywhere."""
    return threadpool_limits(limits=1)


def nearest(z: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Position of the nearest centre of each row; the first one on a tie."""
    label = np.empty(len(z), np.int64)
    for first in range(0, len(z), _BLOCK):
        block = z[first : first + _BLOCK].T
        squares = ((centers[:, [at]] - values) ** 2 for at, values in enumerate(block))
        label[first : first + _BLOCK] = sum(squares).argmin(axis=0)
    return label
