"""The inner loops, compiled by numba: mine itemsets, count known itemsets, swap items between baskets.

This file alone imports numba and is itself imported inside the functions that call it, so that
`import personalize` stays quick. The machine code is cached beside this file or, where that folder
cannot be written, in numba's user folder (`NUMBA_CACHE_DIR` moves it); where neither can be written
the loops are compiled anew in each process and give the same answers.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import intrinsic


class Lines(NamedTuple):
    """Baskets as arrays, and the same lines by item. Items are ranks, the commonest is 0."""

    starts: np.ndarray  # int64: basket b holds items[starts[b]:starts[b + 1]], ascending
    items: np.ndarray  # int32
    ends: np.ndarray  # int64: item i stands at place[ends[i]:ends[i + 1]] in baskets basket[...]
    place: np.ndarray  # int64
    basket: np.ndarray  # int64


class Rows(NamedTuple):
    """A stack of bit rows: which baskets of the current item hold a further item."""

    words: np.ndarray  # uint64, `stride` words a row
    item: np.ndarray  # int32
    n: np.ndarray  # int64: bits set = baskets that hold the whole prefix and this item
    found: np.ndarray  # int64: the place of that itemset in Found


class Found(NamedTuple):
    """The itemsets as a tree: each is its parent and one further item."""

    parent: np.ndarray  # int32, -1 for single items
    item: np.ndarray  # int32
    n: np.ndarray  # int32
    by_n: np.ndarray  # int64: how many itemsets have been seen with each count
    state: np.ndarray  # int64: stored, seen at the threshold, threshold, most sets, longest set, rules looked at


def compiled(function):
    """The function as machine code, cached on disk where some folder can be written."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no folder it may write: compile in memory
        return njit(nogil=True)(function)


@intrinsic
def _ones(context, word):
    """Number of bits set in a 64-bit word: one instruction."""
    return word(word), lambda context, builder, signature, words: builder.ctpop(words[0])


@compiled
def _and_count(words, a, b, out, width):
    """Write the AND of the rows that start at words a and b to `out`; return how many bits are set."""
    n = np.uint64(0)
    for w in range(width):
        both = words[a + w] & words[b + w]
        words[out + w] = both
        n += _ones(both)
    return np.int64(n)


@compiled
def by_item(starts, items, n_items):
    """The lines in the order of their items: a Lines."""
    ends = np.zeros(n_items + 1, np.int64)
    for item in items:
        ends[item + 1] += 1
    ends = np.cumsum(ends)
    place, basket = np.empty(len(items), np.int64), np.empty(len(items), np.int64)
    fill = ends.copy()
    for b in range(len(starts) - 1):
        for p in range(starts[b], starts[b + 1]):
            place[fill[items[p]]] = p
            basket[fill[items[p]]] = b
            fill[items[p]] += 1
    return Lines(starts, items, ends, place, basket)


@compiled
def _keep(found, parent, item, n):
    """Store an itemset; once there are too many, raise the threshold instead (the guard)."""
    state = found.state
    at = state[0]
    found.by_n[n] += 1
    state[1] += 1
    while state[1] > state[3]:
        state[1] -= found.by_n[state[2]]
        state[2] += 1
    if at < state[3]:
        found.parent[at], found.item[at], found.n[at] = parent, item, n
        state[0] = at + 1
    return at


@compiled
def _partners(item, lines, count, threshold):
    """The commoner items found in at least `threshold` baskets of `item`, rarest first, and their counts."""
    seen, n_seen, longest = np.empty(item, np.int32), 0, 0
    for e in range(lines.ends[item], lines.ends[item + 1]):
        first = lines.starts[lines.basket[e]]
        longest = max(longest, lines.place[e] - first)
        for p in range(first, lines.place[e]):
            other = lines.items[p]
            if count[other] == 0:
                seen[n_seen] = other
                n_seen += 1
            count[other] += 1
    seen = seen[:n_seen]
    counts = count[seen]
    count[seen] = 0
    often = counts >= threshold
    seen, counts = seen[often], counts[often]
    order = np.argsort(counts, kind="mergesort")
    return seen[order], counts[order], longest


@compiled
def _fill_bits(item, lines, rank, rows, stride):
    """Set the bits of the partners (rank > 0 says which row); return how many words a row really uses."""
    bit = 0
    for e in range(lines.ends[item], lines.ends[item + 1]):
        partners = 0
        for p in range(lines.starts[lines.basket[e]], lines.place[e]):
            partners += rank[lines.items[p]] > 0
        if partners < 2:  # such a basket holds no further itemset of three
            continue
        mask = np.uint64(1) << np.uint64(bit & 63)
        for p in range(lines.starts[lines.basket[e]], lines.place[e]):
            row = rank[lines.items[p]] - 1
            if row >= 0:
                rows.words[row * stride + (bit >> 6)] |= mask
        bit += 1
    return (bit + 63) >> 6


@compiled
def _extend(rows, a, end, stride_width, found):
    """Join row a with each later row of its class: the frequent ones are kept, and stacked after `end`."""
    stride, width = stride_width
    top = end
    for b in range(a + 1, end):
        n = _and_count(rows.words, a * stride, b * stride, top * stride, width)
        if n >= found.state[2]:
            rows.item[top], rows.n[top] = rows.item[b], n
            rows.found[top] = _keep(found, rows.found[a], rows.item[b], n)
            top += 1
    return top


@compiled
def _explore(rows, n_rows, stride_width, found):
    """All frequent itemsets below one item, depth first."""
    depth = 1
    at, end = np.empty(n_rows + 2, np.int64), np.empty(n_rows + 2, np.int64)
    at[1], end[1] = 0, n_rows
    while depth > 0:
        if at[depth] >= end[depth] - 1 or depth + 1 >= found.state[4]:
            depth -= 1
            continue
        a = at[depth]
        at[depth] += 1
        if rows.n[a] >= found.state[2]:
            found.state[5] += (end[depth] - at[depth]) * (depth + 2)
            top = _extend(rows, a, end[depth], stride_width, found)
            if top - end[depth] > 1:
                depth += 1
                at[depth], end[depth] = end[depth - 1], top


@compiled
def mine(lines, found):
    """Fill `found` with every itemset in at least state[2] baskets; state[2] is raised when there are too many."""
    n_items = len(lines.ends) - 1
    count, words = np.zeros(n_items, np.int32), np.zeros(1, np.uint64)
    for item in range(n_items):
        n = lines.ends[item + 1] - lines.ends[item]
        if n < found.state[2]:
            continue
        single = _keep(found, -1, item, n)
        if found.state[4] < 2:
            continue
        partner, counts, longest = _partners(item, lines, count, found.state[2])
        height = len(partner) * (min(longest, len(partner)) + 1) + 1
        stride = (n + 63) >> 6
        if height * stride > len(words):
            words = np.empty(height * stride, np.uint64)
        words[: len(partner) * stride] = 0
        rows = Rows(words, np.empty(height, np.int32), np.empty(height, np.int64), np.empty(height, np.int64))
        for k in range(len(partner)):
            count[partner[k]] = k + 1
            rows.item[k], rows.n[k] = partner[k], counts[k]
            rows.found[k] = _keep(found, single, partner[k], counts[k])
        if len(partner) > 1 and found.state[4] > 2:
            _explore(rows, len(partner), (stride, _fill_bits(item, lines, count, rows, stride)), found)
        count[partner] = 0


@compiled
def bit_rows(starts, items, rank, slot, rows):
    """Set bit slot[b] of row rank[item] for each line of each basket b; items of rank -1 have no row."""
    for b in range(len(starts) - 1):
        word, mask = slot[b] >> 6, np.uint64(1) << np.uint64(slot[b] & 63)
        for p in range(starts[b], starts[b + 1]):
            row = rank[items[p]]
            if row >= 0:
                rows[row, word] |= mask


@compiled
def count_groups(rows, sets, ends, counts):
    """Fill counts[s, g]: the baskets that hold all items of sets[s] (their rows), in the words of group g."""
    both = np.empty(rows.shape[1], np.uint64)
    for s in range(sets.shape[0]):
        both[:] = rows[sets[s, 0]]
        for k in range(1, sets.shape[1]):
            row = rows[sets[s, k]]
            for w in range(len(both)):
                both[w] &= row[w]
        for g in range(len(ends) - 1):
            n = np.uint64(0)
            for w in range(ends[g], ends[g + 1]):
                n += _ones(both[w])
            counts[s, g] = n


@compiled
def _has(items, start, end, item):
    """Is the item in this stretch of lines?"""
    for p in range(start, end):  # noqa: SIM110 (numba compiles the loop, not any())
        if items[p] == item:
            return True
    return False


@compiled
def swap(starts, items, pairs, basket):
    """Exchange the items of the two lines of each pair, unless a basket would then hold an item twice.

    Works in place on `items`; `basket` is the basket of each line. Returns how many pairs were exchanged.
    """
    done = 0
    for k in range(pairs.shape[1]):
        p, q = pairs[0, k], pairs[1, k]
        b, c = basket[p], basket[q]
        if items[p] == items[q] or b == c:
            continue
        if _has(items, starts[b], starts[b + 1], items[q]) or _has(items, starts[c], starts[c + 1], items[p]):
            continue
        items[p], items[q] = items[q], items[p]
        done += 1
    return done
