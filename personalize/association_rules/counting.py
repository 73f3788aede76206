"""How many baskets hold known itemsets, in all or by group of customers, and how far groups differ."""

from collections.abc import Sequence

import numpy as np

from personalize.association_rules.encoding import Baskets
from personalize.association_rules.judging import GROUPS

FEWEST_CUSTOMERS = 80


def group_counts(data: Baskets, sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Baskets with each set of items, and all baskets, in each of 40 groups of customers; None without customers."""
    if data.customers is None or not len(sets) or len(np.unique(data.customers)) < FEWEST_CUSTOMERS:
        return None
    group = data.customers % GROUPS
    counts = count_levels(data, sets, group=group, groups=GROUPS)
    return np.concatenate(counts), np.bincount(group, minlength=GROUPS)


def clustered(
    groups: tuple[np.ndarray, np.ndarray], places: Sequence[np.ndarray], data: Baskets
) -> np.ndarray:
    """Standard error of log lift over customers: delete-a-group jackknife."""
    counts, all_baskets = groups
    logs = np.log(np.maximum(counts.sum(axis=1, keepdims=True) - counts, 0.5)).astype(np.float32)
    spread = np.log(data.n - all_baskets).astype(np.float32)
    chunks = (np.array_split(place, len(place) // 20_000 + 1) for place in places)
    deviations = [(logs[both] - logs[first] - logs[second] + spread).std(axis=1, dtype=float)
                  for both, first, second in zip(*chunks, strict=True)]  # fmt: skip
    return np.sqrt(GROUPS - 1) * np.concatenate(deviations)


def count_codes(data: Baskets, sets: np.ndarray, *, group: np.ndarray, groups: int) -> np.ndarray:
    """How many baskets of each group hold each set (rows of item codes, all of one size): (sets, groups)."""
    return count_levels(data, [sets], group=group, groups=groups)[0]


def count_levels(
    data: Baskets, levels: Sequence[np.ndarray], *, group: np.ndarray, groups: int
) -> list[np.ndarray]:
    """`count_codes` for several arrays of sets: a bit row an item, a bit a basket, groups in words of their own."""
    from personalize.association_rules import tallies

    rank = np.full(len(data.labels), -1)
    for sets in (sets for sets in levels if sets.shape[1] > 1):
        rank[sets] = 0
    codes = np.flatnonzero(rank == 0)
    rank[codes] = np.arange(len(codes))
    inside = np.bincount(group, minlength=groups)
    ends = np.concatenate([[0], np.cumsum((inside + 63) // 64)])
    small = group.astype(np.min_scalar_type(groups))  # for which numpy sorts by radix
    slot, order = np.empty(data.n, np.int64), np.argsort(small, kind="stable")
    slot[order] = np.arange(data.n) + np.repeat(
        64 * ends[:-1] - (np.cumsum(inside) - inside), inside
    )
    rows = np.zeros((len(codes), int(ends[-1])), np.uint64)
    tallies.bit_rows(data.starts, data.items, rank, slot, rows)
    counts = [np.zeros((len(sets), groups), np.int64) for sets in levels]
    for sets, table in zip(levels, counts, strict=True):
        if sets.shape[1] > 1:
            tallies.count_groups(rows, np.ascontiguousarray(rank[sets]), ends, table)
        else:
            lines = np.multiply(data.items, groups, dtype=np.int64) + group[data.basket]
            table[:] = np.bincount(lines, minlength=len(data.labels) * groups).reshape(-1, groups)[
                sets[:, 0]
            ]
    return counts
