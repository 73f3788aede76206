"""The inner loops, compiled by numba: itemsets depth first, counts of known sets and pairs,
exchanges of items.

This file imports numba and is imported inside the functions that call it (see
`personalize.compiled`).
"""

from typing import Any, NamedTuple

import numpy as np
from numba.extending import intrinsic

from personalize.compiled import compiled


class Lines(NamedTuple):
    """Baskets as arrays, and the same lines by item. Items are ranks, the commonest is 0."""

    items: np.ndarray  # int32: baskets one after the other, ranks ascending in each
    ends: np.ndarray  # int64: item i has the lines ends[i] to ends[i + 1] of the two that follow
    first: np.ndarray  # int32: where the basket of the line starts in `items`
    place: np.ndarray  # int32: where the line itself is


class Rows(NamedTuple):
    """A stack of bit rows: which baskets of the current item hold a further item."""

    words: np.ndarray  # uint64, `stride` words a row
    item: np.ndarray  # int32
    n: np.ndarray  # int64: bits set = baskets that hold the whole prefix and this item
    found: np.ndarray  # int64: the place of that itemset in Found


class Found(NamedTuple):
    """The itemsets as a tree: each is its parent and one further item."""

    sets: np.ndarray  # int64: the parent (-1 for single items), the item, the baskets with the set
    by_n: np.ndarray  # int64: how many itemsets have been seen with each count
    state: np.ndarray  # int64: stored, seen, threshold, most sets, longest set, rules looked at


@intrinsic
def _ones(context, word):
    """Number of bits set in a 64-bit word: one instruction."""
    return word(word), lambda context, builder, signature, words: builder.ctpop(words[0])


ones: Any = _ones


@compiled
def _both(words, a, b, width):
    """How many bits are set in both of the rows that start at words a and b."""
    one, other, n = np.uint64(a), np.uint64(b), np.uint64(0)
    for w in range(np.uint64(width)):
        n += ones(words[one + w] & words[other + w])
    return np.int64(n)


@compiled
def by_rank(starts, items, rank, n_items):
    """The lines of the items that have a rank (others: -1), sorted by counting: a Lines."""
    ends = np.zeros(n_items + 1, np.int64)
    for item in items:
        if rank[item] >= 0:
            ends[rank[item] + 1] += 1
    ends = np.cumsum(ends)
    lines = Lines(
        np.empty(ends[-1], np.uint32),
        ends,
        np.empty(ends[-1], np.uint32),
        np.empty(ends[-1], np.uint32),
    )
    fill, first_of, at = ends.copy(), np.empty(len(starts) - 1, np.int32), 0
    for b in range(len(starts) - 1):
        first_of[b] = at
        for p in range(starts[b], starts[b + 1]):
            r = rank[items[p]]
            if r >= 0:
                lines.place[fill[r]] = b
                fill[r] += 1
                at += 1
    free = first_of.copy()
    for r in range(n_items):
        for e in range(ends[r], ends[r + 1]):
            b = lines.place[e]
            lines.first[e], lines.place[e] = first_of[b], free[b]
            lines.items[free[b]] = r
            free[b] += 1
    return lines


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
        found.sets[at, 0], found.sets[at, 1], found.sets[at, 2] = parent, item, n
        state[0] = at + 1
    return at


@compiled
def _partners(item, lines, count, threshold):
    """The commoner items found in at least `threshold` baskets of `item`, rarest first, and their
    counts."""
    longest, met, often = np.int64(0), np.int64(0), 0
    for e in range(lines.ends[item], lines.ends[item + 1]):
        before = np.int64(lines.place[e] - lines.first[e])
        longest, met = max(longest, before), met + before
        for p in range(lines.first[e], lines.place[e]):
            count[lines.items[p]] += 1
    seen, counts = np.empty(min(item, met), np.int32), np.empty(min(item, met), np.int32)
    if met < item:  # few lines: look through them again, not through all items
        for e in range(lines.ends[item], lines.ends[item + 1]):
            for p in range(lines.first[e], lines.place[e]):
                other = lines.items[p]
                if count[other] >= threshold:
                    seen[often], counts[often] = other, count[other]
                    often += 1
                count[other] = 0
    else:
        for other in range(item):
            if count[other] >= threshold:
                seen[often], counts[often] = other, count[other]
                often += 1
        count[:item] = 0
    order = np.argsort(counts[:often], kind="mergesort")
    return seen[order], counts[order], longest


@compiled
def _fill_bits(item, lines, rank, rows, stride):
    """Set the bits of the partners (rank > 0 says which row); return how many words a row really
    uses."""
    bit, held = 0, np.empty(len(rank) + 1, np.uint64)
    for e in range(lines.ends[item], lines.ends[item + 1]):
        partners = np.uint64(0)
        if lines.place[e] < lines.first[e] + 2:
            continue
        for p in range(lines.first[e], lines.place[e]):
            row = rank[lines.items[p]]
            held[partners] = (row - 1) * stride
            partners += np.uint64(row > 0)
        if partners < 2:  # such a basket holds no further itemset of three
            continue
        word, mask = np.uint64(bit >> 6), np.uint64(1) << np.uint64(bit & 63)
        for k in range(partners):
            rows.words[held[k] + word] |= mask
        bit += 1
    return (bit + 63) >> 6


@compiled
def _extend(rows, a, end, stride_width, found):
    """Join row a with each later row of its class: the frequent ones are kept, and stacked after
    `end`."""
    stride, width = stride_width
    top = end
    for b in range(a + 1, end):
        n = _both(rows.words, a * stride, b * stride, width)
        if n >= found.state[2]:
            for w in range(width):
                rows.words[top * stride + w] = (
                    rows.words[a * stride + w] & rows.words[b * stride + w]
                )
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
    """Fill `found` with every itemset in at least state[2] baskets; state[2] is raised when there
    are too many."""
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
        rows = Rows(
            words,
            np.empty(height, np.int32),
            np.empty(height, np.int64),
            np.empty(height, np.int64),
        )
        for k in range(len(partner)):
            count[partner[k]] = k + 1
            rows.item[k], rows.n[k] = partner[k], counts[k]
            rows.found[k] = _keep(found, single, partner[k], counts[k])
        if len(partner) > 1 and found.state[4] > 2:
            _explore(
                rows, len(partner), (stride, _fill_bits(item, lines, count, rows, stride)), found
            )
        count[partner] = 0


@compiled
def same_start(one, other, n):
    """Do two rows begin with the same n items?"""
    for k in range(n):  # noqa: SIM110 (numba compiles the loop, not all())
        if one[k] != other[k]:
            return False
    return True


@compiled
def without_one(items, shorter, places):
    """The place in `shorter` of each set without its j-th item; rows are in lexical order, all
    subsets are there.

    `places` is the same for `shorter` itself. Sets that share all but the last item stand together,
    and so do those without the j-th item: one walk down each stretch finds them.
    """
    n, size = items.shape
    found, head, prefix = np.empty((n, size), np.int64), np.zeros(places.max() + 1, np.int64), -1
    for s in range(len(shorter) - 1, -1, -1):
        head[places[s, -1]] = s
    walk = np.zeros(size, np.int64)
    for s in range(n):
        if s == 0 or not same_start(items[s], items[s - 1], size - 1):
            prefix += 1
            while not same_start(shorter[prefix], items[s], size - 1):
                prefix += 1
            for j in range(size - 1):
                walk[j] = head[places[prefix, j]]
        for j in range(size - 1):
            while shorter[walk[j], -1] != items[s, -1]:
                walk[j] += 1
            found[s, j] = walk[j]
        found[s, -1] = prefix
    return found


@compiled
def set_bits(lines, rank, places, rows):
    """Set a bit in row rank[item] for each line of each basket; items of rank -1 have no row.

    `places` are the group of each basket and the first bit of each group: a group has words of its
    own.
    """
    (starts, items), (group, first) = lines, places
    free = first.copy()
    for b in range(len(starts) - 1):
        slot = free[group[b]]
        free[group[b]] += 1
        word, mask = slot >> 6, np.uint64(1) << np.uint64(slot & 63)
        for p in range(starts[b], starts[b + 1]):
            row = rank[items[p]]
            if row >= 0:
                rows[row, word] |= mask


@compiled
def count_groups(rows, sets, ends):
    """How many baskets of each group hold all items of each set (places of rows); `ends` are the
    groups' words.

    What sets have in common but for their last item is found once for those that follow each other.
    """
    counts = np.zeros((len(sets), len(ends) - 1), np.int64)
    both, last = np.empty(rows.shape[1], np.uint64), sets.shape[1] - 1
    for s in range(len(sets)):
        if s == 0 or not same_start(sets[s], sets[s - 1], last):
            both[:] = rows[sets[s, 0]]
            for k in range(1, last):
                row = rows[sets[s, k]]
                for w in range(len(both)):
                    both[w] &= row[w]
        row = rows[sets[s, last]]
        for g in range(len(ends) - 1):
            n = np.uint64(0)
            for w in range(ends[g], ends[g + 1]):
                n += ones(both[w] & row[w])
            counts[s, g] = n
    return counts


@compiled
def _has(items, start, end, item):
    """Is the item in this stretch of lines? Looks at all of them: many at once is quicker than
    stopping early."""
    found = False
    for p in range(start, end):
        found |= items[p] == item
    return found


@compiled
def swap(starts, items, basket, random):
    """Offer each line in turn an exchange of items with a line drawn at random; returns how many
    were made.

    No exchange is made that would give a basket an item twice. Works in place on `items`; `basket`
    is the basket of each line, `random` the state of the draws (xorshift, Marsaglia 2003). All
    numbers unsigned: no index is negative.
    """
    done, state, n = 0, random[0], np.uint64(len(items))
    for b in range(len(starts) - 1):
        start, end = np.uint64(starts[b]), np.uint64(starts[b + 1])
        for p in range(start, end):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            q = ((state >> np.uint64(32)) * n) >> np.uint64(32)
            c = np.uint64(basket[q])
            if items[p] == items[q] or c == b or _has(items, start, end, items[q]):
                continue
            if not _has(items, np.uint64(starts[c]), np.uint64(starts[c + np.uint64(1)]), items[p]):
                items[p], items[q] = items[q], items[p]
                done += 1
    random[0] = state
    return done


@compiled
def pair_counts(starts, items, rank, n_items):
    """How many baskets hold each two of the items that have a rank (others: -1): a square table."""
    counts, held = np.zeros((n_items, n_items), np.int32), np.empty(n_items, np.int64)
    for b in range(len(starts) - 1):
        n = 0
        for p in range(starts[b], starts[b + 1]):
            if rank[items[p]] >= 0:
                held[n] = rank[items[p]]
                n += 1
        for i in range(n):
            row = counts[held[i]]
            for j in range(i, n):
                row[held[j]] += 1
    return counts
