"""Who bought what, how often and when: the one thing every recommender learns from.

Customers and products are numbered 0, 1, ... in the order of their ids; one extra, empty row stands for
a customer who is not known, so that number -1 can be looked up like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from personalize.recommenders.descriptions import Descriptions
from personalize.tables import TableError, Tables

__all__ = ["History"]


@dataclass(frozen=True, eq=False)
class History:
    """All purchases up to a day, one entry a customer and product.

    Attributes
    ----------
    tables : Tables as known at the end of `as_of`
    as_of : the last known day
    customers, products : sorted ids; a number is a position in them. `products` also holds what was never sold
    row, col : customer and product number of every pair, ordered by both
    orders : number of orders of the pair, 1 or more
    first, last : days from the first and the latest purchase of the pair to `as_of`, 0 or more
    """

    tables: Tables
    as_of: pd.Timestamp
    customers: pd.Index
    products: pd.Index
    row: np.ndarray
    col: np.ndarray
    orders: np.ndarray
    first: np.ndarray
    last: np.ndarray
    _start: np.ndarray
    _age: np.ndarray
    _shared: dict = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, tables: Tables, *, as_of: Any, max_rows: int = 50_000_000) -> "History":
        """The purchases known at the end of the day `as_of`.

        Parameters
        ----------
        tables : Tables
        as_of : date; nothing after it is read
        max_rows : the largest number of purchases to bring into memory (about 40 bytes each)

        Raises
        ------
        TableError : when no known customer bought anything, or `as_of` is outside the data.
        """
        return cls.of(tables.until(as_of), pd.Timestamp(as_of).normalize(), max_rows=max_rows)

    @classmethod
    def of(cls, known: Tables, as_of: pd.Timestamp, *, max_rows: int = 50_000_000) -> "History":
        """The same from tables that already end at `as_of`, though the last order may lie before it."""
        visits = known.query("recommender_visits", max_rows=max_rows)
        if visits.empty:
            raise nothing_bought(as_of)
        row, customers = pd.factorize(visits.customer_id, sort=True)
        products = catalogue(known, visits.product_id)
        col = products.get_indexer(visits.product_id)
        start = np.flatnonzero(np.r_[True, (np.diff(row) != 0) | (np.diff(col) != 0)])
        age = (as_of - visits.day).dt.days.to_numpy(np.int32)
        end = np.r_[start[1:], len(row)]
        return cls(known, as_of, customers, products, row[start].astype(np.int32), col[start].astype(np.int32),
                   (end - start).astype(np.int32), age[start], age[end - 1], start, age)  # fmt: skip

    def until(self, as_of: Any) -> "History":
        """The same purchases as they were known at the end of an earlier day, cut in memory and kept.

        Raises
        ------
        TableError : for a later day than the history's own, or one before its first purchase.
        """
        day = pd.Timestamp(as_of).normalize()
        if day == self.as_of:
            return self
        first = self.as_of - pd.Timedelta(days=int(self._age.max()))
        if not first <= day < self.as_of:
            raise TableError(
                f"as_of = {day:%Y-%m-%d} is outside this history, which runs from {first:%Y-%m-%d} to "
                f"{self.as_of:%Y-%m-%d}: choose a day between the two"
            )
        return self.once(("until", day), lambda: self._cut(day))

    def _cut(self, day: pd.Timestamp) -> "History":
        tables = self.tables if day >= self.tables.end else self.tables.until(day)
        return self._kept(self._age >= (self.as_of - day).days, day, tables, self._shared)

    def _kept(self, keep: np.ndarray, day: pd.Timestamp, tables: Tables, shared: dict) -> "History":
        """The history of the flagged purchases, as seen on another day."""
        orders = np.add.reduceat(keep, self._start, dtype=np.int32)
        kept = orders > 0
        number = np.flatnonzero(np.bincount(self.row[kept]))
        row = np.searchsorted(number, self.row[kept])
        age, orders = self._age[keep] - np.int32((self.as_of - day).days), orders[kept]
        end = np.cumsum(orders)
        start = end - orders
        return History(tables, day, self.customers[number], self.products, row.astype(np.int32), self.col[kept],
                       orders, age[start], age[end - 1], start, age, shared)  # fmt: skip

    def without(self, hidden: np.ndarray) -> "History":
        """The same days without some pairs, one flag a pair: for demonstrations, since no day is like that."""
        gone = np.repeat(hidden, self.orders)
        return self._kept(~gone, self.as_of, self.tables, {("described",): self.described})

    def bought_after(self, day: Any, until: Any) -> pd.DataFrame:
        """What was bought after one day, up to and including another: customer_id, product_id, ordered by both."""
        newest, oldest = ((self.as_of - pd.Timestamp(d).normalize()).days for d in (until, day))
        inside = np.logical_or.reduceat((self._age >= newest) & (self._age < oldest), self._start)
        return pd.DataFrame(
            {
                "customer_id": self.customers[self.row[inside]],
                "product_id": self.products[self.col[inside]],
            }
        )

    def once(self, key: tuple, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once for this history and all that were cut from it."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a matrix of this history, the empty row included."""
        return len(self.customers) + 1, len(self.products)

    @cached_property
    def _indptr(self) -> np.ndarray:
        return np.searchsorted(self.row, np.arange(self.shape[0] + 1, dtype=self.row.dtype))

    def pairs_of(self, row: int) -> slice:
        """The pairs of one customer number; none for -1."""
        return slice(self._indptr[row], self._indptr[row + 1]) if row >= 0 else slice(0, 0)

    def bought(self, row: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where the pairs of each customer number begin and end, and of all pairs `col`, `due` and `last`."""
        known = row >= 0
        return (
            self._indptr[row] * known,
            self._indptr[row + 1] * known,
            self.col,
            self.due,
            self.last,
        )

    @cached_property
    def due(self) -> np.ndarray:
        """One flag a pair: bought at least twice, and the usual gap between purchases has passed."""
        return (self.orders > 1) & (self.last * (self.orders - 1) >= self.first - self.last)

    @cached_property
    def span(self) -> int:
        """Days from the first purchase of all to the last known day, both counted."""
        return int(self._age.max()) + 1

    @cached_property
    def previous(self) -> np.ndarray:
        """Days from the latest purchase but one of each pair to `as_of`; the latest where there is one alone."""
        return self._age[self._start + np.maximum(self.orders - 2, 0)]

    @cached_property
    def _days(self) -> np.ndarray:
        """Every customer's days of shopping, as ascending customer number * span + age."""
        days = np.sort(np.repeat(self.row.astype(np.int64) * self.span, self.orders) + self._age)
        return days[np.diff(days, prepend=-1) > 0]

    @cached_property
    def _first_day(self) -> np.ndarray:
        """Where the days of each customer begin."""
        return np.searchsorted(self._days, np.arange(len(self.customers)) * self.span)

    def trips(self, row: np.ndarray, days: Any) -> np.ndarray:
        """Days on which each customer number bought anything, within so many days before `as_of`."""
        end = np.asarray(row, dtype=np.int64) * self.span + np.minimum(days, self.span - 1)
        return np.where(
            row < 0, 0, np.searchsorted(self._days, end, side="right") - self._first_day[row]
        )

    @cached_property
    def buyers(self) -> np.ndarray:
        """Number of customers who bought each product; 0 for one never sold."""
        return np.bincount(self.col, minlength=len(self.products))

    @cached_property
    def people(self) -> int:
        """Number of customers among whom the buyers are counted."""
        return len(self.customers)

    @cached_property
    def by_popularity(self) -> np.ndarray:
        """Products ever sold, most buyers first, then by id."""
        return np.argsort(-self.buyers, kind="stable")[: np.count_nonzero(self.buyers)]

    @cached_property
    def standing(self) -> np.ndarray:
        """The place of each product by number of buyers, then by id, from 0."""
        place = np.empty(len(self.products), dtype=np.int64)
        place[np.argsort(-self.buyers, kind="stable")] = np.arange(len(self.products))
        return place

    @property
    def described(self) -> Descriptions:
        """What the source says about the products; read once for all histories cut from one."""
        return self.once(("described",), lambda: Descriptions(self.tables, self.products))

    @property
    def names(self) -> np.ndarray:
        """What people call each product; its id where the source has no name."""
        return self.described.names

    @property
    def kind(self) -> np.ndarray | None:
        """A number for the narrowest group of each product, -1 where it is not known; None where no group is known."""
        return self.described.kind

    @cached_property
    def by_kind(self) -> sparse.csr_array:
        """Customers x groups: orders that count half after 26 weeks; an empty last row, unknown groups left out."""
        kind = self.kind[self.col]
        known = kind >= 0
        start, shape = (
            np.r_[0, np.cumsum(known)][self._indptr],
            (self.shape[0], int(self.kind.max()) + 1),
        )
        groups = csr(self.decayed(26)[known], kind[known], start, shape)
        groups.sum_duplicates()
        return groups

    def familiar(self, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """One flag a (customer, product): had the customer bought from the product's narrowest group?"""
        kind = self.kind[col]
        return (kind >= 0) & (row >= 0) & (self.by_kind[row, np.maximum(kind, 0)] > 0)

    def matrix(self, values: Any = None) -> sparse.csr_array:
        """Customers x products with one value a pair (1 when None), and an empty last row.

        Parameters
        ----------
        values : array of one number a pair, in the order of `row` and `col`
        """
        data = np.ones(len(self.col)) if values is None else np.asarray(values, dtype=float)
        return csr(data, self.col, self._indptr, self.shape)

    def decayed(self, half_life_weeks: float | None) -> np.ndarray:
        """Orders of each pair, each counting half as much for every `half_life_weeks` it lies back.

        Parameters
        ----------
        half_life_weeks : weeks, above 0; None counts every order as 1
        """
        if half_life_weeks is None:
            return self.orders.astype(float)
        weight = np.exp2(-np.arange(self.span) / (7.0 * half_life_weeks))
        key = ("decayed", self.as_of, half_life_weeks)
        return self.once(key, lambda: np.add.reduceat(weight[self._age], self._start))

    def find(self, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """Position of each (customer, product) among the pairs, -1 where it was never bought."""
        width = len(self.products)
        if not hasattr(self, "_keys"):
            object.__setattr__(self, "_keys", self.row.astype(np.int64) * width + self.col)
        wanted = np.asarray(row, dtype=np.int64) * width + col
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, place, -1)

    def number(self, customers: Any) -> np.ndarray:
        """The number of each customer id, -1 where it is not known.

        Raises
        ------
        TableError : when the ids are text and the history's are numbers, or the other way round.
        """
        return _numbers(self.customers, customers, "customer_id")

    def product_number(self, products: Any) -> np.ndarray:
        """The number of each product id, -1 where it is not known; TableError for ids of another type."""
        return _numbers(self.products, products, "product_id")


def csr(
    data: np.ndarray, col: np.ndarray, start: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_array:
    """The matrix of these rows, with positions of 32 bits where they suffice: scipy would widen all to the widest."""
    kind = np.int32 if start[-1] < 2**31 else np.int64
    return sparse.csr_array(
        (data, col.astype(kind, copy=False), start.astype(kind, copy=False)), shape=shape
    )


def nothing_bought(as_of: pd.Timestamp) -> TableError:
    """The error for a source without a purchase to learn from."""
    return TableError(
        f"no purchase of a known customer up to {as_of:%Y-%m-%d}: recommendations need customer_id "
        "and a quantity above 0 on some order lines"
    )


def catalogue(tables: Tables, sold: pd.Series) -> pd.Index:
    """The sorted ids of all products, sold or only listed."""
    products = pd.Index(sold.unique())
    if "products" in tables:
        products = products.union(
            pd.Index(tables.products.to_pandas(["product_id"]).product_id.unique())
        )
    return products.sort_values()


def _numbers(known: pd.Index, wanted: Any, name: str) -> np.ndarray:
    wanted = pd.Index(wanted)
    if missing := int(wanted.isna().sum()):
        raise TableError(
            f"{missing:,} of the {len(wanted):,} given values of {name} are missing: drop them"
        )
    number = pd.api.types.is_numeric_dtype
    if len(wanted) and number(wanted) != number(known):
        raise TableError(
            f"{name} is given as {wanted.dtype} (first: {wanted[0]!r}) but is {known.dtype} in the data "
            f"(first: {known[0]!r}): convert it, for example with .astype({type(known[0]).__name__!r})"
        )
    return known.get_indexer(wanted)
