"""Would another way of clustering have found other groups? k-means beside a Gaussian mixture and a hierarchy."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from personalize.segmentation.choice import jaccard_matches, overlap, silhouette
from personalize.segmentation.clusters import KMeansSegments, good_centers, nearest, one_thread
from personalize.tables import TableError

_SAMPLE = 800
_N_BOOT = 10


def compare_methods(
    table: pd.DataFrame, clusters: KMeansSegments, *, seed: int = 0
) -> pd.DataFrame:
    """The same number of groups found by three methods on one sample of the customers.

    Parameters
    ----------
    table : customer_id and the features of the fitted clusters
    clusters : fitted `KMeansSegments`; its scaler, features and number of segments are used
    seed : seed of the sample (800 customers where there are more), the starts and the repeated samples

    Returns
    -------
    DataFrame, one row a method: method, silhouette, smallest_share, agreement (adjusted Rand index with the k-means
        clusters of all customers), jaccard (of the least stable group in 10 bootstrap samples; a customer who was
        not drawn joins the group of the nearest who was, where a method cannot assign), assigns (whether a new
        customer can be placed without clustering again)

    Raises
    ------
    TableError : when there are fewer than 10 different customers a group.

    References
    ----------
    McLachlan and Peel (2000), finite mixtures: full covariances, started from k-means. Ward (1963), hierarchical
    grouping.
    """
    ordered = table.sort_values("customer_id", ignore_index=True)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(ordered))[:_SAMPLE])
    sample = ordered.iloc[drawn]
    z, label = clusters.scaled(sample), clusters.assign(sample).cluster.to_numpy() - 1
    k = len(clusters.centers_)
    if len(np.unique(z, axis=0)) < 10 * k:
        raise TableError(
            f"{len(z):,} customers are too few to compare methods at {k} groups: 10 a group are needed"
        )
    far = cdist(z, z)
    with one_thread():
        rows = [_row(name, place, (z, far, label, k), seed) for name, place in _METHODS.items()]
    return pd.DataFrame(rows).assign(assigns=[name != "hierarchy (Ward)" for name in _METHODS])


def _row(name: str, place: Callable, data: tuple, seed: int) -> dict[str, object]:
    z, far, label, k = data
    found, rng = place(z, z, k, seed), np.random.default_rng(seed)
    again = [place(z[rng.integers(0, len(z), len(z))], z, k, seed) for _ in range(_N_BOOT)]
    matches = np.mean([jaccard_matches(overlap(found, other, k)) for other in again], axis=0)
    return {
        "method": name,
        "silhouette": silhouette(far, found, k),
        "smallest_share": np.bincount(found, minlength=k).min() / len(z),
        "agreement": adjusted_rand_score(label, found),
        "jaccard": float(matches.min()),
    }


def _by_kmeans(learn: np.ndarray, z: np.ndarray, k: int, seed: int) -> np.ndarray:
    return nearest(z, good_centers(learn, k, seed=seed, starts=10))


def _by_mixture(learn: np.ndarray, z: np.ndarray, k: int, seed: int) -> np.ndarray:
    return GaussianMixture(k, reg_covar=1e-3, tol=1e-2, random_state=seed).fit(learn).predict(z)


def _by_hierarchy(learn: np.ndarray, z: np.ndarray, k: int, seed: int) -> np.ndarray:
    grouped = AgglomerativeClustering(k, linkage="ward").fit_predict(learn)
    return grouped[cdist(z, learn).argmin(axis=1)]


_METHODS = {
    "k-means": _by_kmeans,
    "Gaussian mixture": _by_mixture,
    "hierarchy (Ward)": _by_hierarchy,
}
