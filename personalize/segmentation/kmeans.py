"""Segments found by k-means on features that were log-transformed and standardised."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from personalize.segmentation import deployment
from personalize.tables import TableError, require_fitted

SEED_SAMPLE = 20_000
STARTS = 30
TOL = 1e-4


class KMeansSegments(deployment.Saved, ClusterMixin, BaseEstimator):
    """Customers grouped by k-means, numbered from the highest mean spend (1) to the lowest.

    Parameters
    ----------
    n_segments : number of clusters, 1 or more (see `choose_n_segments`)
    log : take log1p of every feature before standardising (sign kept for values below 0); money and
        counts are so skewed that without it k-means cuts off outliers
    seed : seed of the starts, 0 or more

    Attributes
    ----------
    features_ : names of the feature columns, in order
    constant_ : those among them that were equal for all customers; they cannot separate anybody and
        weigh nothing
    mean_, scale_ : of the (log) features
    centers_ : array n_segments x features, standardised
    inertia_ : sum of squared distances to the nearest centre
    labels_ : cluster of each fitted customer, in the order given
    n_customers_ : customers fitted

    Notes
    -----
    Minimises the sum over customers of ||z - c(z)||^2, where z is the standardised feature vector
    and c(z) the nearest of `n_segments` centres: scikit-learn's KMeans until nothing moves, best of
    30 k-means++ starts, so that another seed finds the same clusters. Above 20,000 customers the
    start is the best on a sample of 20,000 drawn by `seed`, refined on all until the centres hardly
    move. Customers are put in the order of their id and sums are taken in that order in one thread,
    so the result depends on neither row order nor threads. Clusters are numbered by mean
    `monetary`, or by the last feature where there is none. Missing values are refused.
    *In a pipeline*: a table without customer_id is known by its index, an array by the numbers of
    its rows.
    *On disk*: `save(path)` writes scaler and centres as JSON, `KMeansSegments.load(path)` assigns
    customers exactly as the saved object did. *In the engine*: `sql(relation)` writes the
    assignment as a query.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM. Arthur and Vassilvitskii (2007), k-means++.

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(6), "recency_days": [1, 2, 1, 90, 80, 99],
    ...                     "frequency": [20, 25, 22, 1, 2, 1],
    ...                     "monetary": [900.0, 800, 950, 10, 20, 15]})
    >>> KMeansSegments(n_segments=2).fit(rfm).assign(rfm).cluster.tolist()
    [1, 1, 1, 2, 2, 2]
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> steps = make_pipeline(StandardScaler(), KMeansSegments(2, log=False))
    >>> steps.fit_predict(rfm.set_index("customer_id")).tolist()
    [1, 1, 1, 2, 2, 2]
    """

    KIND: ClassVar[str] = "kmeans_segments"
    KEYS: ClassVar[tuple[str, ...]] = (
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

    def fit(self, table: Any, y: Any = None) -> "KMeansSegments":
        """Find the clusters in a table of customer_id and numeric features (`features.rfm` gives
        one), or an array.

        Raises
        ------
        TableError : when a feature is not numeric, has gaps, or there are fewer different customers
            than clusters.
        """
        ids, features = customers_and_features(table)
        order = np.argsort(ids, kind="stable")
        z = self._learn_scale(features.iloc[order])
        different = len(pd.DataFrame(z).drop_duplicates())
        if self.n_segments not in range(1, different + 1):
            raise TableError(
                f"n_segments = {self.n_segments} cannot be found in {len(z):,} customer(s), of "
                f"whom {different:,} differ: choose 1 to {different}, or take a longer period"
            )
        with one_thread():
            centers = best_centers(z, self.n_segments, seed=self.seed)
        spend = features["monetary" if "monetary" in features else self.features_[-1]]
        label = nearest(z, centers)
        means = pd.Series(spend.to_numpy(float)[order]).groupby(label).mean()
        best_first = np.lexsort((*centers.T, -means.reindex(range(len(centers)), fill_value=0)))
        self.centers_, self.n_customers_ = centers[best_first], len(z)
        self.inertia_ = float(((z - centers[label]) ** 2).sum())
        self.labels_ = np.empty(len(z), np.int64)
        self.labels_[order] = np.argsort(best_first)[label] + 1
        return self

    def predict(self, table: Any) -> np.ndarray:
        """The cluster of each customer, new ones included: the number of the nearest centre,
        nothing is learned.
        """
        return nearest(self.scaled(table), self.centers_) + 1

    def assign(self, table: pd.DataFrame) -> pd.DataFrame:
        """The same as a table.

        Returns
        -------
        DataFrame, one row a customer in the order given: customer_id, cluster (1 = highest mean
        spend when fitted)
        """
        cluster = self.predict(table)
        return pd.DataFrame({"customer_id": customers_and_features(table)[0], "cluster": cluster})

    def scaled(self, table: Any) -> np.ndarray:
        """The features as the clusters see them: logs, by the mean and scale of the customers
        fitted.
        """
        require_fitted(self, "centers_")
        features = customers_and_features(table)[1]
        missing = [name for name in self.features_ if name not in features.columns]
        if missing:
            raise TableError(
                f"the table lacks {missing}, which the clusters use. "
                f"Present: {list(features.columns)}"
            )
        return (self._values(features[self.features_]) - self.mean_) / self.scale_

    def sql(self, relation: str) -> str:
        """A query that assigns the customers of a relation inside the engine: customer_id, cluster,
        as `assign` gives.

        Parameters
        ----------
        relation : name of a relation, or a query in brackets, with customer_id and the features; a
            customer who lacks a number has no cluster (NULL)

        Examples
        --------
        >>> from personalize.engine import DuckDB
        >>> table = pd.DataFrame({"customer_id": range(4), "monetary": [9.0, 8, 1, 2]})
        >>> engine = DuckDB()
        >>> query = KMeansSegments(n_segments=2).fit(table).sql(engine.register("customers", table))
        >>> engine.frame(query + " order by customer_id").cluster.tolist()
        [1, 1, 2, 2]
        """
        require_fitted(self, "centers_")
        z = deployment.standardised(self.features_, self.mean_, self.scale_, log=self.log)
        return deployment.nearest_center(z, self.centers_, relation)

    def table(self) -> pd.DataFrame:
        """One row a cluster: its number and its centre in the features' own units (with `log`: a
        geometric middle).
        """
        require_fitted(self, "centers_")
        centers = self.centers_ * self.scale_ + self.mean_
        if self.log:
            centers = np.sign(centers) * np.expm1(np.abs(centers))
        found = pd.DataFrame(centers, columns=self.features_)
        found.insert(0, "cluster", range(1, len(found) + 1))
        return found

    def state(self) -> dict[str, Any]:
        """Parameters, scaler and centres as plain values."""
        require_fitted(self, "centers_")
        learned = {}
        for name in self.KEYS[3:]:
            learned[name] = getattr(self, f"{name}_")
        return {**self.get_params(), **learned}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "KMeansSegments":
        """The segments that `state` describes."""
        found = cls.complete(state)
        self = cls(found["n_segments"], log=found["log"], seed=found["seed"])
        self.features_, self.constant_ = found["features"], found["constant"]
        self.n_customers_ = found["n_customers"]
        self.mean_ = np.array(found["mean"], float)
        self.scale_ = np.array(found["scale"], float)
        self.centers_ = np.array(found["centers"], float)
        return self

    def _learn_scale(self, features: pd.DataFrame) -> np.ndarray:
        """Learn mean and scale of the features, and return them standardised, one row a
        customer.
        """
        raw = self._values(features)
        still = np.ptp(raw, axis=0) == 0
        self.features_ = features.columns.tolist()
        self.constant_ = features.columns[still].tolist()
        self.mean_ = raw.mean(axis=0)
        self.scale_ = np.where(still, 1.0, raw.std(axis=0))
        return (raw - self.mean_) / self.scale_

    def _values(self, features: pd.DataFrame) -> np.ndarray:
        raw = features.to_numpy(float)
        gaps = (~np.isfinite(raw)).sum(axis=0)
        if gaps.any():
            told = []
            for name, n in zip(features.columns, gaps, strict=True):
                if n:
                    told.append(f"{name}: {n:,} of {len(raw):,}")
            raise TableError(
                f"k-means needs a number for every customer; missing or infinite in "
                f"{', '.join(told)}. Fill them, or leave the column or these customers out"
            )
        return signed_log(raw) if self.log else raw


def standardised(table: Any, *, log: bool = True) -> np.ndarray:
    """The features as `KMeansSegments(log=log)` sees them when it learns, in the order of the
    ids.
    """
    ids, features = customers_and_features(table)
    ordered = features.iloc[np.argsort(ids, kind="stable")]
    return KMeansSegments(log=log)._learn_scale(ordered)


def customers_and_features(table: Any) -> tuple[np.ndarray, pd.DataFrame]:
    """The ids and the numeric features of a table, one row a customer; any other table is refused.

    Ids are the column customer_id or, without it, the index; the rows of an array are numbered.
    """
    if isinstance(table, np.ndarray) and table.ndim == 2:
        table = pd.DataFrame(table).add_prefix("x")
    if not isinstance(table, pd.DataFrame):
        raise TableError(
            f"segments need a table of customer_id and numeric features, not a "
            f"{type(table).__name__}: make one with pz.features.rfm(tables, as_of=...)"
        )
    named = "customer_id" in table.columns
    ids = table.customer_id if named else table.index.to_series()
    features = table.drop(columns="customer_id") if named else table
    numbers = features.select_dtypes(["number", "bool"]).columns
    words = features.columns.difference(numbers, sort=False).tolist()
    if words or features.columns.empty:
        raise TableError(
            f"segments need a table of customer_id and numeric features; not numeric: {words}. "
            f"Present: {list(table.columns)}. Make one with features.rfm, or encode the columns "
            "first"
        )
    if table.empty or ids.duplicated().any():
        raise TableError(
            f"one row a customer is needed: {len(table):,} rows, {ids.nunique():,} customers"
        )
    return ids.to_numpy(), features


def best_centers(z: np.ndarray, k: int, *, seed: int) -> np.ndarray:
    """Centres of the best of 30 runs, followed until nothing moves."""
    if len(z) <= SEED_SAMPLE:
        return search(z, k, n_init=STARTS, tol=0.0, random_state=seed).cluster_centers_
    drawn = np.random.default_rng(seed).choice(len(z), SEED_SAMPLE, replace=False)
    start = best_centers(z[np.sort(drawn)], k, seed=seed)
    return search(z, k, init=start, n_init=1).cluster_centers_


def search(z: np.ndarray, k: int, *, weight: np.ndarray | None = None, **settings: Any) -> KMeans:
    """scikit-learn's k-means, with as many iterations as it takes."""
    model = KMeans(k, max_iter=1000, **{"tol": TOL, **settings})
    return model.fit(z, sample_weight=weight)


def one_thread() -> threadpool_limits:
    """A `with` block in which linear algebra runs in one thread: faster at this size, and the same
    everywhere.
    """
    return threadpool_limits(limits=1)


def nearest(z: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Position of the nearest centre of each row; the first one on a tie."""
    return cdist(z, centers, "sqeuclidean").argmin(axis=1)


def signed_log(values: np.ndarray) -> np.ndarray:
    """log1p of the size of each value, its sign kept.

    >>> signed_log(np.array([-1.0, 0, 1])).round(3).tolist()
    [-0.693, 0.0, 0.693]
    """
    return np.sign(values) * np.log1p(np.abs(values))
