"""Which products are bought together: exact frequent itemsets from order lines."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from personalize.association_rules.encoding import Baskets, encode
from personalize.tables import TableError

MAX_SETS = 2_000_000


@dataclass(frozen=True)
class Level:
    """All frequent itemsets of one size, in the order of their item codes."""

    items: np.ndarray  # (sets, size), codes ascending in a row, rows in lexical order
    n: np.ndarray  # baskets that hold them


@dataclass(frozen=True)
class Itemsets:
    """Frequent itemsets by size, with the way from each to the sets that lack one of its items."""

    baskets: Baskets = field(repr=False)
    levels: tuple[Level, ...]
    looked_at: int = (
        0  # rules with one consequent in all itemsets that were counted, frequent or not
    )

    @cached_property
    def subsets(self) -> list[np.ndarray]:
        """For each size, an array (sets, size): the place, one size down, of the set without its j-th item."""
        from personalize.association_rules import kernels

        below = [np.zeros((len(level.n), 1), int) for level in self.levels[:1]]
        for shorter, level in zip(self.levels, self.levels[1:], strict=False):
            below.append(kernels.without_one(level.items, shorter.items, below[-1]))
        return below

    @cached_property
    def sizes(self) -> np.ndarray:
        """The number of items of each itemset, size by size."""
        return np.repeat(
            np.arange(1, len(self.levels) + 1), [len(level.n) for level in self.levels]
        )

    @cached_property
    def counts(self) -> np.ndarray:
        """The baskets that hold each itemset, size by size."""
        return np.concatenate([np.empty(0, int), *(level.n for level in self.levels)])

    def table(self) -> pd.DataFrame:
        """One row an itemset: itemset, size, n, closed, maximal; largest n first."""
        from personalize.association_rules import kernels

        marks = [
            (np.ones(len(level.n), bool), np.ones(len(level.n), bool)) for level in self.levels
        ]
        for k, level in enumerate(self.levels[1:], 1):
            kernels.mark(self.subsets[k], level.n, self.levels[k - 1].n, marks[k - 1])
        closed, maximal = (
            np.concatenate([np.empty(0, bool), *(mark[i] for mark in marks)]) for i in (0, 1)
        )
        names = np.fromiter(self.names(), dtype=object, count=len(self.counts))
        columns = {
            "itemset": names,
            "size": self.sizes,
            "n": self.counts,
            "closed": closed,
            "maximal": maximal,
        }
        order = np.argsort(
            (self.sizes - self.counts * (len(self.levels) + 1)) * len(names) + np.arange(len(names))
        )
        return pd.DataFrame({name: values[order] for name, values in columns.items()}, copy=False)

    def names(self) -> Iterator[tuple]:
        """The itemsets as sorted tuples of labels, size by size."""
        return chain.from_iterable(
            tuples(self.baskets.labels, level.items) for level in self.levels
        )


def tuples(labels: np.ndarray, items: np.ndarray) -> Iterator[tuple]:
    """The rows of an array of item codes as tuples of labels."""
    words = labels.astype(object)
    return zip(*(words[column].tolist() for column in items.T), strict=True)


def frequent_itemsets(
    baskets: pd.DataFrame, *, min_count: int, max_size: int | None = None, max_sets: int = MAX_SETS
) -> pd.DataFrame:
    """Every set of products that at least `min_count` baskets hold, with the exact number of baskets.

    Parameters
    ----------
    baskets : one row a product in an order: order_id, product_id; repeated rows count once. A product_id of type
        category takes least memory and time.
    min_count : baskets, 1 or more (see `support_count` for a share).
    max_size : most products in a set; None for no limit.
    max_sets : most itemsets to hold in memory.

    Returns
    -------
    DataFrame, one row an itemset, largest n first: itemset (sorted tuple), size, n (baskets that hold it),
    closed (no larger frequent set is in as many baskets), maximal (no larger set is frequent).
    With `max_size`, sets of more products are not looked at, for these two marks either.

    Raises
    ------
    TableError : for missing columns or values, a wrong `min_count` or `max_size`, and when there are more than
        `max_sets` itemsets: the message names the smallest `min_count` that gives fewer.

    Notes
    -----
    Depth-first search (Eclat) over bit rows: for each product, from the commonest, its baskets become a
    bit matrix of the commoner products that are often with it, and itemsets grow by AND and bit count.

    References
    ----------
    Zaki (2000), Scalable algorithms for association mining, IEEE TKDE 12(3).

    Examples
    --------
    >>> baskets = pd.DataFrame({"order_id": [1, 1, 2, 2, 3], "product_id": ["tea", "jam", "tea", "jam", "tea"]})
    >>> frequent_itemsets(baskets, min_count=2)
          itemset  size  n  closed  maximal
    0      (tea,)     1  3    True    False
    1      (jam,)     1  2   False    False
    2  (jam, tea)     2  2    True     True
    """
    return mine(baskets, min_count=min_count, max_size=max_size, max_sets=max_sets).table()


def by_size(itemsets: pd.DataFrame, *, n_baskets: int) -> pd.DataFrame:
    """Itemsets by the number of their products: size, itemsets, closed, maximal, highest_support (share of baskets)."""
    table = itemsets.groupby("size").agg(
        itemsets=("n", "size"),
        closed=("closed", "sum"),
        maximal=("maximal", "sum"),
        highest_support=("n", "max"),
    )
    return table.assign(highest_support=table["highest_support"] / max(1, n_baskets)).reset_index()


def mine(
    baskets: pd.DataFrame | Baskets,
    *,
    min_count: int,
    max_size: int | None = None,
    max_sets: int = MAX_SETS,
) -> Itemsets:
    """The frequent itemsets as arrays, for further computation; parameters as in `frequent_itemsets`."""
    from personalize.association_rules import kernels

    check_limits(min_count, max_size)
    data = encode(baskets)
    codes = np.argsort(-data.item_counts, kind="stable")
    codes = codes[data.item_counts[codes] >= min_count]
    found = kernels.Found(
        np.empty((max_sets, 3), np.int64),
        np.zeros(data.n + 2, np.int64),
        np.array([0, 0, min_count, max_sets, max_size or len(codes) + 1, 0], np.int64),
    )
    kernels.mine(data.ranked(codes), found)
    if (fits := int(found.state[2])) > min_count:
        raise too_many(max_sets, min_count=min_count, n=data.n, fits=fits)
    pairs = len(codes) * (len(codes) - 1) if max_size != 1 else 0
    return Itemsets(data, tuple(_levels(found, codes)), pairs + int(found.state[5]))


def check_limits(min_count: Any, max_size: Any) -> None:
    """Raise TableError for a threshold or a largest size that is none."""
    wrong = [_whole("min_count", min_count)] + (
        [_whole("max_size", max_size)] if max_size is not None else []
    )
    if wrong := [problem for problem in wrong if problem]:
        raise TableError.of("frequent itemsets cannot be mined:", wrong)


def too_many(max_sets: int, *, min_count: int, n: int, fits: int) -> TableError:
    """The error for more itemsets than memory is meant to hold; `fits` is the smallest threshold that gives fewer."""
    return TableError(
        f"more than {max_sets:,} itemsets are in at least {min_count:,} of the {n:,} baskets, too many to "
        f"hold: use min_count={fits:,} or more (support {fits / n:.2g}), or a smaller max_size"
    )


def _whole(name: str, value: Any) -> str:
    """What is wrong with a number that should be a whole number of at least 1; empty when nothing is."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return ""
    hint = (
        "; for a share of the baskets use support_count(baskets, min_support)"
        if name == "min_count"
        else ""
    )
    return f"{name} = {value!r} must be a whole number, 1 or more{hint}"


def _levels(found: Any, codes: np.ndarray) -> Iterator[Level]:
    """The tree of itemsets unrolled size by size, items and rows sorted."""
    from personalize.association_rules import kernels

    parent, item, n = found.sets[: int(found.state[0])].T.copy()
    stored, item = len(n), codes[item]
    depth, place, items = (
        kernels.depths(parent),
        np.zeros(stored, np.int64),
        np.empty((1, 0), np.int64),
    )
    for size in range(1, depth.max(initial=0) + 1):
        rows = np.flatnonzero(depth == size)
        items = kernels.with_one_more(
            items, place[parent[rows]] if size > 1 else place[rows], item[rows]
        )
        order = lexical(items, width=int(codes.max()) + 1)
        place[rows] = np.arange(len(rows))
        yield Level(items.take(order, axis=0), n[rows[order]])


def lexical(items: np.ndarray, *, width: int) -> np.ndarray:
    """The lexical order of rows of codes below `width`: as many columns as fit make one number to sort by."""
    fit = max(1, int(62 / np.log2(width + 1)))
    parts = np.split(items.T, range(fit, items.shape[1], fit))
    keys = [reduce(lambda key, column: key * width + column, part) for part in parts]
    return np.argsort(keys[0]) if len(keys) == 1 else np.lexsort(keys[::-1])
