"""Recommenders from what is bought by the same people: item neighbours and the linear model EASE.

Both learn one weight a pair of products; a customer's score for a product is the sum of the weights
of what the customer bought. Two products that one single customer bought look perfectly alike, so
both learn only from products with enough buyers.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from personalize.recommenders.base import Range, Recommender, Wanted, at_least
from personalize.recommenders.history import History, csr
from personalize.tables import TableError, Unavailable, require_fitted

__all__ = ["EASE", "ItemKNN"]

_BLOCK = 1024  # products compared at once
_DENSE = 4000  # products whose sparse weights are held as a full array, of 64 MB at most


class _ItemWeights(Recommender):
    """Scores are sums of weights between products: `items_` (product numbers) and `weights_`."""

    items_: np.ndarray
    weights_: Any

    def _learn(self, history: History) -> None:
        self.items_ = np.sort(self._choose(history)).astype(np.int32)
        if len(self.items_) < 2:
            raise Unavailable(
                f"{type(self).__name__} found {len(self.items_)} product(s) with enough buyers "
                f"among "
                f"{len(history.by_popularity):,} sold: it needs 2 or more; lower min_support, or "
                f"use "
                "PersonalFrequency"
            )
        self._bought = history.matrix().astype(np.float32)[:, self.items_]
        self._known = self._describe(history)
        self.weights_ = self._weigh(self._known)

    def _score(self, want: Wanted) -> sparse.csr_array:
        scores = _dense(self._known[want.row] @ self.weights_)
        rows, each = len(want.row), len(self.items_)
        shape = rows, len(self.history_.products)
        return csr(scores.ravel(), np.tile(self.items_, rows), each * np.arange(rows + 1), shape)

    def for_basket(self, basket: Any, k: int = 10) -> pd.DataFrame:
        """What goes with the products of one basket, whoever it belongs to.

        Parameters
        ----------
        basket : product ids; those that the model has not learned are left out
        k : length of the list, 1 or more

        Returns
        -------
        DataFrame : rank, product_id, product (its name), score (sum of the weights from the
            products in the basket, above 0); empty where the model knows no product of the basket
        """
        require_fitted(self, "history_")
        number = self.history_.product_number(pd.Index(basket).unique())
        places = np.flatnonzero(np.isin(self.items_, number))
        total = _dense(self.weights_[places]).sum(axis=0).astype(np.float32)
        total[places] = 0
        best = np.lexsort([-self.history_.buyers[self.items_], -total])[:k]
        best = best[total[best] > 0]
        number = self.items_[best]
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(best) + 1),
                "product_id": self.history_.products[number],
                "product": self.history_.described.names[number],
                "score": total[best].astype(float),
            }
        )

    def _explain(self, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """The two purchases that weigh most in each score; "" for a product not learned."""
        place = np.searchsorted(self.items_, col) % len(self.items_)
        learned = (self.items_[place] == col) & (np.diff(self._bought.indptr)[row] > 0)
        known = np.flatnonzero(learned)
        reasons = np.full(len(row), "", dtype=object)
        if not len(known):
            return reasons
        bought = self._bought[row[known]]
        named = np.repeat(place[known], np.diff(bought.indptr))
        part = np.asarray(self.weights_[bought.indices, named]).ravel()
        names = self.history_.described.names[self.items_[bought.indices]]
        first = _largest(part, bought.indptr)
        part[first] = -np.inf
        second = _largest(part, bought.indptr)
        reasons[known] = "often bought by those who buy " + names[first]
        two = part[second] > 0
        reasons[known[two]] += " and " + names[second[two]]
        return reasons

    def _describe(self, history: History) -> sparse.csr_array:
        """What scores are computed from: the products bought, and further columns after them."""
        return self._bought

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
    min_support : fewest buyers of a product to learn from, 1 or more; in a small shop 4% of its
        customers are enough where that is less
    shrink : buyers added to the denominator, 0 or more; pulls similarities that rest on few buyers
        to 0

    Notes
    -----
    similarity(i, j) = n_ij / (sqrt(n_i n_j) + shrink), with n_ij the customers who bought both;
    score of i = sum of its similarity to the products bought. Without the floor this is worse than
    popularity: on groceries most products have a handful of buyers and look identical to whatever
    those buyers took.

    References
    ----------
    Sarwar, Karypis, Konstan, Riedl (2001), "Item-based collaborative filtering recommendation
    algorithms", WWW; Bell and Koren (2007), "Improved neighborhood-based collaborative filtering",
    KDD Cup (shrinkage).
    """

    ranges = {"neighbours": Range(1), "min_support": Range(1), "shrink": Range(0)}

    def __init__(self, neighbours: int = 200, min_support: int = 100, shrink: float = 10) -> None:
        self.neighbours = neighbours
        self.min_support = min_support
        self.shrink = shrink

    def _choose(self, history: History) -> np.ndarray:
        floor = min(self.min_support, max(2, 0.04 * len(history.customers)))
        return np.flatnonzero(history.buyers >= floor)

    def _weigh(self, bought: sparse.csr_array) -> Any:
        by_item = bought.T.tocsr()
        size = np.sqrt(np.diff(by_item.indptr))
        blocks = []
        for start in range(0, len(size), _BLOCK):
            both = (by_item[start : start + _BLOCK] @ bought).toarray()
            np.fill_diagonal(both[:, start:], 0)
            similar = both / (np.outer(size[start : start + _BLOCK], size) + self.shrink)
            similar[~at_least(similar, self.neighbours)] = 0
            blocks.append(sparse.csr_array(similar.astype(np.float32)))
        weights = sparse.csr_array(sparse.vstack(blocks).T)
        return weights.toarray() if len(size) <= _DENSE else weights


class EASE(_ItemWeights):
    """The best linear prediction of what a customer buys from everything else the customer bought.

    Parameters
    ----------
    l2 : ridge penalty, above 0; larger is more cautious. Choose it on a validation period
    max_items : learn from this many of the most bought products, 2 or more; the rest is left to
        popularity
    group_weight : what a purchase from a product's group (the narrowest category) weighs beside one
        of the product, 0 or more; 0 leaves groups out, as does a source without them. Groups let
        what is not among `max_items` speak
    max_groups : this many of the groups with most buyers, 0 or more
    max_memory_mb : refuse to start when the estimate is above this

    Notes
    -----
    With G = X'X + l2 I for the customers x products matrix X of 0 and 1, and P its inverse, the
    weights are B_ij = -P_ij / P_jj and B_jj = 0. Groups are further columns of X, of 0 and
    `group_weight`, that predict and are not predicted. Time grows with the cube of the columns and
    memory with the square: about 12 bytes x columns squared (48 MB for 2,000; 62,000 products would
    need 46 GB). The defaults were chosen on weeks 36 - 44 of Complete Journey (new products only,
    NDCG@10): .0954, against .0932 without groups.

    References
    ----------
    Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW, equation 8. Jeunen,
    Van Balen, Goethals (2020), "Closed-form models for collaborative filtering with
    side-information", RecSys (side columns).
    """

    ranges = {
        "l2": Range(above=0),
        "max_items": Range(2),
        "group_weight": Range(0),
        "max_groups": Range(0),
        "max_memory_mb": Range(above=0),
    }

    def __init__(
        self,
        l2: float = 1000,
        max_items: int = 1200,
        *,
        group_weight: float = 0.5,
        max_groups: int = 300,
        max_memory_mb: float = 1000,
    ) -> None:
        self.l2 = l2
        self.max_items = max_items
        self.group_weight = group_weight
        self.max_groups = max_groups
        self.max_memory_mb = max_memory_mb

    def _choose(self, history: History) -> np.ndarray:
        items = history.by_popularity[: self.max_items]
        groups = len(self._groups(history))
        self.memory_mb_ = 12 * (len(items) + groups) ** 2 / 1e6
        if self.memory_mb_ > self.max_memory_mb:
            beside = f" and {groups} groups" if groups else ""
            fits = max(0, int(np.sqrt(self.max_memory_mb * 1e6 / 12)) - groups)
            raise TableError(
                f"EASE over {len(items):,} products{beside} needs about {self.memory_mb_:,.0f} MB, "
                f"above max_memory_mb = {self.max_memory_mb:,.0f}: set max_items={fits}, or raise "
                "the limit"
            )
        return items

    def _groups(self, history: History) -> np.ndarray:
        """Numbers of the groups that speak, most buyers first."""
        if not history.described.groups or not self.group_weight:
            return np.zeros(0, dtype=int)
        buyers = np.diff(history.by_kind.tocsc().indptr)
        return np.argsort(-buyers, kind="stable")[: self.max_groups]

    def _describe(self, history: History) -> sparse.csr_array:
        groups = self._groups(history)
        if not len(groups):
            return self._bought
        beside = (history.by_kind[:, groups] > 0).astype(np.float32) * np.float32(self.group_weight)
        return sparse.csr_array(sparse.hstack([self._bought, beside], format="csr"))

    def _weigh(self, bought: sparse.csr_array) -> np.ndarray:
        columns, predicted = bought.shape[1], len(self.items_)
        gram = self.l2 * np.eye(columns, dtype=np.float32)
        for start in range(0, bought.shape[0], _BLOCK):
            block = bought[start : start + _BLOCK].toarray()
            gram += block.T @ block
        with threadpool_limits(1, "blas"):  # the last digits would depend on the number of threads
            factor, failed = linalg.lapack.spotrf(gram, lower=True, overwrite_a=True)
            if failed:
                raise TableError(f"EASE cannot invert its matrix with l2 = {self.l2}: raise l2")
            lower, _ = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
        inverse = np.tril(lower) + np.tril(lower, -1).T
        weights = inverse[:, :predicted] / -np.diag(inverse)[:predicted]
        np.fill_diagonal(weights, 0)
        return weights


def _dense(matrix: Any) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def _largest(values: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Position of the largest value of each non-empty run, the first of equals."""
    best = np.repeat(np.maximum.reduceat(values, indptr[:-1]), np.diff(indptr))
    place = np.flatnonzero(values == best)
    return place[np.searchsorted(place, indptr[:-1])]
