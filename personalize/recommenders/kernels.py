"""The inner loops of the recommenders, compiled by numba: who is similar, what they buy, and the best of each row.

This file imports numba and is imported inside the functions that call it (see `personalize.compiled`).
"""

import numpy as np

from personalize.compiled import compiled

__all__ = ["best", "blend", "likest", "nearest", "warm"]


@compiled
def nearest(rows, cosines, unit, by_column, asked):
    """The `asked` rows with the highest cosine to each of some rows, -2 where fewer are above 0; ties to the first.

    `cosines` holds what further columns add. Cosines that are equal to 9 digits are ties, whatever the machine. A
    matrix is its (indptr, indices, data).
    """
    (start, column, weight), (first, other, value) = unit, by_column
    n = cosines.shape[1]
    found = np.full((len(rows), asked), -2, np.int32)
    for i in range(len(rows)):
        cosine = cosines[i]
        for p in range(start[rows[i]], start[rows[i] + 1]):
            for q in range(first[column[p]], first[column[p] + 1]):
                cosine[other[q]] += weight[p] * value[q]
        for j in range(n):
            cosine[j] = np.rint(cosine[j] * 1e9)
        cosine[rows[i]] = 0
        least = np.partition(cosine, n - asked)[n - asked] if asked < n else 0.0
        at = 0
        for j in range(n):
            if cosine[j] > max(least, 0):
                found[i, at] = j
                at += 1
        for j in range(n):
            if at < asked and least > 0 and cosine[j] == least:
                found[i, at] = j
                at += 1
    return found


@compiled
def blend(rows, near, weights, matrices, width):
    """Rows of the first matrix and, summed, the rows `near` (below 0: none) of the second, each weighted, as CSR.

    Row -1 is nobody, whose row is empty.
    """
    (own, share), ((start, column, value), (first, liked, often)) = weights, matrices
    indptr = np.zeros(len(rows) + 1, np.int64)
    for i in range(len(rows)):
        size = start[rows[i] + 1] - start[rows[i]] if rows[i] >= 0 else 0
        for j in near[i]:
            size += first[j + 1] - first[j] if j >= 0 else 0
        indptr[i + 1] = size
    indptr = np.cumsum(indptr)
    indices, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1])
    total, seen = np.zeros(width), np.full(width, -1, np.int32)
    at = 0
    for i in range(len(rows)):
        begin, indptr[i] = at, at
        if rows[i] >= 0:
            for p in range(start[rows[i]], start[rows[i] + 1]):
                seen[column[p]], total[column[p]] = i, own * value[p]
                indices[at] = column[p]
                at += 1
        for j in near[i]:
            if j >= 0:
                for p in range(first[j], first[j + 1]):
                    if seen[liked[p]] != i:
                        seen[liked[p]], total[liked[p]] = i, 0.0
                        indices[at] = liked[p]
                        at += 1
                    total[liked[p]] += share * often[p]
        for p in range(begin, at):
            data[p] = total[indices[p]]
    indptr[-1] = at
    return indptr, indices[:at].copy(), data[:at].copy()


@compiled
def likest(rows, matrices, bought, free, k):
    """The `k` columns above 0 of each row of a product of two, and those equal to the last of them, as CSR.

    A column counts while it is free: `free` less what the row has bought (from, to, things, flags, columns of
    the things).
    """
    ((start, word, weight), (first, column, value)), (since, until, thing, flag, group) = matrices, bought
    n = len(free)
    cosine, taken, values = np.empty(n), np.zeros(n, np.int64), np.empty(n)
    indptr = np.zeros(len(rows) + 1, np.int64)
    indices, data, at = np.empty(len(rows) * (k + 8), np.int32), np.empty(len(rows) * (k + 8)), 0
    for i in range(len(rows)):
        cosine[:] = 0
        for p in range(start[rows[i]], start[rows[i] + 1]) if rows[i] >= 0 else range(0):
            for q in range(first[word[p]], first[word[p] + 1]):
                cosine[column[q]] += weight[p] * value[q]
        for p in range(since[i], until[i]):
            taken[group[thing[p]]] += flag[p]
        size = 0
        for j in range(n):
            if cosine[j] > 0 and free[j] > taken[j]:
                values[size] = cosine[j]
                size += 1
        least = np.partition(values[:size], size - k)[size - k] if size > k else 0.0
        if at + size > len(data):
            indices, data = np.append(indices, np.empty(at + size, np.int32)), np.append(data, np.empty(at + size))
        for j in range(n):
            if cosine[j] > 0 and cosine[j] >= least and free[j] > taken[j]:
                indices[at], data[at] = j, cosine[j]
                at += 1
        for p in range(since[i], until[i]):
            taken[group[thing[p]]] = 0
        indptr[i + 1] = at
    return indptr, indices[:at].copy(), data[:at].copy()


@compiled
def best(scores, allowed, bought, repeat, k):
    """The `k` highest scores above 0 of each row, and those equal to the last of them: row, column, score.

    Parameters: scores (CSR); one flag a column; what each row has bought (from, to, columns, flags); repeat (0 any
    column, 1 only unflagged, 2 only flagged). Scores count to 7 digits.
    """
    (start, column, value), (first, last, known, flag) = scores, bought
    n, most = len(start) - 1, 0
    for i in range(n):
        most = max(most, start[i + 1] - start[i])
    place, col, kept = np.empty(len(column), np.int32), np.empty(len(column), np.int32), np.empty(most, np.int64)
    score, values, mark = np.empty(len(column), np.float32), np.empty(most, np.float32), np.full(len(allowed), -1)
    at = 0
    for i in range(n):
        if repeat:
            for p in range(first[i], last[i]):
                if flag[p]:
                    mark[known[p]] = i
        size = 0
        for p in range(start[i], start[i + 1]):
            c = column[p]
            if value[p] > 0 and allowed[c] and (repeat == 0 or (mark[c] == i) == (repeat == 2)):
                kept[size], values[size] = p, value[p]
                size += 1
        least = np.partition(values[:size], size - k)[size - k] if size > k else np.float32(0)
        for p in range(size):
            if values[p] >= least:
                place[at], col[at], score[at] = i, column[kept[p]], values[p]
                at += 1
    return place[:at].copy(), col[:at].copy(), score[:at].copy()


def warm() -> None:
    """Load or compile every loop for the types it is called with, before the first customer waits for it."""
    start, number, value, flag = np.array([0, 1]), np.zeros(1, np.int32), np.ones(1), np.ones(1, bool)
    matrix, row = (start, number, value), np.zeros(1, int)
    nearest(row, np.zeros((1, 1)), matrix, matrix, 1)
    blend(row, np.zeros((1, 1), np.int32), (0.5, 0.5), (matrix, matrix), 1)
    likest(row, (matrix, matrix), (row, row, number, flag, row), np.ones(1, int), 1)
    for kind in (np.float32, np.float64):
        best((start, number, value.astype(kind)), flag, (row, row, number, flag), 0, 1)
