"""Recommenders from what products are: TF-IDF over product text, customers as the sum of what they bought.

Text is the only thing that speaks for a product nobody bought yet.
"""

import re

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from personalize.recommenders.base import Recommender, Wanted, arrays
from personalize.recommenders.behaviour import check, unit_rows
from personalize.recommenders.history import History, csr
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
        self.group_, texts = pd.factorize(history.described.text)
        vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True, min_df=self.min_products)
        try:
            self.vectors_ = sparse.csr_array(vectorizer.fit_transform(texts))
        except ValueError:
            raise TableError(
                f"no word occurs in {self.min_products} of the {len(texts):,} different product texts: "
                "give the products longer texts, or lower min_products"
            ) from None
        self.words_ = vectorizer.get_feature_names_out()
        self._by_word = self.vectors_.T.tocsr()
        self._bought = history.matrix()
        weight = history.matrix(history.decayed(self.half_life_weeks))
        profile = weight @ self._belongs(np.ones(len(self.group_), dtype=bool)) @ self.vectors_
        self.profiles_ = unit_rows(sparse.csr_array(profile))

    def _belongs(self, allowed: np.ndarray) -> sparse.csr_array:
        """Products x texts: 1 where an allowed product has the text."""
        product = np.flatnonzero(allowed)
        shape = len(self.group_), self.vectors_.shape[0]
        return sparse.csr_array(
            (np.ones(len(product)), (product, self.group_[product])), shape=shape
        )

    def _score(self, want: Wanted) -> sparse.csr_array:
        belongs, rows = self._belongs(want.allowed), max(1, _CELLS // self.vectors_.shape[0])
        if want.repeat != "due":
            return self._likest(belongs, want) @ belongs.T
        cuts = [want.row[i : i + rows] for i in range(0, len(want.row), rows)]
        return sparse.csr_array(sparse.vstack([self._near(row) for row in cuts]))

    def _likest(self, belongs: sparse.csr_array, want: Wanted) -> sparse.csr_array:
        """Customers x texts: the cosines of the k nearest texts that still have a product to name."""
        from personalize.recommenders import kernels

        free = belongs.sum(axis=0).astype(np.int64)
        start, end, col, *_ = self.history_.bought(want.row)
        if want.repeat != "new":
            end = start
        bought = start, end, col, want.allowed[col], self.group_.astype(np.int64)
        matrices = arrays(self.profiles_), arrays(self._by_word)
        found = kernels.likest(want.row, matrices, bought, free, want.k)
        return csr(found[2], found[1], found[0], (len(want.row), len(free)))

    def _near(self, row: np.ndarray) -> sparse.csr_array:
        """The cosine of each customer with what the customer bought."""
        cosine, bought = (self.profiles_[row] @ self.vectors_.T).toarray(), self._bought[row]
        place = np.repeat(np.arange(len(row)), np.diff(bought.indptr))
        return sparse.csr_array(
            (cosine[place, self.group_[bought.indices]], bought.indices, bought.indptr),
            bought.shape,
        )

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """The word that the product shares most with the customer's purchases."""
        part = sparse.csr_array(self.profiles_[row].multiply(self.vectors_[self.group_[col]]))
        word = self.words_[np.asarray(part.argmax(axis=1)).ravel()]
        return [f"resembles earlier purchases: {text}" for text in word]
