"""Recommenders from what products are: TF-IDF over product text, customers as the sum of what they bought.

Text is the only thing that speaks for a product nobody bought yet.
"""

import re

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from personalize.recommenders.base import Recommender, Wanted, at_least
from personalize.recommenders.behaviour import check, unit_rows
from personalize.recommenders.history import History
from personalize.tables import TableError

__all__ = ["Content", "words"]

_CELLS = 20_000_000  # customer x text scores held in memory at once
_RUN = re.compile(r"[\u3400-\u9fff]+|[^\W\d_\u3400-\u9fff]{2,}")


def words(text: str) -> list[str]:
    """The words of a text and its pairs of neighbouring words; numbers and single letters are left out.

    Parameters
    ----------
    text : any text; Chinese runs, which have no spaces, are cut into overlapping pairs of characters

    Examples
    --------
    >>> words("Fluid MILK 2%")
    ['fluid', 'milk', 'fluid milk']
    >>> words("有机牛奶")
    ['有机', '机牛', '牛奶']
    """
    single = []
    for run in _RUN.findall(text.lower()):
        if "\u3400" <= run[0] <= "\u9fff":
            single += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        else:
            single.append(run)
    latin = [word for word in single if not "\u3400" <= word[0] <= "\u9fff"]
    pairs = [f"{a} {b}" for a, b in zip(latin, latin[1:], strict=False)]
    return single + pairs


class Content(Recommender):
    """Products whose description resembles what the customer bought.

    Parameters
    ----------
    half_life_weeks : weeks after which an order counts half in the customer's profile; None for all alike
    min_products : a word must occur in this many different descriptions to count, 1 or more

    Notes
    -----
    A product is the TF-IDF vector of its words (`words`, sublinear term frequency), a customer the sum of
    the vectors of the products bought, weighted by decayed frequency; score = cosine of the two. Products
    of equal text have equal scores and are ordered by popularity. A product without text is never named,
    a customer who bought only such products gets what sells best.

    References
    ----------
    Salton and Buckley (1988), "Term-weighting approaches in automatic text retrieval".
    """

    def __init__(self, half_life_weeks: float | None = 26, min_products: int = 2) -> None:
        self.half_life_weeks = half_life_weeks
        self.min_products = min_products

    def _check(self) -> None:
        fine = self.half_life_weeks is None or self.half_life_weeks > 0
        check(self, half_life_weeks=fine, min_products=self.min_products >= 1)

    def _learn(self, history: History) -> None:
        self.group_, texts = pd.factorize(history.text)
        try:
            self.vectorizer_ = TfidfVectorizer(analyzer=words, sublinear_tf=True, min_df=self.min_products)
            self.vectors_ = sparse.csr_array(self.vectorizer_.fit_transform(texts))
        except ValueError:
            raise TableError(
                f"no word occurs in {self.min_products} of the {len(texts):,} different product texts: "
                "give the products longer texts, or lower min_products"
            ) from None
        self._bought = history.matrix()
        weight = history.matrix(history.decayed(self.half_life_weeks))
        profile = weight @ self._belongs(np.ones(len(self.group_), dtype=bool)) @ self.vectors_
        self.profiles_ = unit_rows(sparse.csr_array(profile))

    def _belongs(self, allowed: np.ndarray) -> sparse.csr_array:
        """Products x texts: 1 where an allowed product has the text."""
        product = np.flatnonzero(allowed)
        shape = len(self.group_), self.vectors_.shape[0]
        return sparse.csr_array((np.ones(len(product)), (product, self.group_[product])), shape=shape)

    def _score(self, want: Wanted) -> sparse.csr_array:
        belongs, rows = self._belongs(want.allowed), max(1, _CELLS // self.vectors_.shape[0])
        asked = np.ones(belongs.shape[1], dtype=bool) if want.repeat == "due" else belongs.sum(axis=0) > 0
        cuts = [want.row[i : i + rows] for i in range(0, len(want.row), rows)]
        return sparse.csr_array(sparse.vstack([self._near(row, belongs, np.flatnonzero(asked), want) for row in cuts]))

    def _near(self, row: np.ndarray, belongs: sparse.csr_array, asked: np.ndarray, want: Wanted) -> sparse.csr_array:
        cosine = np.zeros((len(row), self.vectors_.shape[0]))
        cosine[:, asked] = (self.profiles_[row] @ self.vectors_[asked].T).toarray()
        bought = self._bought[row]
        if want.repeat == "due":
            place = np.repeat(np.arange(len(row)), np.diff(bought.indptr))
            return sparse.csr_array(
                (cosine[place, self.group_[bought.indices]], bought.indices, bought.indptr), bought.shape
            )
        free = np.broadcast_to(belongs.sum(axis=0), cosine.shape)
        if want.repeat == "new":
            place, cells = np.repeat(np.arange(len(row)), np.diff(bought.indptr)), cosine.shape
            seen = want.allowed[bought.indices]
            known = place[seen] * cells[1] + self.group_[bought.indices[seen]]
            free = free - np.bincount(known, minlength=cosine.size).reshape(cells)
        cosine[free <= 0] = 0
        return sparse.csr_array(np.where(at_least(cosine, want.k), cosine, 0)) @ belongs.T

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """The word that the product shares most with the customer's purchases."""
        part = sparse.csr_array(self.profiles_[row].multiply(self.vectors_[self.group_[col]]))
        word = self.vectorizer_.get_feature_names_out()[np.asarray(part.argmax(axis=1)).ravel()]
        return [f"resembles earlier purchases: {text}" for text in word]
