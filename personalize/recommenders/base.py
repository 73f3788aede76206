"""The contract of every recommender: ids and tables in, one tidy table out.

A model says how much it thinks of which products for which customers (`_score`), and why (`_explain`).
Everything else is done here, once: which products may be named, ties, what fills a short list, the table.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from personalize.recommenders.history import History, csr
from personalize.tables import TableError, Tables

__all__ = ["Recommender", "Wanted"]

Repeat = Literal["allow", "new", "due"]
_REPEATS = ("allow", "new", "due")
_BLOCK = 1024  # customers scored at once
_NUMBERS = ("_place", "rank", "score", "_row", "_col", "_pair")
_SLATES = pd.Index(["buy again", "discover"])


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

    Parameters are given to the constructor and checked in `fit`. A subclass writes `_learn` and `_score`,
    and `_explain` where it has more to say than how often the customer bought.
    """

    history_: History

    def fit(self, tables: Tables, *, as_of: Any) -> Self:
        """Learn from everything known at the end of the day `as_of`.

        Parameters
        ----------
        tables : Tables
        as_of : date; nothing after it is read

        Raises
        ------
        TableError : for a parameter out of range, or data that the model cannot learn from.
        """
        return self.fit_history(History.load(tables, as_of=as_of))

    def fit_history(self, history: History) -> Self:
        """Learn from a `History` that is already loaded, so that several models share it.

        A model that has learned from this very history with the same parameters does not learn again.
        """
        self._check()
        learned = history, self.get_params()
        if getattr(self, "_learned", None) != learned or any(
            isinstance(v, Recommender) for v in learned[1].values()
        ):
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
        customers : customer ids; all who bought up to `as_of` when None. An id that is not known gets
            what sells best; an id given twice is served once
        k : length of each list, 1 or more; a list is shorter where fewer products qualify
        repeat : "allow" any product; "new" only products the customer never bought; "due" only products
            bought at least twice whose usual gap between purchases has passed
        candidates : product ids that may be named (a list, or a table with product_id), also such that were
            never sold; every product sold up to `as_of` when None

        Returns
        -------
        DataFrame : customer_id, rank (1 is best), product_id, score (of the model; 0 where the place was
            filled by popularity), slate ("buy again" or "discover"), reason (words), in the order of
            `customers` and rank

        Raises
        ------
        TableError : for an unfitted model, k below 1, another `repeat`, missing ids or ids of another type.

        Notes
        -----
        Products of equal score are ordered by the customer's latest purchase, then by number of buyers, then
        by id. Only scores above 0 count; places left over are filled with what sells best, except for "due".
        """
        ids = (
            self.history_.customers
            if self._ready(k, repeat) and customers is None
            else pd.Index(customers).unique()
        )
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

    def _ready(self, k: int, repeat: Repeat) -> bool:
        if not hasattr(self, "history_"):
            raise TableError(
                f"{type(self).__name__} has learned nothing yet: call fit(tables, as_of=...) first"
            )
        if repeat not in _REPEATS or k < 1:
            raise TableError(
                f"repeat = {repeat!r} and k = {k}: repeat is one of {_REPEATS}, k is 1 or more"
            )
        return True

    def lists(
        self, customers: pd.Index, k: int, repeat: Repeat, allowed: np.ndarray
    ) -> pd.DataFrame:
        """The lists of `recommend` in numbers: _place (of the customer among those asked for), rank, score, and _row,
        _col and _pair (numbers of customer, product and pair in the history, -1 for none)."""
        row = self.history_.number(customers)
        cuts = range(0, len(customers), _BLOCK)
        wants = (
            Wanted(row[i : i + _BLOCK], customers[i : i + _BLOCK], allowed, repeat, k) for i in cuts
        )
        blocks = [self._block(want, start) for start, want in zip(cuts, wants, strict=True)]
        if not blocks:
            return pd.DataFrame(
                {name: np.zeros(0, dtype=float if name == "score" else int) for name in _NUMBERS}
            )
        return pd.DataFrame(
            dict(zip(_NUMBERS, map(np.concatenate, zip(*blocks, strict=True)), strict=True))
        )

    def _allowed(self, candidates: Any) -> np.ndarray:
        if candidates is None:
            return self.history_.buyers > 0
        ids = candidates["product_id"] if isinstance(candidates, pd.DataFrame) else candidates
        number = self.history_.product_number(ids)
        if not (number >= 0).any():
            raise TableError(
                f"none of the {len(number):,} candidates is a product of this source: check the ids"
            )
        allowed = np.zeros(len(self.history_.products), dtype=bool)
        allowed[number[number >= 0]] = True
        return allowed

    def _block(self, want: Wanted, start: int) -> tuple[np.ndarray, ...]:
        place, col, score, pair = self.best(want, fill=want.repeat != "due")
        score[score == 0] = self._fill_score(col[score == 0])
        return place + start, _run_numbers(place), score, want.row[place], col, pair

    def best(
        self, want: Wanted, *, fill: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Each customer's best products in final order: place in the block, product number, score and pair; on request
        filled, with a score of 0, by what sells best."""
        from personalize.recommenders import kernels

        history, scores = self.history_, sparse.csr_array(self._score(want))
        popular = history.by_popularity[want.allowed[history.by_popularity] & fill]
        products = want.allowed, history.standing, popular
        return kernels.best(
            arrays(scores, np.float32),
            history.bought(want.row),
            products,
            _REPEATS.index(want.repeat),
            want.k,
        )

    def _fill_score(self, col: np.ndarray) -> np.ndarray:
        return np.zeros(len(col))

    def _reasons(self, lists: pd.DataFrame) -> np.ndarray:
        history, row, col, pair = (
            self.history_,
            *(lists[name].to_numpy() for name in ("_row", "_col", "_pair")),
        )
        words = np.full(len(lists), "", dtype=object)
        words[pair >= 0] = _habits(history, pair[pair >= 0])
        own = (pair < 0) & (lists.score.to_numpy() > 0)
        words[own] = list(self._explain(row[own], col[own]))
        rest = words == ""
        share = 100 * history.buyers[col[rest]] / history.people
        words[rest] = [
            f"popular: bought by {percent:.1f}% of customers" for percent in share.tolist()
        ]
        return words

    def _check(self) -> None:
        """Raise TableError for parameters out of range."""

    @abstractmethod
    def _learn(self, history: History) -> None:
        """Set the learned attributes."""

    @abstractmethod
    def _score(self, want: Wanted) -> Any:
        """Customers of the block x products; a score of 0 or less means nothing to say."""

    def _explain(self, row: np.ndarray, col: np.ndarray) -> Iterable[str]:
        """Why these products, new to these customers, were named; "" leaves it to popularity."""
        return [""] * len(row)


def arrays(
    matrix: sparse.csr_array, kind: type = np.float64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix as the kernels take it."""
    indices = matrix.indices.astype(np.int32, copy=False)
    return matrix.indptr.astype(np.int64, copy=False), indices, matrix.data.astype(kind, copy=False)


def at_least(values: np.ndarray, k: int) -> np.ndarray:
    """One flag a value: is it among the k largest of its row (the last axis), or equal to the k-th?"""
    if k >= values.shape[-1]:
        return np.ones(values.shape, dtype=bool)
    return values >= np.partition(values, -k, axis=-1)[..., -k, None]


def _run_numbers(group: np.ndarray) -> np.ndarray:
    """1, 2, ... within each run of equal values."""
    if not len(group):
        return np.zeros(0, dtype=int)
    start = np.flatnonzero(np.r_[True, np.diff(group) != 0])
    return np.arange(len(group)) - np.repeat(start, np.diff(np.r_[start, len(group)])) + 1


def kept(scores: sparse.csr_array, keep: np.ndarray) -> sparse.csr_array:
    """The matrix without the entries that are not flagged."""
    return csr(
        scores.data[keep],
        scores.indices[keep],
        np.r_[0, np.cumsum(keep)][scores.indptr],
        scores.shape,
    )


def _habits(history: History, pair: np.ndarray) -> list[str]:
    """How often, how long ago and how regularly each pair was bought, in words."""
    orders, last, span = (
        history.orders[pair],
        history.last[pair],
        (history.first - history.last)[pair],
    )
    ago = np.where(last == 0, "today", _lengths(last) + " ago")
    gap = _lengths(span / np.maximum(orders - 1, 1))
    return [
        f"bought {n} times, last {when}, usual gap {days}" if regular else
        f"bought {n} times, {when}" if n > 1 else f"bought once, {when}"
        for n, when, days, regular in zip(orders.tolist(), ago, gap, (span > 0).tolist(), strict=True)
    ]  # fmt: skip


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
