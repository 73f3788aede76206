"""Which products are bought together: exact frequent itemsets from order lines."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
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
    looked_at: int = 0  # rules with one consequent in all itemsets that were counted, frequent or not

    @cached_property
    def subsets(self) -> list[np.ndarray]:
        """For each size, an array (sets, size): the place, one size down, of the set without its j-th item.

        A set without an earlier item is its prefix without that item, plus its last item; with the places of
        the prefixes as keys this is one binary search for each.
        """
        width, keys, below = len(self.baskets.labels), [], []
        for k, level in enumerate(self.levels):
            prefix, last = np.zeros(len(level.n), int), level.items[:, -1]
            for size in range(k):
                prefix = np.searchsorted(keys[size], prefix * width + level.items[:, size])
            if k:
                others = np.searchsorted(keys[-1], below[-1][prefix] * width + last[:, None])
                below.append(np.column_stack([others, prefix]))
            else:
                below.append(np.zeros((len(level.n), 1), int))
            keys.append(prefix * width + last)
        return below

    def table(self) -> pd.DataFrame:
        """One row an itemset: itemset, size, n, closed, maximal; largest n first."""
        closed = [np.ones(len(level.n), bool) for level in self.levels]
        maximal = [mark.copy() for mark in closed]
        for k in range(1, len(self.levels)):
            below = self.subsets[k]
            maximal[k - 1][below.ravel()] = False
            same = self.levels[k - 1].n[below] == self.levels[k].n[:, None]
            closed[k - 1][below[same]] = False
        frame = pd.DataFrame(
            {
                "itemset": pd.Series(self.names(), dtype=object),
                "size": np.repeat(np.arange(1, len(self.levels) + 1), [len(level.n) for level in self.levels]),
                "n": np.concatenate([np.empty(0, int), *(level.n for level in self.levels)]),
                "closed": np.concatenate([np.empty(0, bool), *closed]),
                "maximal": np.concatenate([np.empty(0, bool), *maximal]),
            }
        )
        return frame.sort_values(["n", "size"], ascending=[False, True], kind="stable", ignore_index=True)

    def names(self) -> list[tuple]:
        """The itemsets as sorted tuples of labels, size by size."""
        return [name for level in self.levels for name in tuples(self.baskets.labels, level.items)]


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
    baskets : one row a product in an order: order_id, product_id; repeated rows count once.
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
        itemsets=("n", "size"), closed=("closed", "sum"), maximal=("maximal", "sum"), highest_support=("n", "max")
    )
    return table.assign(highest_support=table["highest_support"] / max(1, n_baskets)).reset_index()


def mine(
    baskets: pd.DataFrame | Baskets, *, min_count: int, max_size: int | None = None, max_sets: int = MAX_SETS
) -> Itemsets:
    """The frequent itemsets as arrays, for further computation; parameters as in `frequent_itemsets`."""
    from personalize.association_rules import kernels

    wrong = [_whole("min_count", min_count)] + ([_whole("max_size", max_size)] if max_size is not None else [])
    if wrong := [problem for problem in wrong if problem]:
        raise TableError.of("frequent itemsets cannot be mined:", wrong)
    data = encode(baskets)
    codes = np.argsort(-data.item_counts, kind="stable")
    codes = codes[data.item_counts[codes] >= min_count]
    found = kernels.Found(
        *(np.empty(max_sets, np.int32) for _ in range(3)),
        np.zeros(data.n + 2, np.int64),
        np.array([0, 0, min_count, max_sets, max_size or len(codes) + 1, 0], np.int64),
    )
    kernels.mine(data.ranked(codes), found)
    if (fits := int(found.state[2])) > min_count:
        raise TableError(
            f"more than {max_sets:,} itemsets are in at least {min_count:,} of the {data.n:,} baskets, too many to "
            f"hold: use min_count={fits:,} or more (support {fits / data.n:.2g}), or a smaller max_size"
        )
    pairs = len(codes) * (len(codes) - 1) if max_size != 1 else 0
    return Itemsets(data, tuple(_levels(found, codes)), pairs + int(found.state[5]))


def _whole(name: str, value: Any) -> str:
    """What is wrong with a number that should be a whole number of at least 1; empty when nothing is."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return ""
    hint = "; for a share of the baskets use support_count(baskets, min_support)" if name == "min_count" else ""
    return f"{name} = {value!r} must be a whole number, 1 or more{hint}"


def _levels(found: Any, codes: np.ndarray) -> Iterator[Level]:
    """The tree of itemsets unrolled size by size, items and rows sorted."""
    stored = found.state[0]
    parent, item, n = found.parent[:stored], codes[found.item[:stored]], found.n[:stored].astype(np.int64)
    place, inside = np.zeros(stored, int), np.zeros(stored, bool)
    here = np.flatnonzero(parent < 0)
    items = item[here, None]
    while len(here):
        ordered = np.sort(items, axis=1)
        rows = np.lexsort(ordered.T[::-1])
        yield Level(ordered[rows], n[here[rows]])
        place[here], inside[:], inside[here] = np.arange(len(here)), False, True
        here = np.flatnonzero((parent >= 0) & inside[parent])
        items = np.column_stack([items[place[parent[here]]], item[here]])
