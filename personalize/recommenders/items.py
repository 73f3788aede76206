"""Recommenders from what is bought by the same people: item neighbours and the linear model EASE.

Both learn one weight a pair of products; a customer's score for a product is the sum of the weights of
what the customer bought. Two products that one single customer bought look perfectly alike, so both learn
only from products with enough buyers.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import spotrf, spotri

from personalize.recommenders.base import Recommender, Wanted, at_least
from personalize.recommenders.behaviour import check
from personalize.recommenders.history import History
from personalize.tables import TableError

__all__ = ["EASE", "ItemKNN"]

_BLOCK = 1024  # products compared at once
_DENSE = 4000  # products whose sparse weights are also held as a full array, of 64 MB at most


class _ItemWeights(Recommender):
    """Scores are sums of weights between products: `items_` (product numbers) and `weights_` (square)."""

    items_: np.ndarray
    weights_: Any

    def _learn(self, history: History) -> None:
        self.items_ = np.sort(self._choose(history))
        if len(self.items_) < 2:
            raise TableError(
                f"{type(self).__name__} found {len(self.items_)} product(s) with enough buyers among "
                f"{len(history.by_popularity):,} sold: it needs 2 or more; lower min_support, or use PersonalFrequency"
            )
        self._bought = history.matrix().astype(np.float32)[:, self.items_]
        self.weights_ = self._weigh(self._bought)
        small = sparse.issparse(self.weights_) and len(self.items_) <= _DENSE
        self._factor = self.weights_.toarray() if small else self.weights_  # the same sums, in a third of the time

    def _score(self, want: Wanted) -> sparse.csr_array:
        bought = self._bought[want.row]
        scores = bought @ self._factor
        scores = scores.toarray() if sparse.issparse(scores) else scores
        keep = (scores > 0) & want.allowed[self.items_]
        if want.repeat == "new":
            keep[np.repeat(np.arange(len(want.row)), np.diff(bought.indptr)), bought.indices] = False
        if want.repeat != "due":
            keep &= at_least(np.where(keep, scores, 0), want.k)
        place, col = np.nonzero(keep)
        indptr = np.r_[0, np.cumsum(keep.sum(axis=1))]
        shape = len(want.row), len(self.history_.products)
        return sparse.csr_array((scores[place, col], self.items_[col], indptr), shape=shape)

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """The product that contributed most to each score; "" for a product outside the model."""
        place = np.searchsorted(self.items_, col) % len(self.items_)
        known = np.flatnonzero((self.items_[place] == col) & (np.diff(self._bought.indptr)[row] > 0))
        reasons = np.full(len(row), "", dtype=object)
        if len(known):
            bought = self._bought[row[known]]
            part = self.weights_[bought.indices, np.repeat(place[known], np.diff(bought.indptr))]
            driver = bought.indices[_largest(np.asarray(part).ravel(), bought.indptr)]
            names = self.history_.names[self.items_[driver]]
            reasons[known] = [f"often bought by those who buy {name}" for name in names]
        return list(reasons)

    @abstractmethod
    def _choose(self, history: History) -> np.ndarray:
        """The numbers of the products to learn from."""

    @abstractmethod
    def _weigh(self, bought: sparse.csr_array) -> Any:
        """Weights, from a bought product (row) to a product to recommend (column)."""


class ItemKNN(_ItemWeights):
    """Products that share buyers with what the customer bought.

    Parameters
    ----------
    neighbours : similar products kept for each product, 1 or more
    min_support : fewest buyers of a product to learn from, 1 or more; in a small shop 4% of its customers
        are enough where that is less
    shrink : buyers added to the denominator, 0 or more; pulls similarities that rest on few buyers to 0

    Notes
    -----
    similarity(i, j) = n_ij / (sqrt(n_i n_j) + shrink), with n_ij the customers who bought both; score of i =
    sum of its similarity to the products bought. Without the floor this is worse than popularity: on
    groceries most products have a handful of buyers and look identical to whatever those buyers took.

    References
    ----------
    Sarwar, Karypis, Konstan, Riedl (2001), "Item-based collaborative filtering recommendation algorithms",
    WWW; Bell and Koren (2007), "Improved neighborhood-based collaborative filtering", KDD Cup (shrinkage).
    """

    def __init__(self, neighbours: int = 200, min_support: int = 100, shrink: float = 10) -> None:
        self.neighbours = neighbours
        self.min_support = min_support
        self.shrink = shrink

    def _check(self) -> None:
        check(self, neighbours=self.neighbours >= 1, min_support=self.min_support >= 1, shrink=self.shrink >= 0)

    def _choose(self, history: History) -> np.ndarray:
        floor = min(self.min_support, max(2, 0.04 * len(history.customers)))
        return np.flatnonzero(history.buyers >= floor)

    def _weigh(self, bought: sparse.csr_array) -> sparse.csr_array:
        by_item = bought.T.tocsr()
        size = np.sqrt(np.diff(by_item.indptr))
        blocks = range(0, len(size), _BLOCK)
        return sparse.csr_array(sparse.vstack([self._nearest(by_item, bought, size, i) for i in blocks]).T)

    def _nearest(self, by_item: Any, bought: Any, size: np.ndarray, start: int) -> sparse.csr_array:
        """Similarity of one block of products (rows) to their nearest products (columns)."""
        both = (by_item[start : start + _BLOCK] @ bought).toarray()
        both[np.arange(len(both)), start + np.arange(len(both))] = 0
        similar = both / (np.outer(size[start : start + _BLOCK], size) + self.shrink)
        return sparse.csr_array(np.where(at_least(similar, self.neighbours), similar, 0).astype(np.float32))


class EASE(_ItemWeights):
    """The best linear prediction of what a customer buys from everything else the customer bought.

    Parameters
    ----------
    l2 : ridge penalty, above 0; larger is more cautious. Choose it on a validation period
    max_items : learn from this many of the most bought products, 2 or more; the rest is left to popularity
    max_memory_mb : refuse to start when the estimate is above this

    Notes
    -----
    With G = X'X + l2 I for the customers x products matrix X of 0 and 1, and P its inverse, the weights are
    B_ij = -P_ij / P_jj and B_jj = 0. Time grows with the cube of the products and memory with the square:
    about 12 bytes x max_items squared (48 MB for 2,000; 62,000 products would need 46 GB).

    References
    ----------
    Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW, equation 8.
    """

    def __init__(self, l2: float = 500, max_items: int = 2000, max_memory_mb: float = 1000) -> None:
        self.l2 = l2
        self.max_items = max_items
        self.max_memory_mb = max_memory_mb

    def _check(self) -> None:
        check(self, l2=self.l2 > 0, max_items=self.max_items >= 2, max_memory_mb=self.max_memory_mb > 0)

    def _choose(self, history: History) -> np.ndarray:
        items = history.by_popularity[: self.max_items]
        self.memory_mb_ = 12 * len(items) ** 2 / 1e6
        if self.memory_mb_ > self.max_memory_mb:
            fits = int(np.sqrt(self.max_memory_mb * 1e6 / 12))
            raise TableError(
                f"EASE over {len(items):,} products needs about {self.memory_mb_:,.0f} MB, above max_memory_mb = "
                f"{self.max_memory_mb:,.0f}: set max_items={fits}, or raise the limit"
            )
        return items

    def _weigh(self, bought: sparse.csr_array) -> np.ndarray:
        gram = np.asfortranarray((bought.T @ bought).toarray(), dtype=np.float32)
        gram[np.diag_indices_from(gram)] += self.l2
        factor, bad = spotrf(gram, lower=1, overwrite_a=1)
        inverse, bad = spotri(factor, lower=1, overwrite_c=1) if not bad else (factor, bad)
        if bad:
            raise TableError(f"EASE cannot invert its matrix with l2 = {self.l2}: raise l2")
        below, diagonal = np.tril(inverse, -1), np.diag(inverse)
        weights = (below + below.T) / -diagonal
        weights[np.diag_indices_from(weights)] = 0
        return weights


def _largest(values: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Position of the largest value of each non-empty run, the first of equals."""
    best = np.repeat(np.maximum.reduceat(values, indptr[:-1]), np.diff(indptr))
    position = np.where(values == best, np.arange(len(values)), len(values))
    return np.minimum.reduceat(position, indptr[:-1])
