"""Recommenders from what people did: the favourites of all, of each, of similar customers.

On goods that are bought again and again, what the customer bought before is the strongest signal there
is; any model has to beat `PersonalFrequency` before it earns its place.
"""

import numpy as np
from scipy import sparse

from personalize.recommenders.base import Recommender, Wanted, arrays, at_least, kept
from personalize.recommenders.history import History, csr
from personalize.tables import TableError

__all__ = ["TIFU", "MostPopular", "PersonalFrequency", "UserKNN"]

_NOBODY = -2  # a place among the neighbours that nobody takes
_CELLS = 20_000_000  # cells that are held as a full array to compare customers


class MostPopular(Recommender):
    """The products with the most buyers, the same for everybody.

    Notes
    -----
    score = share of customers who bought the product up to `as_of`; customers count once, however often
    they bought. The naive baseline for discovery.
    """

    def _learn(self, history: History) -> None:
        self.share_ = history.buyers / history.people

    def _score(self, want: Wanted) -> sparse.csr_array:
        if want.repeat != "due":
            return sparse.csr_array((len(want.row), len(self.share_)))
        pattern = self.history_.matrix()[want.row]
        return sparse.csr_array(
            (self.share_[pattern.indices], pattern.indices, pattern.indptr), pattern.shape
        )

    def _fill_score(self, col: np.ndarray) -> np.ndarray:
        return self.share_[col]


class PersonalFrequency(Recommender):
    """What the customer bought most often, recent orders counting more.

    Parameters
    ----------
    half_life_weeks : weeks after which an order counts half, above 0; None counts every order alike.
        26 was chosen on earlier weeks of Complete Journey; shorter suits goods with short fashions

    Notes
    -----
    score = sum over the customer's orders of the product of 2 ** (-age in days / (7 half_life_weeks)).
    It names nothing new; a list that runs short is filled with what sells best.

    References
    ----------
    Hu et al. (2020), "Modeling personalized item frequency information for next-basket recommendation",
    SIGIR; Li et al. (2023), "A next basket recommendation reality check", ACM TOIS 41(4).
    """

    def __init__(self, half_life_weeks: float | None = 26) -> None:
        self.half_life_weeks = half_life_weeks

    def _check(self) -> None:
        check(self, half_life_weeks=self.half_life_weeks is None or self.half_life_weeks > 0)

    def _learn(self, history: History) -> None:
        self.frequency_ = history.matrix(history.decayed(self.half_life_weeks))

    def _score(self, want: Wanted) -> sparse.csr_array:
        return self.frequency_[want.row]


class UserKNN(Recommender):
    """What the most similar customers buy.

    Parameters
    ----------
    neighbours : similar customers to ask, 1 or more
    half_life_weeks : as for `PersonalFrequency`; it shapes both who is similar and what they buy
    favourites : a neighbour speaks for this many of its most frequent products, 1 or more; more take time
        and change next to nothing
    components : compare customers in the space of this many principal components, 1 or more, instead of product by
        product: customers who buy the like, not the same, are then near. None compares product by product

    Notes
    -----
    Customers are compared by the cosine of their decayed frequencies; score = mean frequency of the
    product among the neighbours who have it among their favourites. Comparing everybody with everybody takes
    time in proportion to the sum over products of the squared number of buyers. Principal components are those of
    the frequencies scaled to length 1, not centred (a truncated singular value decomposition, which keeps what is
    0 out of memory).
    """

    def __init__(
        self,
        neighbours: int = 50,
        half_life_weeks: float | None = 26,
        favourites: int = 50,
        *,
        components: int | None = None,
    ) -> None:
        self.neighbours = neighbours
        self.half_life_weeks = half_life_weeks
        self.favourites = favourites
        self.components = components

    def _check(self) -> None:
        check(
            self,
            neighbours=self.neighbours >= 1,
            half_life_weeks=self.half_life_weeks is None or self.half_life_weeks > 0,
            favourites=self.favourites >= 1,
            components=self.components is None or self.components >= 1,
        )

    def _learn(self, history: History) -> None:
        same = history.as_of, self.half_life_weeks, self.components
        self.frequency_, self._often, self._rarely, self._rarely_by_product = history.once(
            ("compared", *same), lambda: self._compared(history)
        )
        self.favourites_ = history.once(("favourites", *same, self.favourites), self._liked)
        self._found = history.once(
            ("neighbours", *same, self.neighbours),
            lambda: np.full((len(history.customers), self._asked), -1, dtype=np.int32),
        )

    def _compared(self, history: History) -> tuple:
        """The frequencies, and what customers are compared by: full columns, the others, and these by column."""
        frequency = history.matrix(history.decayed(self.half_life_weeks))
        unit = unit_rows(frequency)
        if self.components is not None:
            unit = unit_rows(_principal(unit, self.components))
        often, rarely = _split(unit)
        return frequency, often, rarely, rarely.T.tocsr()

    def _liked(self) -> sparse.csr_array:
        """The frequencies of each customer's favourites."""
        runs = zip(self.frequency_.indptr[:-1], self.frequency_.indptr[1:], strict=True)
        keep = [at_least(self.frequency_.data[a:b], self.favourites) for a, b in runs]
        return kept(self.frequency_, np.concatenate(keep))

    @property
    def _asked(self) -> int:
        return max(1, min(self.neighbours, len(self.history_.customers) - 1))

    def _score(self, want: Wanted) -> sparse.csr_array:
        return self._blend(want.row, 0.0)

    def _blend(self, row: np.ndarray, own: float) -> sparse.csr_array:
        """The customers' own frequencies, and the mean of the neighbours'."""
        from personalize.recommenders import kernels

        width, share = len(self.history_.products), (1 - own) / self._asked
        matrices = arrays(self.frequency_), arrays(self.favourites_)
        indptr, col, data = kernels.blend(row, self._near(row), (own, share), matrices, width)
        return csr(data, col, indptr, (len(row), width))

    def _near(self, row: np.ndarray) -> np.ndarray:
        """Numbers of the most similar others of each customer, below 0 where there are none."""
        known = row[row >= 0]
        missing = known[self._found[known, 0] == -1]
        rows = max(1, _CELLS // self._often.shape[0])
        for start in range(0, len(missing), rows):
            self._found[missing[start : start + rows]] = self._nearest(
                missing[start : start + rows]
            )
        return np.where((row >= 0)[:, None], self._found[row], _NOBODY)

    def _nearest(self, row: np.ndarray) -> np.ndarray:
        """Numbers of the most similar others, `_NOBODY` where fewer are similar at all."""
        from personalize.recommenders import kernels

        cosines = self._often[row] @ self._often.T
        return kernels.nearest(
            row, cosines, arrays(self._rarely), arrays(self._rarely_by_product), self._asked
        )

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        return ["bought by customers with similar baskets"] * len(row)


class TIFU(UserKNN):
    """The customer's own favourites, blended with those of similar customers.

    Parameters
    ----------
    own : weight of the customer's own frequencies, 0 to 1; the neighbours' mean has the rest
    neighbours, half_life_weeks, favourites, components : as for `UserKNN`

    Notes
    -----
    score = own * frequency + (1 - own) * mean frequency among the neighbours. The name is that of the
    method it follows (temporal item frequency, user k nearest neighbours); the decay here is by days, not
    by position of the basket.

    References
    ----------
    Hu, He, Gao, Zhang (2020), "Modeling personalized item frequency information for next-basket
    recommendation", SIGIR.
    """

    def __init__(
        self,
        own: float = 0.7,
        neighbours: int = 50,
        half_life_weeks: float | None = 26,
        favourites: int = 50,
        *,
        components: int | None = None,
    ) -> None:
        super().__init__(neighbours, half_life_weeks, favourites, components=components)
        self.own = own

    def _check(self) -> None:
        super()._check()
        check(self, own=0 <= self.own <= 1)

    def _score(self, want: Wanted) -> sparse.csr_array:
        return self._blend(want.row, float(self.own))


def unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Rows scaled to length 1; an empty row stays empty."""
    squares = sparse.csr_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)
    length = np.sqrt(squares.sum(axis=1))
    share = np.repeat(1 / np.where(length > 0, length, 1), np.diff(matrix.indptr))
    return sparse.csr_array(
        (share * matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape
    )


def _split(matrix: sparse.csr_array) -> tuple[np.ndarray, sparse.csr_array]:
    """The fullest columns as a full array, which multiplies faster, and the others."""
    size = np.bincount(matrix.indices, minlength=matrix.shape[1])
    full = np.argsort(-size, kind="stable")[
        : min(int((4 * size > matrix.shape[0]).sum()), _CELLS // matrix.shape[0])
    ]
    rest = np.ones(matrix.shape[1], dtype=bool)
    rest[full] = False
    return matrix[:, full].toarray(), kept(matrix, rest[matrix.indices])


def _principal(unit: sparse.csr_array, components: int) -> sparse.csr_array:
    """The rows in the space of the first principal components; fewer where there are not so many."""
    from sklearn.decomposition import TruncatedSVD  # slow to import, and seldom used

    size = min(components, min(unit.shape) - 1)
    return sparse.csr_array(TruncatedSVD(max(size, 1), random_state=0).fit_transform(unit))


def check(model: Recommender, **right: bool) -> None:
    """Raise TableError that names every parameter whose test in `right` failed."""
    wrong = [f"{name} = {getattr(model, name)!r}" for name, fine in right.items() if not fine]
    if wrong:
        raise TableError(
            f"{type(model).__name__} cannot use {', '.join(wrong)}: see the ranges in its documentation"
        )
