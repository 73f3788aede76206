"""The inner loops of k-means, compiled by numba: careful starts and Lloyd's iterations on weighted points.

Choosing the number of segments takes some 1,400 runs on a few thousand customers each; scikit-learn spends most of
such a short run on its preparation. These loops give the same centres from the same start (a test compares them) and
add in one fixed order in one thread, so results do not depend on threads. This file needs numba and is
itself imported inside the functions that call it, so that `import personalize` stays quick. Points are columns here.
"""

import numpy as np

from personalize.compiled import compiled

_BLOCK = 1024  # points looked at together: their distances stay in the fastest memory
_SLACK = 1e-9  # of a distance: far more than rounding can take from a bound


@compiled
def _distances(columns, first, center, out):
    """Squared distances to a centre of as many points, from the `first` on, as `out` has places."""
    for i in range(len(out)):
        out[i] = (columns[0, first + i] - center[0]) ** 2
    for at in range(1, len(center)):
        for i in range(len(out)):
            out[i] += (columns[at, first + i] - center[at]) ** 2


@compiled
def _nearest(columns, first, centers, found):
    """Fill squared distances to the nearest centre (the first one on a tie) and to the next, and which one is it."""
    least, second, own = found
    distance = np.empty(len(least))
    least[:] = np.inf
    second[:] = np.inf
    for j in range(len(centers)):
        _distances(columns, first, centers[j], distance)
        for i in range(len(distance)):
            this, best = distance[i], least[i]
            better = this < best
            second[i] = best if better else min(second[i], this)
            least[i] = this if better else best
            own[i] = j if better else own[i]


@compiled
def _doubtful(columns, block, bounds, part, place):
    """Copy the points of a block whose own centre may no longer be the nearest; how many there are, and which."""
    (first, end), (upper, lower), size = block, bounds, 0
    for i in range(first, end):
        place[size] = i
        size += upper[i] >= lower[i]
    for at in range(len(columns)):
        for i in range(size):
            part[at, i] = columns[at, place[i]]
    return size


@compiled
def _count(sums, columns, i, mass):
    """Add a point of this mass to the sums of its cluster: one sum a feature, and last the mass."""
    for at in range(len(columns)):
        sums[at] += mass * columns[at, i]
    sums[len(columns)] += mass


@compiled
def _move(centers, sums, shift):
    """Put each centre in the middle of its points and note how far it went; the sum of the squared ways."""
    width, moved = centers.shape[1], 0.0
    for j in range(len(centers)):
        square = 0.0
        for at in range(width if sums[j, width] >= 1 else 0):
            place = sums[j, at] / sums[j, width]
            square += (place - centers[j, at]) ** 2
            centers[j, at] = place
        shift[j] = np.sqrt(square) * (1 + _SLACK)
        moved += square
    return moved


@compiled
def lloyd(columns, weight, start, tol, most):
    """Centres after Lloyd's iterations from `start`, and their weighted inertia.

    Stops when the centres together move by no more than the root of `tol`, or after `most` iterations. Only points
    that change sides are added up anew. Weights are counts. A centre that nobody is nearest to stays where it is.
    A point is looked at again only when the centres have moved so far that another one may be nearer than its own
    (Hamerly 2010, Making k-means even faster, section 2): the same centres, two to three times sooner.
    """
    (width, n), block = columns.shape, min(_BLOCK, columns.shape[1])
    centers, sums, label = start.copy(), np.zeros((len(start), width + 1)), np.full(n, -1)
    upper, lower, shift = np.full(n, np.inf), np.zeros(n), np.zeros(len(start))
    part, place, own = (
        np.empty((width, block)),
        np.empty(block + 1, np.int64),
        np.empty(block, np.int64),
    )
    least, second = np.empty(block), np.empty(block)
    for _ in range(most):
        for first in range(0, n, block):
            size = _doubtful(columns, (first, min(first + block, n)), (upper, lower), part, place)
            _nearest(part, 0, centers, (least[:size], second[:size], own))
            for at in range(size):
                i, new = place[at], own[at]
                old, label[i] = label[i], new
                upper[i], lower[i] = np.sqrt(least[at]), np.sqrt(second[at]) * (1 - _SLACK)
                if old != new:
                    _count(sums[new], columns, i, weight[i])
                    if old >= 0:
                        _count(sums[old], columns, i, -weight[i])
        if _move(centers, sums, shift) <= tol:
            break
        farthest = shift.max()
        for i in range(n):
            upper[i] += shift[label[i]]
            lower[i] -= farthest
    return centers, _inertia(columns, weight, centers, block)


@compiled
def _inertia(columns, weight, centers, block):
    """Weighted sum of the squared distances to the nearest centre."""
    n, total = columns.shape[1], 0.0
    least, second, own = np.empty(block), np.empty(block), np.empty(block, np.int64)
    for first in range(0, n, block):
        size = min(block, n - first)
        _nearest(columns, first, centers, (least[:size], second[:size], own))
        for i in range(size):
            total += weight[first + i] * least[i]
    return total


@compiled
def spread(columns, weight, draws):
    """Starting centres far apart (greedy k-means++): each the best of several drawn by squared distance.

    `draws` holds a number 0 to 1 for each centre and trial.
    """
    (width, n), (k, trials) = columns.shape, draws.shape
    centers, near, closest, trial = (
        np.empty((k, width)),
        np.full(n, np.inf),
        np.ones(n),
        np.empty(n),
    )
    for j in range(k):
        heap, best = np.cumsum(weight * closest), np.inf
        for t in range(trials):
            drawn = min(np.searchsorted(heap, draws[j, t] * heap[-1], side="right"), n - 1)
            _distances(columns, 0, columns[:, drawn].copy(), trial)
            total = 0.0
            for i in range(n):
                trial[i] = min(trial[i], near[i])
                total += weight[i] * trial[i]
            if total < best:
                best, closest = total, trial.copy()
                centers[j] = columns[:, drawn]
        near[:] = closest
    return centers


@compiled
def best_of(columns, weight, draws, tol, most):
    """The centres of lowest inertia among runs from several starts; `draws` has one table of numbers a start."""
    best, kept = np.inf, np.empty((draws.shape[1], len(columns)))
    for start in range(len(draws)):
        centers, inertia = lloyd(columns, weight, spread(columns, weight, draws[start]), tol, most)
        if inertia < best:
            best = inertia
            kept = centers
    return kept, best
