"""The contract of every recommender: ids and tables in, one tidy table out.

A model says how much it thinks of which products for which customers (`_score`), and why
(`_explain`). Everything else is done here, once: which products may be named, ties, what fills a
short list, the table.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from personalize.recommenders.history import History, csr
from personalize.tables import TableError, Tables, require_fitted

__all__ = ["Range", "Recommender", "Wanted", "fitted"]

Repeat = Literal["allow", "new", "due"]
_REPEATS = ("allow", "new", "due")
_BLOCK = 1024  # customers scored at once
_NUMBERS = ("_place", "rank", "score", "_row", "_col", "_pair")
_SLATES = np.array(["buy again", "discover"], dtype=object)


@dataclass(frozen=True)
class Range:
    """The numbers that a parameter may have.

    Attributes
    ----------
    low, high : bounds, which belong to the range
    above : a bound that does not
    none : may it be None too?

    Examples
    --------
    >>> print(Range(0, 1)), 0.5 in Range(0, 1), 0 in Range(above=0)
    0 to 1
    (None, True, False)
    """

    low: float = -np.inf
    high: float = np.inf
    above: float = -np.inf
    none: bool = False

    def __contains__(self, value: Any) -> bool:
        if value is None:
            return self.none
        if not isinstance(value, Real):
            return False
        return self.low <= float(value) <= self.high and float(value) > self.above

    def __str__(self) -> str:
        lowest = f"above {self.above}" if self.above > self.low else f"{self.low}"
        highest = " or more" if self.above <= self.low else ""
        if self.high < np.inf:
            highest = f" to {self.high}"
        return lowest + highest + " or None" * self.none


@dataclass(frozen=True, eq=False)
class Wanted:
    """One block of a request.

    Attributes
    ----------
    row : customer numbers, -1 for a customer without history
    customers : their ids
    allowed : one flag a product: may it be named at all?
    repeat : "allow", "new" (never bought by the customer) or "due" (bought, and time for the next)
    k : products to find for each; a model may leave out what cannot be among them
    """

    row: np.ndarray
    customers: pd.Index
    allowed: np.ndarray
    repeat: Repeat
    k: int


class Recommender(BaseEstimator, ABC):
    """What every recommender can do: `fit` to what was known on a day, then `recommend`.

    Parameters are given to the constructor and checked in `fit`. A subclass writes `_learn` and
    `_score`, and `_explain` where it has more to say than how often the customer bought.
    """

    history_: History
    ranges: ClassVar[Mapping[str, Range]] = {}

    def fit(self, tables: Tables, *, as_of: Any = None) -> Self:
        """Learn from everything known at the end of the day `as_of`.

        Parameters
        ----------
        tables : Tables
        as_of : date; nothing after it is read. The last day with an order when None

        Raises
        ------
        TableError : for anything but tables, or a parameter out of range.
        Unavailable : for data that the model cannot learn from.
        """
        return self.fit_history(History.load(tables, as_of=as_of))

    def fit_history(self, history: History) -> Self:
        """Learn from a `History` that is already loaded, so that several models share it.

        A model that has learned from this very history with the same parameters does not learn
        again.
        """
        self._check()
        learned = history, self.get_params()
        if getattr(self, "_learned", None) != learned:
            self.history_ = history
            self._learn(history)
            self._learned = learned
        return self

    def recommend(
        self,
        customers: Any = None,
        k: int = 10,
        *,
        repeat: Repeat = "allow",
        candidates: Any = None,
    ) -> pd.DataFrame:
        """The best products for each customer.

        Parameters
        ----------
        customers : customer ids; all who bought up to `as_of` when None. An id that is not known
            gets what sells best; an id given twice is served once
        k : length of each list, 1 or more; a list is shorter where fewer products qualify
        repeat : "allow" any product; "new" only products the customer never bought; "due" only
            products bought at least twice whose usual gap between purchases has passed
        candidates : product ids that may be named (a list, or a table with product_id), also such
            that were never sold; every product sold up to `as_of` when None

        Returns
        -------
        DataFrame : customer_id, rank (1 is best), product_id, score (of the model; 0 where the
            place was filled by popularity), slate ("buy again" or "discover"), reason (words), in
            the order of `customers` and rank

        Raises
        ------
        TableError : for an unfitted model, k below 1, another `repeat`, missing ids or ids of
            another type.

        Notes
        -----
        Products of equal score are ordered by the customer's latest purchase, then by number of
        buyers, then by id. Only scores above 0 count; places left over are filled with what sells
        best, except for "due".
        """
        require_fitted(self, "history_")
        if repeat not in _REPEATS or k < 1:
            raise TableError(
                f"repeat = {repeat!r} and k = {k}: repeat is one of {_REPEATS}, k is 1 or more"
            )
        ids = self.history_.customers if customers is None else pd.Index(customers).unique()
        lists = self.lists(ids, k, repeat, self._allowed(candidates))
        return pd.DataFrame(
            {
                "customer_id": ids[lists._place],
                "rank": lists["rank"],
                "product_id": self.history_.products[lists._col],
                "score": lists.score,
                "slate": _SLATES[(lists._pair < 0).astype(int)],
                "reason": self._reasons(lists),
            }
        )

    def lists(
        self, customers: pd.Index, k: int, repeat: Repeat, allowed: np.ndarray
    ) -> pd.DataFrame:
        """The lists of `recommend` in numbers.

        Returns
        -------
        DataFrame : _place (of the customer among those asked for), rank, score, and _row, _col and
            _pair (numbers of customer, product and pair in the history, -1 for none)
        """
        row = self.history_.number(customers)
        blocks = []
        for start in range(0, max(len(customers), 1), _BLOCK):
            part = slice(start, start + _BLOCK)
            want = Wanted(row[part], customers[part], allowed, repeat, k)
            place, col, score, pair = self.best(want, fill=repeat != "due")
            filled = score == 0
            score[filled] = self._fill_score(col[filled])
            numbers = place + start, _run_numbers(place), score, want.row[place], col, pair
            blocks.append(pd.DataFrame(dict(zip(_NUMBERS, numbers, strict=True))))
        return pd.concat(blocks, ignore_index=True)

    def _allowed(self, candidates: Any) -> np.ndarray:
        """One flag a product: may it be named?"""
        if candidates is None:
            return self.history_.buyers > 0
        number = self.history_.product_number(candidates)
        if not (number >= 0).any():
            raise TableError(
                f"none of the {len(number):,} candidates is a product of this source: check the ids"
            )
        return self.history_.flags(candidates)

    def best(
        self, want: Wanted, *, fill: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Each customer's best products in final order, on request filled by what sells best.

        Returns
        -------
        tuple : place in the block, product number, score (0 for what fills) and pair (-1 for none)
        """
        from personalize.recommenders import kernels

        history, scores = self.history_, sparse.csr_array(self._score(want))
        popular = history.by_popularity[want.allowed[history.by_popularity] & fill]
        products = want.allowed, history.standing, popular
        repeat = _REPEATS.index(want.repeat)
        bought = history.bought(want.row)
        return kernels.best(arrays(scores, np.float32), bought, products, repeat, want.k)

    def _fill_score(self, col: np.ndarray) -> np.ndarray:
        return np.zeros(len(col))

    def _reasons(self, lists: pd.DataFrame) -> np.ndarray:
        """Why each product was named: the customer's habit, the model's word, or popularity."""
        history, col, pair = self.history_, lists._col.to_numpy(), lists._pair.to_numpy()
        share = 100 * history.buyers[col] / history.people
        words = np.array([f"popular: bought by {s:.1f}% of customers" for s in share], dtype=object)
        new = np.flatnonzero((pair < 0) & (lists.score > 0))
        own = np.array([*self._explain(lists._row.to_numpy()[new], col[new])], dtype=object)
        said = own != ""
        words[new[said]] = own[said]
        words[pair >= 0] = _habits(history, pair[pair >= 0])
        return words

    def _check(self) -> None:
        """Raise TableError for parameters out of range, all of them in one."""
        wrong = []
        for name, allowed in self.ranges.items():
            value = getattr(self, name)
            if value not in allowed:
                wrong.append(f"{name} = {value!r} (it is {allowed})")
        if wrong:
            raise TableError(f"{type(self).__name__} cannot use {', '.join(wrong)}")

    @abstractmethod
    def _learn(self, history: History) -> None:
        """Set the learned attributes."""

    @abstractmethod
    def _score(self, want: Wanted) -> Any:
        """Customers of the block x products; a score of 0 or less means nothing to say."""

    def _explain(self, row: np.ndarray, col: np.ndarray) -> Iterable[str]:
        """Why these products, new to these customers, were named; "" leaves it to popularity."""
        return [""] * len(row)


def fitted(model: Recommender, history: History) -> Recommender:
    """A copy of the model that has learned from this history; the model itself stays as it is.

    What the model has learned from this very history is taken over.
    """
    return copy(model).fit_history(history)


def arrays(
    matrix: sparse.csr_array, kind: type = np.float64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix as the kernels take it."""
    indices = matrix.indices.astype(np.int32, copy=False)
    return matrix.indptr.astype(np.int64, copy=False), indices, matrix.data.astype(kind, copy=False)


def at_least(values: np.ndarray, k: int) -> np.ndarray:
    """One flag a value: is it among the k largest along the last axis, or equal to the k-th?"""
    if k >= values.shape[-1]:
        return np.ones(values.shape, dtype=bool)
    return values >= np.partition(values, -k, axis=-1)[..., -k, None]


def on_bought(history: History, row: np.ndarray, scores: np.ndarray) -> sparse.csr_array:
    """Of the scores (customers x products) those of what each customer has bought."""
    bought = history.matrix()[row]
    place = np.repeat(np.arange(len(row)), np.diff(bought.indptr))
    return csr(scores[place, bought.indices], bought.indices, bought.indptr, bought.shape)


def _run_numbers(group: np.ndarray) -> np.ndarray:
    """1, 2, ... within each run of equal values, which ascend."""
    return np.arange(len(group)) - np.searchsorted(group, group) + 1


def _habits(history: History, pair: np.ndarray) -> np.ndarray:
    """How often, how long ago and how regularly each pair was bought, in words."""
    orders, last = history.orders[pair], history.last[pair]
    span = history.first[pair] - last
    ago = np.where(last == 0, "today", _lengths(last) + " ago")
    times = np.char.mod("%d times", orders).astype(object)
    once = "bought once, " + ago
    often = "bought " + times + ", " + ago
    gap = _lengths(span / np.maximum(orders - 1, 1))
    regular = "bought " + times + ", last " + ago + ", usual gap " + gap
    return np.select([span > 0, orders > 1], [regular, often], once)


def _lengths(days: np.ndarray) -> np.ndarray:
    """The words of `_length` for each number of days."""
    values, place = np.unique(days, return_inverse=True)
    return np.array([_length(value) for value in values.tolist()], dtype=object)[place]


def _length(days: float) -> str:
    """Days in the unit people would use.

    >>> _length(1), _length(9.6), _length(21)
    ('1 day', '10 days', '3 weeks')
    """
    count, unit = (days, "day") if days < 14 else (days / 7, "week")
    return f"{max(1, round(count))} {unit}{'' if round(count) <= 1 else 's'}"
