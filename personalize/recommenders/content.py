"""A recommender from what products are: TF-IDF over product text, customers as the sum of
purchases.

Text is the only thing that speaks for a product nobody bought yet.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from personalize.recommenders.base import Range, Recommender, Wanted
from personalize.recommenders.history import History, csr
from personalize.tables import Unavailable

__all__ = ["Content", "words"]

_CELLS = 20_000_000  # customer x text scores held in memory at once
_RUN = re.compile(r"[\u3400-\u9fff]+|[^\W\d_\u3400-\u9fff]{2,}")


def words(text: str) -> list[str]:
    """The words of a text and its pairs of neighbouring words, without numbers and single letters.

    Parameters
    ----------
    text : any text; Chinese runs, which have no spaces, are cut into overlapping pairs of
        characters

    Examples
    --------
    >>> words("Fluid MILK 2%")
    ['fluid', 'milk', 'fluid milk']
    >>> words("有机牛奶")
    ['有机', '机牛', '牛奶']
    """
    found, latin = [], []
    for run in _RUN.findall(text.lower()):
        if "\u3400" <= run[0] <= "\u9fff":
            found += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        else:
            found.append(run)
            latin.append(run)
    return found + [f"{a} {b}" for a, b in zip(latin, latin[1:], strict=False)]


class Content(Recommender):
    """Products whose description resembles what the customer bought.

    Parameters
    ----------
    half_life_weeks : weeks after which an order counts half in the customer's profile; None for all
        alike
    min_products : a word must occur in this many different descriptions to count, 1 or more
    columns : columns of the table products that describe a product, your own among them;
        department, category, subcategory, brand, name and text, as far as they are there, when None

    Notes
    -----
    A product is the TF-IDF vector of its words (`words`, sublinear term frequency), a customer the
    sum of the vectors of the products bought, weighted by decayed frequency; score = cosine of the
    two. Products of equal text have equal scores and are ordered by popularity. A product without
    text is never named, a customer who bought only such products gets what sells best.

    References
    ----------
    Salton and Buckley (1988), "Term-weighting approaches in automatic text retrieval".
    """

    ranges = {"half_life_weeks": Range(above=0, none=True), "min_products": Range(1)}

    def __init__(
        self,
        half_life_weeks: float | None = 26,
        min_products: int = 2,
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        self.half_life_weeks = half_life_weeks
        self.min_products = min_products
        self.columns = columns

    def _learn(self, history: History) -> None:
        self.group_, texts = pd.factorize(history.described.text(self.columns))
        vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True, min_df=self.min_products)
        try:
            self.vectors_ = sparse.csr_array(vectorizer.fit_transform(texts))
        except ValueError:
            raise Unavailable(
                f"no word occurs in {self.min_products} of the {len(texts):,} different product "
                f"texts: "
                "give the products longer texts, or lower min_products"
            ) from None
        self.words_ = vectorizer.get_feature_names_out()
        self._bought = history.matrix()
        weight = history.matrix(history.decayed(self.half_life_weeks))
        every = np.ones(len(self.group_), dtype=bool)
        self.profiles_ = normalize(weight @ self._belongs(every) @ self.vectors_)

    def _belongs(self, allowed: np.ndarray) -> sparse.csr_array:
        """Products x texts: 1 where an allowed product has the text."""
        start = np.append(0, np.cumsum(allowed))
        shape = len(allowed), self.vectors_.shape[0]
        return csr(np.ones(start[-1]), self.group_[allowed], start, shape)

    def _score(self, want: Wanted) -> sparse.csr_array:
        from personalize.recommenders import kernels

        belongs, rows = self._belongs(want.allowed), max(1, _CELLS // self.vectors_.shape[0])
        blocks = []
        for start in range(0, max(len(want.row), 1), rows):
            row = want.row[start : start + rows]
            cosine = self.profiles_[row].toarray() @ self.vectors_.T
            bought = self._bought[row]
            if want.repeat == "due":
                place = np.repeat(np.arange(len(row)), np.diff(bought.indptr))
                bought.data = cosine[place, self.group_[bought.indices]]
                blocks.append(bought)
                continue
            free = belongs.sum(axis=0)
            cosine[:, free == 0] = 0
            if want.repeat == "new":
                taken = (bought @ belongs).tocoo()
                gone = taken.data == free[taken.col]
                cosine[taken.row[gone], taken.col[gone]] = 0
            indptr, text, value = kernels.largest(cosine, want.k)
            blocks.append(csr(value, text, indptr, cosine.shape) @ belongs.T)
        return sparse.csr_array(sparse.vstack(blocks))

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """The word that the product shares most with the customer's purchases."""
        part = sparse.csr_array(self.profiles_[row].multiply(self.vectors_[self.group_[col]]))
        word = self.words_[np.asarray(part.argmax(axis=1)).ravel()]
        return [f"resembles earlier purchases: {text}" for text in word]
