"""The inner loops of the recommenders, compiled by numba: who is similar, and the best of each row.

This file imports numba and is imported inside the functions that call it (see
`personalize.compiled`).
"""

import numpy as np

from personalize.compiled import compiled

__all__ = ["best", "largest", "nearest", "warm"]

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
def largest(values, k):
    """The `k` largest values above 0 of each row, and those equal to the last of them, as CSR."""
    rows, columns = values.shape
    indptr, kept = np.zeros(rows + 1, np.int64), np.empty(columns, np.int64)
    indices, data = np.empty(rows * k, np.int32), np.empty(rows * k)
    for i in range(rows):
        count, least, limit, at = 0, 0.0, 4 * k, indptr[i]
        for j in range(columns):
            if values[i, j] >= least and values[i, j] > 0:
                kept[count] = j
                count += 1
                if count > limit:
                    count, least = _largest(values[i], kept, count, k)
                    limit = count + 4 * k
        if count > k:
            count, least = _largest(values[i], kept, count, k)
        if at + count > len(data):
            indices = np.append(indices, np.empty(at + count, np.int32))
            data = np.append(data, np.empty(at + count))
        indices[at : at + count], data[at : at + count] = kept[:count], values[i][kept[:count]]
        indptr[i + 1] = at + count
    return indptr, indices[: indptr[rows]], data[: indptr[rows]]


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
    allowed, standing, filling = products
    most = 0
    for i in range(len(start) - 1):
        most += min(k, len(filling) + start[i + 1] - start[i])
    row, col = np.empty(most, np.int64), np.empty(most, np.int64)
    pair, score = np.empty(most, np.int64), np.zeros(most)
    mark, taken = np.full(len(allowed), -1, np.int32), np.full(len(allowed), -1, np.int32)
    at = 0
    for i in range(len(start) - 1):
        for p in range(first[i], last[i]):
            mark[known[p]] = p
        begin, entries = at, slice(start[i], start[i + 1])
        may = _may_be_named(column[entries], value[entries], (mark, due, allowed), repeat, k)
        for p in _in_order(column[entries], value[entries], may, (mark, idle, standing), k):
            col[at], score[at] = column[entries][p], value[entries][p]
            taken[col[at]] = i
            at += 1
        for c in filling:
            if at == begin + k:
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
def _may_be_named(column, value, flags, repeat, k):
    """The positions of one row that may be named, without most that are not among the `k` best."""
    mark, due, allowed = flags
    kept, size, least, limit = np.empty(len(column), np.int64), 0, np.float32(0), 4 * k
    for p in range(len(column)):
        pair = mark[column[p]]
        if value[p] <= 0 or value[p] < least or not allowed[column[p]]:
            continue
        if repeat == 0 or (repeat == 1 and pair < 0) or (repeat == 2 and pair >= 0 and due[pair]):
            kept[size] = p
            size += 1
            if size > limit:
                size, least = _largest(value, kept, size, k)
                limit = size + 4 * k
    return kept[:size]


@compiled
def _in_order(column, value, kept, known, k):
    """The `k` best of some positions: by value, then the latest purchase, then the standing."""
    mark, idle, standing = known
    if len(kept) > k:
        size, _ = _largest(value, kept, len(kept), k)
        kept = kept[:size]
    tie = np.empty(len(kept), np.int64)
    for j in range(len(kept)):
        pair = mark[column[kept[j]]]
        days = idle[pair] if pair >= 0 else _NEVER
        tie[j] = np.int64(days) << 32 | standing[column[kept[j]]]
    kept = kept[np.argsort(tie)]
    return kept[np.argsort(-value[kept], kind="mergesort")][:k]


def warm() -> None:
    """Load or compile every loop for its types, before a customer waits for it."""
    start, number, row = np.array([0, 1]), np.zeros(1, np.int32), np.zeros(1, int)
    matrix, flag = (start, number, np.ones(1)), np.ones(1, bool)
    nearest(row, matrix, matrix, 1)
    largest(np.ones((1, 1)), 1)
    scores = start, number, np.ones(1, np.float32)
    best(scores, (row, row, number, flag, number), (flag, row, row), 0, 1)
