"""The inner loops of counting, compiled by numba: known itemsets, pairs, exchanges of items, ranks of hidden items."""

import numpy as np

from personalize.association_rules.kernels import ones, same_start
from personalize.compiled import compiled


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
    """Fill counts[s, g]: the baskets that hold all items of sets[s] (their rows), in the words of group g.

    What sets have in common but for their last item is found once for those that follow each other.
    """
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


@compiled
def _has(items, start, end, item):
    """Is the item in this stretch of lines? Looks at all of them: many at once is quicker than stopping early."""
    found = False
    for p in range(start, end):
        found |= items[p] == item
    return found


@compiled
def swap(starts, items, basket, random):
    """Offer each line in turn an exchange of items with a line drawn at random; returns how many were made.

    No exchange is made that would give a basket an item twice. Works in place on `items`; `basket` is the basket of
    each line, `random` the state of the draws (xorshift, Marsaglia 2003). All numbers unsigned: no index is negative.
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


@compiled
def _raise(high, values):
    """Where a value is higher, take it."""
    for y in range(len(high)):
        high[y] = values[y] if values[y] > high[y] else high[y]


@compiled
def hidden_ranks(baskets, tried, pairs, n):
    """For each tried basket the rank of its hidden line's item by four scores (see `next_product_trial`); 0: unknown.

    `baskets` are starts and item codes (-1: unknown), `tried` the baskets and the place of the hidden line in each,
    `pairs` confidence, adjusted lift and plain lift of (held item, item to add), `n` the baskets with each item.
    """
    (starts, items), (drawn, hidden), (confidence, adjusted, plain) = baskets, tried, pairs
    ranks, scores = np.zeros((len(drawn), 4), np.int64), np.empty((4, len(n)), np.float32)
    popular = (n / n.max() * 1e-9).astype(np.float32)
    for t in range(len(drawn)):
        truth, held = items[hidden[t]], 0
        if truth < 0:
            continue
        scores[:] = 0
        for p in range(starts[drawn[t]], starts[drawn[t] + 1]):
            x = items[p]
            if x < 0 or p == hidden[t]:
                continue
            held += 1
            scores[0] += adjusted[x]
            _raise(scores[1], confidence[x])
            _raise(scores[2], plain[x])
        scores[0] *= scores[1] / np.float32(max(1, held))
        for p in range(starts[drawn[t]], starts[drawn[t] + 1]):
            if items[p] >= 0 and p != hidden[t]:
                scores[:, items[p]] = -1
        for way in range(4):
            score = scores[way] + popular
            ranks[t, way] = 1 + (score > score[truth]).sum()
    return ranks
