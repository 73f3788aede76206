"""Recommenders from what is bought by the same people: item neighbours and the linear model EASE.

Both learn one weight a pair of products; a customer's score for a product is the sum of the weights of
what the customer bought. Two products that one single customer bought look perfectly alike, so both learn
only from products with enough buyers.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.linalg.blas import ssyrk
from scipy.linalg.lapack import spotrf, spotri
from threadpoolctl import threadpool_limits

from personalize.recommenders.base import Recommender, Wanted, at_least
from personalize.recommenders.behaviour import check
from personalize.recommenders.history import History, csr
from personalize.tables import TableError

__all__ = ["EASE", "ItemKNN"]

_BLOCK = 1024  # products compared at once
_DENSE = 4000  # products whose sparse weights are also held as a full array, of 64 MB at most


class _ItemWeights(Recommender):
    """Scores are sums of weights between products: `items_` (product numbers) and `weights_` (square)."""

    items_: np.ndarray
    weights_: Any

    def _learn(self, history: History) -> None:
        self.items_ = np.sort(self._choose(history)).astype(np.int32)
        if len(self.items_) < 2:
            raise TableError(
                f"{type(self).__name__} found {len(self.items_)} product(s) with enough buyers among "
                f"{len(history.by_popularity):,} sold: it needs 2 or more; lower min_support, or use PersonalFrequency"
            )
        self._bought = history.matrix().astype(np.float32)[:, self.items_]
        self._known = self._describe(history)
        self.weights_ = self._weigh(self._known)
        small = sparse.issparse(self.weights_) and len(self.items_) <= _DENSE
        self._factor = (
            self.weights_.toarray() if small else self.weights_
        )  # the same sums, in a third of the time

    def _score(self, want: Wanted) -> sparse.csr_array:
        scores = self._known[want.row] @ self._factor
        scores = scores.toarray() if sparse.issparse(scores) else scores
        each, shape = len(self.items_), (len(want.row), len(self.history_.products))
        return csr(
            scores.ravel(), np.tile(self.items_, shape[0]), each * np.arange(shape[0] + 1), shape
        )

    def similar(self, products: Any, k: int = 10) -> pd.DataFrame:
        """The products nearest to each product.

        Parameters
        ----------
        products : product ids; one that the model has not learned has no row
        k : products for each, 1 or more

        Returns
        -------
        DataFrame : product_id, rank (1 is nearest), similar_id, score (weight from the first to the second, above 0)
        """
        asked = pd.Index(products).unique()
        rows = [self._likeliest([number], k) for number in self._place(asked)]
        table = pd.concat(
            [_ranked(rows[i]).assign(product_id=asked[i]) for i in range(len(asked))],
            ignore_index=True,
        )
        return table.rename(columns={"named": "similar_id"})[
            ["product_id", "rank", "similar_id", "score"]
        ]

    def for_basket(self, basket: Any, k: int = 10) -> pd.DataFrame:
        """What goes with the products of one basket, whoever it belongs to.

        Parameters
        ----------
        basket : product ids; those that the model has not learned are left out
        k : length of the list, 1 or more

        Returns
        -------
        DataFrame : rank, product_id, score (sum of the weights from the products in the basket, above 0); empty where
            the model knows no product of the basket
        """
        return _ranked(self._likeliest(self._place(basket), k)).rename(
            columns={"named": "product_id"}
        )

    def _place(self, products: Any) -> np.ndarray:
        """Place of each product id among those learned, -1 where it is not."""
        if not hasattr(self, "history_"):
            raise TableError(
                f"{type(self).__name__} has learned nothing yet: call fit(tables, as_of=...) first"
            )
        number = self.history_.product_number(products)
        place = np.minimum(np.searchsorted(self.items_, number), len(self.items_) - 1)
        return np.where(self.items_[place] == number, place, -1)

    def _likeliest(self, places: Any, k: int) -> pd.Series:
        """Product id -> sum of weights from the products at these places, best first."""
        places = np.unique([place for place in places if place >= 0]).astype(int)
        weights = self.weights_[places]
        weights = weights.toarray() if sparse.issparse(weights) else weights
        total = weights.sum(axis=0).astype(np.float32)
        total[places] = 0
        best = np.lexsort([-self.history_.buyers[self.items_], -total])[:k]
        return pd.Series(total[best], index=self.history_.products[self.items_[best]])[
            lambda score: score > 0
        ]

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """The two purchases that contributed most to each score; "" for a product outside the model."""
        place = np.searchsorted(self.items_, col) % len(self.items_)
        known = np.flatnonzero(
            (self.items_[place] == col) & (np.diff(self._bought.indptr)[row] > 0)
        )
        reasons = np.full(len(row), "", dtype=object)
        if len(known):
            bought = self._bought[row[known]]
            part = self.weights_[bought.indices, np.repeat(place[known], np.diff(bought.indptr))]
            best = _two_largest(np.asarray(part).ravel(), bought.indptr)
            reasons[known] = _driven(self.history_.names[self.items_[bought.indices]], *best)
        return list(reasons)

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
        check(
            self,
            neighbours=self.neighbours >= 1,
            min_support=self.min_support >= 1,
            shrink=self.shrink >= 0,
        )

    def _choose(self, history: History) -> np.ndarray:
        floor = min(self.min_support, max(2, 0.04 * len(history.customers)))
        return np.flatnonzero(history.buyers >= floor)

    def _weigh(self, bought: sparse.csr_array) -> sparse.csr_array:
        by_item = bought.T.tocsr()
        size = np.sqrt(np.diff(by_item.indptr))
        blocks = range(0, len(size), _BLOCK)
        return sparse.csr_array(
            sparse.vstack([self._nearest(by_item, bought, size, i) for i in blocks]).T
        )

    def _nearest(self, by_item: Any, bought: Any, size: np.ndarray, start: int) -> sparse.csr_array:
        """Similarity of one block of products (rows) to their nearest products (columns)."""
        both = (by_item[start : start + _BLOCK] @ bought).toarray()
        both[np.arange(len(both)), start + np.arange(len(both))] = 0
        similar = both / (np.outer(size[start : start + _BLOCK], size) + self.shrink)
        return sparse.csr_array(
            np.where(at_least(similar, self.neighbours), similar, 0).astype(np.float32)
        )


class EASE(_ItemWeights):
    """The best linear prediction of what a customer buys from everything else the customer bought.

    Parameters
    ----------
    l2 : ridge penalty, above 0; larger is more cautious. Choose it on a validation period
    max_items : learn from this many of the most bought products, 2 or more; the rest is left to popularity
    group_weight : what a purchase from a product's group (the narrowest category) weighs beside one of the product,
        0 or more; 0 leaves groups out, as does a source without them. Groups let what is not among `max_items` speak
    max_groups : this many of the groups with most buyers, 0 or more
    max_memory_mb : refuse to start when the estimate is above this

    Notes
    -----
    With G = X'X + l2 I for the customers x products matrix X of 0 and 1, and P its inverse, the weights are
    B_ij = -P_ij / P_jj and B_jj = 0. Groups are further columns of X, of 0 and `group_weight`, that predict and are
    not predicted. Time grows with the cube of the columns and memory with the square: about 12 bytes x columns
    squared (48 MB for 2,000; 62,000 products would need 46 GB). The defaults were chosen on weeks 36 - 44 of
    Complete Journey (new products only, NDCG@10): .0954, against .0932 without groups.

    References
    ----------
    Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW, equation 8. Jeunen, Van Balen, Goethals
    (2020), "Closed-form models for collaborative filtering with side-information", RecSys (side columns).
    """

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

    def _check(self) -> None:
        check(self, l2=self.l2 > 0, max_items=self.max_items >= 2, group_weight=self.group_weight >= 0,
              max_groups=self.max_groups >= 0, max_memory_mb=self.max_memory_mb > 0)  # fmt: skip

    def _choose(self, history: History) -> np.ndarray:
        items = history.by_popularity[: self.max_items]
        groups = self._groups(history)
        self.memory_mb_ = 12 * (len(items) + len(groups)) ** 2 / 1e6
        if self.memory_mb_ > self.max_memory_mb:
            fits = max(0, int(np.sqrt(self.max_memory_mb * 1e6 / 12)) - len(groups))
            raise TableError(
                f"EASE over {len(items):,} products{f' and {len(groups)} groups' if len(groups) else ''} needs about "
                f"{self.memory_mb_:,.0f} MB, above max_memory_mb = {self.max_memory_mb:,.0f}: set max_items={fits}, or "
                "raise the limit"
            )
        return items

    def _groups(self, history: History) -> np.ndarray:
        """Numbers of the groups that speak, most buyers first."""
        if history.kind is None or not self.group_weight:
            return np.zeros(0, dtype=int)
        return np.argsort(-np.diff(history.by_kind.tocsc().indptr), kind="stable")[
            : self.max_groups
        ]

    def _describe(self, history: History) -> sparse.csr_array:
        groups = self._groups(history)
        if not len(groups):
            return self._bought
        beside = (history.by_kind[:, groups] > 0).astype(np.float32) * np.float32(self.group_weight)
        return sparse.csr_array(sparse.hstack([self._bought, beside], format="csr"))

    def _weigh(self, bought: sparse.csr_array) -> np.ndarray:
        gram = np.zeros((bought.shape[1],) * 2, dtype=np.float32, order="F")
        for start in range(0, bought.shape[0], _BLOCK):
            block = np.asfortranarray(bought[start : start + _BLOCK].toarray().T)
            gram = ssyrk(1, block, beta=1, c=gram, lower=1, overwrite_c=1)
        gram[np.diag_indices_from(gram)] += self.l2
        with threadpool_limits(1, "blas"):  # the last digits would depend on the number of threads
            factor, bad = spotrf(gram, lower=1, overwrite_a=1)
            inverse, bad = spotri(factor, lower=1, overwrite_c=1) if not bad else (factor, bad)
        if bad:
            raise TableError(f"EASE cannot invert its matrix with l2 = {self.l2}: raise l2")
        below, diagonal = np.tril(inverse, -1), np.diag(inverse)
        weights = (below + below.T)[:, : len(self.items_)] / -diagonal[: len(self.items_)]
        np.fill_diagonal(weights, 0)
        return weights


def _ranked(scores: pd.Series) -> pd.DataFrame:
    """Product id -> score as a table: rank, named, score."""
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(scores) + 1),
            "named": scores.index,
            "score": scores.to_numpy(float),
        }
    )


def _two_largest(values: np.ndarray, indptr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position of the largest value of each non-empty run, and of the next above 0 (-1 where there is none)."""
    first = _largest(values, indptr)
    others = values.copy()
    others[first] = -np.inf
    second = _largest(others, indptr)
    return first, np.where(others[second] > 0, second, -1)


def _largest(values: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Position of the largest value of each non-empty run, the first of equals."""
    best = np.repeat(np.maximum.reduceat(values, indptr[:-1]), np.diff(indptr))
    place = np.flatnonzero(values == best)
    return place[np.searchsorted(place, indptr[:-1])]


def _driven(names: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[str]:
    pairs = zip(names[first], names[second], second >= 0, strict=True)
    return [
        f"often bought by those who buy {one}{f' and {other}' if two else ''}"
        for one, other, two in pairs
    ]
