"""Who bought what, how often and when: the one thing every recommender learns from.

Customers and products are numbered 0, 1, ... in the order of their ids; one extra, empty row stands
for a customer who is not known, so that number -1 can be looked up like any other.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from personalize.tables import CONTRACTS, TableError, Tables, Unavailable

__all__ = ["Descriptions", "History", "csr"]

_TEXTS = ("department", "category", "subcategory", "brand", "name", "text")


@dataclass(frozen=True, eq=False)
class Descriptions:
    """What a source says about its products, beside the ties between its customers.

    Attributes
    ----------
    source : name of the source, for messages
    table : one row a product, in the order of the ids; the columns of the table products
    links : the table links; None where the source has none
    """

    source: str
    table: pd.DataFrame
    links: pd.DataFrame | None

    @cached_property
    def names(self) -> np.ndarray:
        """What people call each product; its id where the source has no name."""
        ids = pd.Series(self.table.index.astype(str), index=self.table.index, dtype=str)
        return self.table.get("name", ids).fillna(ids).to_numpy(dtype=object)

    @cached_property
    def kind(self) -> np.ndarray:
        """A number for the narrowest group of each product, -1 where it is not known."""
        narrowest = pd.Series(None, index=self.table.index, dtype=object)
        for name in ("subcategory", "category"):
            if name in self.table:
                narrowest = narrowest.fillna(self.table[name])
        return pd.factorize(narrowest)[0]

    @property
    def groups(self) -> int:
        """Number of groups; 0 where no product's group is known."""
        return int(self.kind.max()) + 1

    def text(self, columns: Any = None) -> pd.Series:
        """All that is written about each product: words in lower case, "" where there is nothing.

        Digits and signs are dropped, so that products which differ only in a number share their
        text.

        Parameters
        ----------
        columns : names of columns of the table products, joined in this order; department,
            category, subcategory, brand, name and text, as far as they are there, when None

        Raises
        ------
        Unavailable : when the table products lacks such columns.
        """
        if columns is None:
            return self._every_text
        return self._joined(list(columns))

    @cached_property
    def _every_text(self) -> pd.Series:
        return self._joined([name for name in _TEXTS if name in self.table])

    def _joined(self, wanted: list[str]) -> pd.Series:
        missing = sorted(set(wanted) - set(self.table.columns))
        if missing or not wanted:
            raise Unavailable(
                f"source '{self.source}' has no product text: give the table products with "
                f"product_id and one or more of {', '.join(missing or _TEXTS)}"
            )
        parts = [self.table[name].astype(str).fillna("") for name in wanted]
        number, joined = pd.factorize(parts[0].str.cat(parts[1:], sep=" "))
        words = pd.Series(joined, dtype=str).str.lower()
        words = words.str.replace(r"[\W\d_]+", " ", regex=True).str.strip()
        return pd.Series(words.to_numpy(dtype=object)[number], index=self.table.index, dtype=str)

    def ties(self) -> pd.DataFrame:
        """The table links; Unavailable where the source has none."""
        if self.links is None:
            columns = ", ".join(CONTRACTS["links"].columns)
            raise Unavailable(
                f"source '{self.source}' has no table 'links'. To add it, give columns: {columns}"
            )
        return self.links


@dataclass(frozen=True, eq=False)
class History:
    """All purchases up to a day, one entry a customer and product; plain arrays, no open source.

    Attributes
    ----------
    as_of : the last known day
    customers, products : sorted ids; a number is a position in them. `products` also holds what was
        never sold
    row, col : customer and product number of every pair, ordered by both
    start : where the purchases of each pair begin in `age`, and one more number: where the last end
    age : days from each purchase to `as_of`, of each pair the earliest first
    buyers : number of customers who bought each product; 0 for one never sold
    people : number of customers among whom the buyers are counted
    described : what the source says about the products
    """

    as_of: pd.Timestamp
    customers: pd.Index
    products: pd.Index
    row: np.ndarray
    col: np.ndarray
    start: np.ndarray
    age: np.ndarray
    buyers: np.ndarray
    people: int
    described: Descriptions

    @classmethod
    def load(cls, tables: Tables, *, as_of: Any = None, max_rows: int = 50_000_000) -> "History":
        """The purchases known at the end of the day `as_of`.

        Parameters
        ----------
        tables : Tables
        as_of : date; nothing after it is read. The last day with an order when None
        max_rows : the largest number of purchases to bring into memory (about 40 bytes each)

        Raises
        ------
        TableError : for anything but tables, or when `as_of` is outside the data.
        Unavailable : when no known customer bought anything.
        """
        if not isinstance(tables, Tables):
            raise TableError(
                f"recommenders learn from tables of a source, not from {type(tables).__name__}: "
                "call .fit(pz.load(...), as_of='2017-10-29')"
            )
        day = tables.end if as_of is None else as_of
        return cls.of(tables.until(day), pd.Timestamp(day).normalize(), max_rows=max_rows)

    @classmethod
    def of(cls, known: Tables, as_of: pd.Timestamp, *, max_rows: int = 50_000_000) -> "History":
        """The same from tables that end at `as_of`, though the last order may lie before."""
        visits = known.query("recommender_visits", max_rows=max_rows)
        if visits.empty:
            raise nothing_bought(as_of)
        described = descriptions(known, visits.product_id, max_rows=max_rows)
        products = described.table.index
        row, customers = pd.factorize(visits.customer_id, sort=True)
        col = products.get_indexer(visits.product_id)
        first = np.flatnonzero(np.diff(row, prepend=-1) | np.diff(col, prepend=-1))
        return cls(
            as_of,
            customers,
            products,
            row[first].astype(np.int32),
            col[first].astype(np.int32),
            np.append(first, len(row)),
            (as_of - visits.day).dt.days.to_numpy(np.int32),
            np.bincount(col[first], minlength=len(products)),
            len(customers),
            described,
        )

    def until(self, as_of: Any) -> "History":
        """The same purchases as they were known at the end of an earlier day, cut in memory once.

        Raises
        ------
        TableError : for a later day than the history's own, or one before its first purchase.
        """
        day = pd.Timestamp(as_of).normalize()
        first = self.as_of - pd.Timedelta(days=self.span - 1)
        if not first <= day <= self.as_of:
            raise TableError(
                f"as_of = {day:%Y-%m-%d} is outside this history, which runs from "
                f"{first:%Y-%m-%d} to {self.as_of:%Y-%m-%d}: choose a day between the two"
            )
        if day not in self._earlier:
            self._earlier[day] = self._kept(self.age >= (self.as_of - day).days, day)
        return self._earlier[day]

    @cached_property
    def _earlier(self) -> dict[pd.Timestamp, "History"]:
        """What has been cut so far, so that a model that learned from a cut knows it again."""
        return {self.as_of: self}

    def without(self, hidden: np.ndarray) -> "History":
        """The same days without the flagged pairs: for demonstrations, no day is like that."""
        return self._kept(~np.repeat(hidden, self.orders), self.as_of)

    def _kept(self, keep: np.ndarray, day: pd.Timestamp) -> "History":
        """The history of the flagged purchases, as seen on another day."""
        orders = np.add.reduceat(keep, self.start[:-1], dtype=np.int32)
        kept = orders > 0
        number = np.flatnonzero(np.bincount(self.row[kept]))
        row = np.searchsorted(number, self.row[kept])
        return History(
            day,
            self.customers[number],
            self.products,
            row.astype(np.int32),
            self.col[kept],
            np.r_[0, np.cumsum(orders[kept])],
            self.age[keep] - np.int32((self.as_of - day).days),
            np.bincount(self.col[kept], minlength=len(self.products)),
            len(number),
            self.described,
        )

    def bought_after(self, day: Any, until: Any) -> pd.DataFrame:
        """customer_id and product_id of what was bought after one day, up to another."""
        oldest = (self.as_of - pd.Timestamp(day).normalize()).days
        newest = (self.as_of - pd.Timestamp(until).normalize()).days
        inside = (self.age >= newest) & (self.age < oldest)
        pairs = np.logical_or.reduceat(inside, self.start[:-1])
        return pd.DataFrame(
            {
                "customer_id": self.customers[self.row[pairs]],
                "product_id": self.products[self.col[pairs]],
            }
        )

    @cached_property
    def orders(self) -> np.ndarray:
        """Number of orders of each pair, 1 or more."""
        return np.diff(self.start).astype(np.int32)

    @cached_property
    def first(self) -> np.ndarray:
        """Days from the first purchase of each pair to `as_of`."""
        return self.age[self.start[:-1]]

    @cached_property
    def last(self) -> np.ndarray:
        """Days from the latest purchase of each pair to `as_of`."""
        return self.age[self.start[1:] - 1]

    @cached_property
    def previous(self) -> np.ndarray:
        """Days from the latest purchase but one of each pair; from the latest where it is alone."""
        return self.age[self.start[1:] - np.minimum(self.orders, 2)]

    @cached_property
    def due(self) -> np.ndarray:
        """One flag a pair: bought at least twice, and the usual gap has passed."""
        return (self.orders > 1) & (self.last * (self.orders - 1) >= self.first - self.last)

    @cached_property
    def span(self) -> int:
        """Days from the first purchase of all to the last known day, both counted."""
        return int(self.age.max()) + 1

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a matrix of this history, the empty row included."""
        return len(self.customers) + 1, len(self.products)

    @cached_property
    def _indptr(self) -> np.ndarray:
        """Where the pairs of each customer begin."""
        return np.searchsorted(self.row, np.arange(self.shape[0] + 1, dtype=self.row.dtype))

    @cached_property
    def _keys(self) -> np.ndarray:
        """One ascending number a pair."""
        return self.row.astype(np.int64) * len(self.products) + self.col

    @cached_property
    def by_popularity(self) -> np.ndarray:
        """Products ever sold, most buyers first, then by id."""
        return np.argsort(-self.buyers, kind="stable")[: np.count_nonzero(self.buyers)]

    @cached_property
    def standing(self) -> np.ndarray:
        """The place of each product by number of buyers, then by id, from 0."""
        return np.argsort(np.argsort(-self.buyers, kind="stable"))

    @cached_property
    def by_kind(self) -> sparse.csr_array:
        """Customers x groups: orders that count half after 26 weeks; unknown groups left out.

        The last row is empty.
        """
        kind = self.described.kind
        known = np.flatnonzero(kind >= 0)
        belongs = sparse.csr_array(
            (np.ones(len(known)), (known, kind[known])), shape=(len(kind), self.described.groups)
        )
        return sparse.csr_array(self.matrix(self.decayed(26)) @ belongs)

    def matrix(self, values: Any = None) -> sparse.csr_array:
        """Customers x products with one value a pair (1 when None), and an empty last row."""
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
        return np.add.reduceat(weight[self.age], self.start[:-1])

    def bought(self, row: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where the pairs of each customer begin and end; of all pairs `col`, `due`, `last`."""
        known = row >= 0
        begin, end = self._indptr[row] * known, self._indptr[row + 1] * known
        return begin, end, self.col, self.due, self.last

    def find(self, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """Position of each (customer, product) among the pairs, -1 where it was never bought."""
        wanted = np.asarray(row, dtype=np.int64) * len(self.products) + col
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
        """The number of each product id, in a list or a table with product_id; see `number`."""
        ids = products["product_id"] if isinstance(products, pd.DataFrame) else products
        return _numbers(self.products, ids, "product_id")

    def flags(self, products: Any) -> np.ndarray:
        """One flag a product of this history: is it among these ids?"""
        return np.isin(np.arange(len(self.products)), self.product_number(products))


def csr(
    data: np.ndarray, col: np.ndarray, start: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_array:
    """The matrix of these rows, with positions of 32 bits where they suffice.

    scipy would widen all to the widest.
    """
    kind = np.int32 if start[-1] < 2**31 else np.int64
    places = col.astype(kind, copy=False), start.astype(kind, copy=False)
    return sparse.csr_array((data, *places), shape=shape)


def nothing_bought(as_of: pd.Timestamp) -> Unavailable:
    """The error for a source without a purchase to learn from."""
    return Unavailable(
        f"no purchase of a known customer up to {as_of:%Y-%m-%d}: recommendations need customer_id "
        "and a quantity above 0 on some order lines"
    )


def descriptions(tables: Tables, sold: pd.Series, *, max_rows: int) -> Descriptions:
    """What the source says about all its products, sold or only listed, by id."""
    ids = pd.Index(sold.unique())
    table = pd.DataFrame(index=ids)
    if "products" in tables:
        listed = tables.products.to_pandas().drop_duplicates("product_id")
        table = listed.set_index("product_id")
        ids = ids.union(table.index)
    links = tables.links.to_pandas() if "links" in tables else None
    return Descriptions(tables.name, table.reindex(ids.sort_values()), links)


def _numbers(known: pd.Index, wanted: Any, name: str) -> np.ndarray:
    wanted = pd.Index(wanted)
    if missing := int(wanted.isna().sum()):
        raise TableError(
            f"{missing:,} of the {len(wanted):,} given values of {name} are missing: drop them"
        )
    number = pd.api.types.is_numeric_dtype
    if len(wanted) and number(wanted) != number(known):
        raise TableError(
            f"{name} is given as {wanted.dtype} (first: {wanted[0]!r}) but is {known.dtype} in the "
            f"data (first: {known[0]!r}): convert it, for example with "
            f".astype({type(known[0]).__name__!r})"
        )
    return known.get_indexer(wanted)
