"""The inner loops of the recommenders, compiled by numba: who is similar, what they buy, and the best of each row.

This file imports numba and is imported inside the functions that call it (see `personalize.compiled`).
"""

import numpy as np

from personalize.compiled import compiled

__all__ = ["best", "blend", "likest", "nearest", "warm"]

_NEVER = 2**31 - 1  # days since a purchase that never was


@compiled
def nearest(rows, cosines, unit, by_column, asked):
    """The `asked` rows with the highest cosine to each of some rows, -2 where fewer are above 0; ties to the first.

    `cosines` holds what further columns add. Cosines that are equal to 9 digits are ties, whatever the machine. A
    matrix is its (indptr, indices, data).
    """
    (start, column, weight), (first, other, value) = unit, by_column
    found, kept = np.full((len(rows), asked), -2, np.int32), np.empty(cosines.shape[1], np.int64)
    for i in range(len(rows)):
        cosine = cosines[i]
        for p in range(start[rows[i]], start[rows[i] + 1]):
            for q in range(first[column[p]], first[column[p] + 1]):
                cosine[other[q]] += weight[p] * value[q]
        cosine[rows[i]] = 0
        size, least, limit = 0, 1.0, 4 * asked
        for j in range(len(cosine)):
            if cosine[j] * 1e9 >= least - 1:
                cosine[j] = np.rint(cosine[j] * 1e9)
                if cosine[j] >= least:
                    kept[size] = j
                    size += 1
                    if size > limit:
                        size, least = _largest(cosine, kept, size, asked)
                        limit = size + 4 * asked
        if size > asked:
            size, least = _largest(cosine, kept, size, asked)
        above = kept[:size][cosine[kept[:size]] > least]
        found[i, : len(above)] = above
        level = kept[:size][cosine[kept[:size]] == least][: asked - len(above)]
        found[i, len(above) : len(above) + len(level)] = level
    return found


@compiled
def _largest(values, kept, size, k):
    """Keep of some positions those of the `k` largest values and their ties; how many they are, and the k-th value."""
    chosen = values[kept[:size]]
    least = np.partition(chosen, size - k)[size - k]
    at = 0
    for p in range(size):
        if chosen[p] >= least:
            kept[at] = kept[p]
            at += 1
    return at, least


@compiled
def blend(rows, near, weights, matrices, width):
    """Rows of the first matrix and, summed, the rows `near` (below 0: none) of the second, each weighted, as CSR.

    Row -1 is nobody, whose row is empty. The weights are 0 or more, the values of both matrices above 0.
    """
    (own, share), ((start, column, value), (first, liked, often)) = weights, matrices
    most = 1
    for i in range(len(rows)):
        most += start[rows[i] + 1] - start[rows[i]] if rows[i] >= 0 else 0
        for j in near[i]:
            most += first[j + 1] - first[j] if j >= 0 else 0
    indptr, indices, data = (
        np.zeros(len(rows) + 1, np.int64),
        np.empty(most, np.int32),
        np.empty(most, np.float32),
    )
    total, at = np.zeros(width), 0
    for i in range(len(rows)):
        for p in (
            range(start[rows[i]], start[rows[i] + 1]) if rows[i] >= 0 and own > 0 else range(0)
        ):
            indices[at], total[column[p]] = column[p], own * value[p]
            at += 1
        for j in near[i] if share > 0 else near[i][:0]:
            for p in range(first[j], first[j + 1]) if j >= 0 else range(0):
                indices[at] = liked[p]
                at += total[liked[p]] == 0
                total[liked[p]] += share * often[p]
        for p in range(indptr[i], at):
            data[p] = total[indices[p]]
            total[indices[p]] = 0
        indptr[i + 1] = at
    return indptr, indices[:at], data[:at]


@compiled
def likest(rows, matrices, bought, free, k):
    """The `k` columns above 0 of each row of a product of two, and those equal to the last of them, as CSR.

    A column counts while it is free: `free` less what the row has bought (from, to, things, flags, columns of
    the things).
    """
    ((start, word, weight), (first, column, value)), (since, until, thing, flag, group) = (
        matrices,
        bought,
    )
    cosine, taken, kept = (
        np.empty(len(free)),
        np.zeros(len(free), np.int64),
        np.empty(len(free), np.int64),
    )
    indptr = np.zeros(len(rows) + 1, np.int64)
    indices, data, at = np.empty(len(rows) * (k + 8), np.int32), np.empty(len(rows) * (k + 8)), 0
    for i in range(len(rows)):
        cosine[:] = 0
        for p in range(start[rows[i]], start[rows[i] + 1]) if rows[i] >= 0 else range(0):
            for q in range(first[word[p]], first[word[p] + 1]):
                cosine[column[q]] += weight[p] * value[q]
        for p in range(since[i], until[i]):
            taken[group[thing[p]]] += flag[p]
        size, least, limit = 0, 0.0, 4 * k
        for j in range(len(free)):
            if cosine[j] >= least and cosine[j] > 0 and free[j] > taken[j]:
                kept[size] = j
                size += 1
                if size > limit:
                    size, least = _largest(cosine, kept, size, k)
                    limit = size + 4 * k
        if size > k:
            size, least = _largest(cosine, kept, size, k)
        if at + size > len(data):
            indices, data = (
                np.append(indices, np.empty(at + size, np.int32)),
                np.append(data, np.empty(at + size)),
            )
        indices[at : at + size], data[at : at + size] = kept[:size], cosine[kept[:size]]
        at += size
        for p in range(since[i], until[i]):
            taken[group[thing[p]]] = 0
        indptr[i + 1] = at
    return indptr, indices[:at], data[:at]


@compiled
def best(scores, bought, products, repeat, k):
    """The `k` best columns of each row, best first: row, column, score, and the purchase of the column (-1: none).

    Parameters: scores (CSR); what each row has bought (from, to, columns, flags: is it due?, days since); of each
    column a flag (may it be named?) and its place among the most bought, and those that fill what is left over, best
    first; repeat (0 any column, 1 only what was not bought, 2 only what is due). Only scores above 0 count; what fills
    a list has 0.
    """
    (start, column, value), (first, last, known, due, idle), (allowed, _, filling) = (
        scores,
        bought,
        products,
    )
    longest, at = min(k, len(filling) + (start[1:] - start[:-1]).max()), 0
    most = longest * (len(start) - 1)
    row, col, pair, score = (
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.zeros(most),
    )
    mark, taken = np.full(len(allowed), -1, np.int32), np.full(len(allowed), -1, np.int32)
    heap = np.empty(longest, np.float32), np.empty(longest, np.int64), np.empty(longest, np.int64)
    for i in range(len(start) - 1):
        for p in range(first[i], last[i]):
            mark[known[p]] = p
        begin, entries = at, slice(start[i], start[i + 1])
        for j in range(
            _choose((column[entries], value[entries]), heap, (mark, due, idle), products, repeat)
        ):
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
    """Put the best columns of one row into the heap (scores, ties, columns), best first; returns how many they are."""
    (column, value), (top, tie, chosen), (mark, due, idle), (allowed, standing, _) = (
        entries,
        heap,
        bought,
        products,
    )
    size = min(len(top), len(column))
    top[:size], tie[:size] = 0, 0
    for p in range(len(column)):
        c = column[p]
        if value[p] > 0 and value[p] >= top[0] and allowed[c]:
            pair = mark[c]
            if (
                repeat == 0
                or (repeat == 1 and pair < 0)
                or (repeat == 2 and pair >= 0 and due[pair])
            ):
                order = np.int64(idle[pair] if pair >= 0 else _NEVER) << 32 | standing[c]
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
    """Let the first entry of a heap sink until the two below it are better: the last in order is on top."""
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
    """Load or compile every loop for the types it is called with, before the first customer waits for it."""
    start, number, value, flag = (
        np.array([0, 1]),
        np.zeros(1, np.int32),
        np.ones(1),
        np.ones(1, bool),
    )
    matrix, row = (start, number, value), np.zeros(1, int)
    nearest(row, np.zeros((1, 1)), matrix, matrix, 1)
    blend(row, np.zeros((1, 1), np.int32), (0.5, 0.5), (matrix, matrix), 1)
    likest(row, (matrix, matrix), (row, row, number, flag, row), np.ones(1, int), 1)
    best(
        (start, number, value.astype(np.float32)),
        (row, row, number, flag, number),
        (flag, row, row),
        0,
        1,
    )
