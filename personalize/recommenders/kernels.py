"""The inner loops of the recommenders, compiled by numba: who is similar, and the best of each row.

This file imports numba and is imported inside the functions that call it (see
`personalize.compiled`).
"""

import numpy as np

from personalize.compiled import compiled

__all__ = ["best", "nearest", "warm"]

_NEVER = 2**31 - 1  # days since a purchase that never was


@compiled
def nearest(rows, unit, by_column, asked):
    """The `asked` rows with the highest cosine to each of some rows; ties go to the first.

    Cosines that are equal to 9 digits are ties, whatever the machine. Where fewer are above 0, the
    last row stands for nobody. A matrix is its (indptr, indices, data).
    """
    (start, column, weight), (first, other, value) = unit, by_column
    size = len(start) - 1
    found = np.full((len(rows), asked), size - 1, np.int32)
    cosine, kept = np.zeros(size), np.empty(size, np.int64)
    for i in range(len(rows)):
        cosine[:] = 0
        for p in range(start[rows[i]], start[rows[i] + 1]):
            for q in range(first[column[p]], first[column[p] + 1]):
                cosine[other[q]] += weight[p] * value[q]
        cosine[rows[i]] = 0
        count, least, limit = 0, 1.0, 4 * asked
        for j in range(size):
            if cosine[j] * 1e9 >= least - 1:
                cosine[j] = np.rint(cosine[j] * 1e9)
                if cosine[j] >= least:
                    kept[count] = j
                    count += 1
                    if count > limit:
                        count, least = _largest(cosine, kept, count, asked)
                        limit = count + 4 * asked
        if count > asked:
            count, least = _largest(cosine, kept, count, asked)
        above = kept[:count][cosine[kept[:count]] > least]
        found[i, : len(above)] = above
        level = kept[:count][cosine[kept[:count]] == least][: asked - len(above)]
        found[i, len(above) : len(above) + len(level)] = level
    return found


@compiled
def _largest(values, kept, size, k):
    """Keep of some positions those of the `k` largest values and their ties.

    Returns how many they are, and the k-th value.
    """
    chosen = values[kept[:size]]
    least = np.partition(chosen, size - k)[size - k]
    at = 0
    for p in range(size):
        if chosen[p] >= least:
            kept[at] = kept[p]
            at += 1
    return at, least


@compiled
def best(scores, bought, products, repeat, k):
    """The `k` best columns of each row, best first, and what fills the places left over.

    Parameters: scores (CSR); what each row has bought (from, to, columns, flags: is it due?, days
    since); of each column a flag (may it be named?) and its place among the most bought, and those
    that fill what is left over, best first; repeat (0 any column, 1 only what was not bought, 2
    only what is due). Only scores above 0 count; what fills a list has 0.

    Returns row, column, score, and the purchase of the column (-1: none).
    """
    start, column, value = scores
    first, last, known, due, idle = bought
    allowed, _, filling = products
    longest = 0
    for i in range(len(start) - 1):
        longest = max(longest, start[i + 1] - start[i])
    longest = min(k, len(filling) + longest)
    most = longest * (len(start) - 1)
    row, col = np.empty(most, np.int64), np.empty(most, np.int64)
    pair, score = np.empty(most, np.int64), np.zeros(most)
    mark, taken = np.full(len(allowed), -1, np.int32), np.full(len(allowed), -1, np.int32)
    heap = np.empty(longest, np.float32), np.empty(longest, np.int64), np.empty(longest, np.int64)
    at = 0
    for i in range(len(start) - 1):
        for p in range(first[i], last[i]):
            mark[known[p]] = p
        begin, entries = at, slice(start[i], start[i + 1])
        row_scores = column[entries], value[entries]
        for j in range(_choose(row_scores, heap, (mark, due, idle), products, repeat)):
            score[at], col[at], taken[heap[2][j]] = heap[0][j], heap[2][j], i
            at += 1
        for c in filling:
            if at == begin + longest:
                break
            if taken[c] != i and (repeat == 0 or mark[c] < 0):
                col[at] = c
                at += 1
        for p in range(begin, at):
            row[p], pair[p] = i, mark[col[p]]
        for p in range(first[i], last[i]):
            mark[known[p]] = -1
    return row[:at], col[:at], score[:at], pair[:at]


@compiled
def _choose(entries, heap, bought, products, repeat):
    """Put the best columns of one row into the heap (scores, ties, columns), best first.

    Returns how many they are.
    """
    (column, value), (top, tie, chosen) = entries, heap
    (mark, due, idle), (allowed, standing, _) = bought, products
    size = min(len(top), len(column))
    top[:size], tie[:size] = 0, 0
    for p in range(len(column)):
        c = column[p]
        if not (value[p] > 0 and value[p] >= top[0] and allowed[c]):
            continue
        pair = mark[c]
        if (repeat == 1 and pair >= 0) or (repeat == 2 and (pair < 0 or not due[pair])):
            continue
        days = idle[pair] if pair >= 0 else _NEVER
        order = np.int64(days) << 32 | standing[c]
        if value[p] > top[0] or order < tie[0]:
            top[0], tie[0], chosen[0] = value[p], order, c
            _sink(top, tie, chosen, size)
    for left in range(size - 1, 0, -1):
        top[0], top[left] = top[left], top[0]
        tie[0], tie[left] = tie[left], tie[0]
        chosen[0], chosen[left] = chosen[left], chosen[0]
        _sink(top, tie, chosen, left)
    while size and top[size - 1] == 0:
        size -= 1
    return size


@compiled
def _sink(top, tie, chosen, size):
    """Let the first entry of a heap sink until the two below it are better: the last is on top."""
    score, order, c, at, below = top[0], tie[0], chosen[0], 0, 1
    while below < size:
        other = below + 1
        if other < size and (
            top[other] < top[below] or (top[other] == top[below] and tie[other] > tie[below])
        ):
            below = other
        if top[below] > score or (top[below] == score and tie[below] <= order):
            break
        top[at], tie[at], chosen[at] = top[below], tie[below], chosen[below]
        at, below = below, 2 * below + 1
    top[at], tie[at], chosen[at] = score, order, c


def warm() -> None:
    """Load or compile every loop for the types it is called with, before a customer waits for
    it."""
    start, number, row = np.array([0, 1]), np.zeros(1, np.int32), np.zeros(1, int)
    matrix, flag = (start, number, np.ones(1)), np.ones(1, bool)
    nearest(row, matrix, matrix, 1)
    scores = start, number, np.ones(1, np.float32)
    best(scores, (row, row, number, flag, number), (flag, row, row), 0, 1)
