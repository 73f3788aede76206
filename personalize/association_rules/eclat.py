"""Which products are bought together: exact frequent itemsets, in memory or where the rows of a
source are."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pandas as pd

from personalize.association_rules.transactions import Baskets, baskets, encode, query
from personalize.tables import TableError, Tables

MAX_SETS = 2_000_000


@dataclass(frozen=True, eq=False)
class Itemsets:
    """Frequent itemsets by size, with the way from each to the sets that lack one of its items.

    Attributes
    ----------
    labels : the items; codes are places here
    items : an array (sets, size) for each size: codes ascending in a row, rows in lexical order
    counts : baskets that hold each set, size by size; a set's place is its place here
    looked_at : rules with one consequent in all itemsets that were counted, frequent or not
    """

    labels: np.ndarray = field(repr=False)
    items: list[np.ndarray] = field(repr=False)
    counts: np.ndarray = field(repr=False)
    looked_at: int = 0

    @cached_property
    def starts(self) -> np.ndarray:
        """The place of the first itemset of each size, and the end."""
        return np.cumsum([0, *map(len, self.items)])

    @cached_property
    def without(self) -> list[np.ndarray]:
        """For each size, an array (sets, size): the place, one size down, of the set without its
        j-th item."""
        from personalize.association_rules import _kernels

        below = [np.zeros(items.shape, int) for items in self.items[:1]]
        for shorter, items in pairwise(self.items):
            below.append(_kernels.without_one(items, shorter, below[-1]))
        return below

    @cached_property
    def names(self) -> np.ndarray:
        """The itemsets as sorted tuples of labels."""
        rows = chain.from_iterable(tuples(self.labels, items) for items in self.items)
        return np.fromiter(rows, dtype=object, count=len(self.counts))

    @cached_property
    def splits(self) -> np.ndarray:
        """A column a rule of every itemset of two or more: the places of the set, its antecedent,
        its consequent."""
        rules = [np.empty((3, 0), int)]
        for k in range(1, len(self.items)):
            sets = np.repeat(np.arange(self.starts[k], self.starts[k + 1]), k + 1)
            antecedents = self.starts[k - 1] + self.without[k].ravel()
            consequents = np.searchsorted(self.items[0][:, 0], self.items[k].ravel())
            rules.append(np.stack([sets, antecedents, consequents]))
        return np.concatenate(rules, axis=1)

    def table(self) -> pd.DataFrame:
        """One row an itemset: itemset, size, n, closed, maximal; largest n first."""
        counts = self.counts
        sizes = np.repeat(np.arange(1, len(self.items) + 1), np.diff(self.starts))
        closed, maximal = np.ones((2, len(counts)), bool)
        for k in range(1, len(self.items)):
            smaller = self.starts[k - 1] + self.without[k]
            maximal[smaller] = False
            n = counts[self.starts[k] : self.starts[k + 1]]
            closed[smaller[counts[smaller] == n[:, None]]] = False
        order = np.lexsort((sizes, -counts))
        columns = {
            "itemset": self.names,
            "size": sizes,
            "n": counts,
            "closed": closed,
            "maximal": maximal,
        }
        return pd.DataFrame({name: values[order] for name, values in columns.items()}, copy=False)


def tuples(labels: np.ndarray, items: np.ndarray) -> Iterator[tuple]:
    """The rows of an array of item codes as tuples of labels."""
    words = pd.Series(labels).astype(object).to_numpy()  # times stay times
    return zip(*(words[column].tolist() for column in items.T), strict=True)


def frequent_itemsets(
    baskets: pd.DataFrame | Baskets,
    *,
    min_count: int,
    max_size: int | None = None,
    max_sets: int = MAX_SETS,
) -> pd.DataFrame:
    """Every set of products that at least `min_count` baskets hold, with the exact number of
    baskets.

    Parameters
    ----------
    baskets : one row a product in an order: order_id, product_id; repeated rows count once. A
        product_id of type category takes least memory and time.
    min_count : baskets, 1 or more (see `support_count` for a share).
    max_size : most products in a set; None for no limit.
    max_sets : most itemsets to hold in memory.

    Returns
    -------
    DataFrame, one row an itemset, largest n first: itemset (sorted tuple), size, n (baskets that
    hold it), closed (no larger frequent set is in as many baskets), maximal (no larger set is
    frequent). With `max_size`, sets of more products are not looked at, for these two marks either.

    Raises
    ------
    TableError : for missing columns or values, a wrong `min_count` or `max_size`, and when there
        are more than `max_sets` itemsets: the message names the smallest `min_count` that gives
        fewer.

    Notes
    -----
    Depth-first search (Eclat) over bit rows: for each product, from the commonest, its baskets
    become a bit matrix of the commoner products that are often with it, and itemsets grow by AND
    and bit count.

    References
    ----------
    Zaki (2000), Scalable algorithms for association mining, IEEE TKDE 12(3).

    Examples
    --------
    >>> drinks = ["tea", "jam", "tea", "jam", "tea"]
    >>> baskets = pd.DataFrame({"order_id": [1, 1, 2, 2, 3], "product_id": drinks})
    >>> frequent_itemsets(baskets, min_count=2)
          itemset  size  n  closed  maximal
    0      (tea,)     1  3    True    False
    1      (jam,)     1  2   False    False
    2  (jam, tea)     2  2    True     True
    """
    data = encode(baskets)
    return mine(data, min_count=min_count, max_size=max_size, max_sets=max_sets).table()


def mine(
    data: Baskets, *, min_count: int, max_size: int | None = None, max_sets: int = MAX_SETS
) -> Itemsets:
    """The frequent itemsets as arrays, for further computation; parameters as in
    `frequent_itemsets`."""
    from personalize.association_rules import _kernels

    check_limits(min_count, max_size)
    codes = np.argsort(-data.item_counts, kind="stable")
    codes = codes[data.item_counts[codes] >= min_count]
    rank = np.full(len(data.labels), -1)
    rank[codes] = np.arange(len(codes))
    found = _kernels.Found(
        np.empty((max_sets, 3), np.int64),
        np.zeros(data.n + 2, np.int64),
        np.array([0, 0, min_count, max_sets, max_size or len(codes) + 1, 0], np.int64),
    )
    _kernels.mine(_kernels.by_rank(data.starts, data.items, rank, len(codes)), found)
    stored, _, fits, _, _, looked_at = found.state.tolist()
    if fits > min_count:
        raise _too_many(max_sets, min_count=min_count, n=data.n, fits=fits)
    if max_size != 1:
        looked_at += len(codes) * (len(codes) - 1)
    parent, item, n = found.sets[:stored].T.copy()
    items, order = _unrolled(parent, codes[item])
    return Itemsets(data.labels, items, n[order], looked_at)


def _unrolled(parent: np.ndarray, item: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The tree of itemsets (a parent, or -1, and one more item) size by size, and the tree's row of
    each set."""
    found, order = [], [np.empty(0, int)]
    place, width = np.zeros(len(item) + 1, np.int64), int(item.max(initial=0)) + 1
    items, rows = np.empty((1, 0), np.int64), np.flatnonzero(parent < 0)
    while len(rows):
        longer = np.column_stack([items[place[parent[rows]]], item[rows]])
        longer.sort(axis=1)
        sorted_rows = lexical(longer, width=width)
        items, rows = longer[sorted_rows], rows[sorted_rows]
        found.append(items)
        order.append(rows)
        place[rows] = np.arange(len(rows))
        is_parent = np.zeros(len(item) + 1, bool)
        is_parent[rows] = True
        rows = np.flatnonzero(is_parent[parent])
    return found, np.concatenate(order)


def lexical(items: np.ndarray, *, width: int) -> np.ndarray:
    """The lexical order of rows of codes below `width`: as many columns as fit make one number to
    sort by."""
    fit = max(1, int(62 / np.log2(width + 1)))
    keys = []
    for part in np.split(items.T, range(fit, items.shape[1], fit)):
        keys.append(reduce(lambda key, column: key * width + column, part))
    return np.argsort(keys[0]) if len(keys) == 1 else np.lexsort(keys[::-1])


def check_limits(min_count: Any, max_size: Any = None) -> None:
    """Raise TableError for a threshold or a largest size that is none."""
    wrong = []
    for name, value in (("min_count", min_count), ("max_size", max_size)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (whole and value >= 1) and not (name == "max_size" and value is None):
            wrong.append(f"{name} = {value!r} must be a whole number, 1 or more")
    if wrong:
        wrong[0] += "; for a share of the baskets use support_count(baskets, min_support)"
        raise TableError.of("frequent itemsets cannot be mined:", wrong)


def _too_many(max_sets: int, *, min_count: int, n: int, fits: int) -> TableError:
    """The error for more itemsets than memory is meant to hold; `fits` is the smallest threshold
    that gives fewer."""
    return TableError(
        f"more than {max_sets:,} itemsets are in at least {min_count:,} of the {n:,} baskets, "
        f"too many to hold: use min_count={fits:,} or more (support {fits / n:.2g}), "
        "or a smaller max_size"
    )


def itemsets(
    tables: Tables,
    *,
    min_count: int,
    level: str = "subcategory",
    max_size: int | None = None,
    max_sets: int = MAX_SETS,
) -> pd.DataFrame:
    """The frequent itemsets of a source, found by its engine: of a source in Spark, no basket
    leaves the cluster.

    Parameters
    ----------
    tables : a source; lines count as in `baskets`.
    min_count : baskets, 1 or more.
    level : as in `baskets`.
    max_size, max_sets : as in `frequent_itemsets`.

    Returns
    -------
    DataFrame : itemset, size, n, closed, maximal; equal to `frequent_itemsets(baskets(tables,
        level=level), ...)`.

    Raises
    ------
    TableError : as `baskets` and `frequent_itemsets` do.

    Notes
    -----
    Up to pairs (`max_size` 1 or 2) both engines count in SQL, which has no limit of rows. Beyond,
    DuckDB hands the baskets to `frequent_itemsets`, and Spark mines by MLlib's FP-growth. That
    knows no `max_size`: longer sets are grown on the cluster too, and left there.

    Examples
    --------
    >>> drinks = ["tea", "jam", "tea", "jam", "tea"]
    >>> orders = pd.DataFrame({"order_id": [1, 1, 2, 2, 3], "product_id": drinks})
    >>> orders = orders.assign(customer_id=7, time=pd.Timestamp("2024-01-01"), quantity=1, amount=2)
    >>> import personalize as pz
    >>> itemsets(pz.load({"orders": orders}), level="product", min_count=2)
          itemset  size  n  closed  maximal
    0      (tea,)     1  3    True    False
    1      (jam,)     1  2   False    False
    2  (jam, tea)     2  2    True     True
    """
    from personalize.engine import DuckDB  # at hand once there are tables, not before: 13 MB

    check_limits(min_count, max_size)
    limits = {"min_count": min_count, "max_sets": max_sets}
    if max_size and max_size <= 2:
        return _arranged(_pairs(tables, level, max_size, **limits)).table()
    if isinstance(tables.engine, DuckDB):
        return frequent_itemsets(baskets(tables, level=level), max_size=max_size, **limits)
    return _arranged(_grown(tables, level, max_size, **limits)).table()


def _pairs(tables: Tables, level: str, max_size: int, **limits: int) -> list[pd.DataFrame]:
    """Single items and pairs, counted in SQL: for each size a table of labels and n."""
    text = query("rules_pairs", tables, level, min_count=limits["min_count"])
    sets = f"({text}) as pairs where one = other or {max_size} = 2"
    found = _fetched(tables, level, sets, "one, other", **limits)
    alike = found["one"] == found["other"]
    return [found.loc[alike, ["one", "n"]], found[~alike]]


def _grown(tables: Tables, level: str, max_size: int | None, **limits: int) -> list[pd.DataFrame]:
    """Itemsets of any size, grown by Spark: as `_pairs` gives them."""
    from personalize.engine import mllib

    spent = query("rules_spend", tables, level)
    top = tables.engine.frame(f"select max(baskets) as n from ({spent}) as s")["n"][0]
    if not top >= limits["min_count"]:  # where no single item is frequent, MLlib fails
        return []
    carts, n = query("rules_carts", tables, level), _n_baskets(tables, level)
    sets = mllib.itemsets(tables.engine, carts, min_count=limits["min_count"], n=n)
    sets = f"{sets} where size(items) <= {max_size or n}"
    found = _fetched(tables, level, sets, "items", **limits)
    parts = []
    for _, part in found.groupby(found["items"].map(len)):
        parts.append(pd.DataFrame(part["items"].tolist()).assign(n=part["n"].to_numpy()))
    return parts


def _n_baskets(tables: Tables, level: str) -> int:
    carts = query("rules_carts", tables, level)
    return int(tables.engine.frame(f"select count(*) as n from ({carts}) as counted")["n"][0])


def _fetched(
    tables: Tables, level: str, sets: str, columns: str, *, min_count: int, max_sets: int
) -> pd.DataFrame:
    """The sets of a relation and their n, or the error that says from which threshold on there are
    not too many."""
    text = f"select {columns}, n from {sets} limit {max_sets + 1}"
    found = tables.engine.frame(text, max_rows=max_sets + 1)
    if len(found) > max_sets:
        text = f"select n, count(*) as sets from {sets} group by n order by n desc"
        by_n = tables.engine.frame(text)
        fits = int(by_n["n"][by_n["sets"].cumsum() > max_sets].iloc[0]) + 1
        n = _n_baskets(tables, level)
        raise _too_many(max_sets, min_count=min_count, n=n, fits=fits)
    return found


def _arranged(parts: list[pd.DataFrame]) -> Itemsets:
    """The sets as our own miner leaves them: by size, items and rows sorted."""
    found: list[np.ndarray] = []
    labels, counts = np.empty(0), [np.empty(0, np.int64)]
    for part in parts:
        if part.empty:
            continue
        rows, n = part.drop(columns="n").to_numpy(), part["n"].to_numpy(np.int64)
        if not found:  # every item of a frequent set is frequent alone
            labels = np.unique(rows)
        items = np.sort(np.searchsorted(labels, rows), axis=1)
        order = lexical(items, width=len(labels))
        found.append(items[order])
        counts.append(n[order])
    return Itemsets(labels, found, np.concatenate(counts))
