"""The compiled loops, against plain sums and full sorts."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from personalize.recommenders import EASE, TIFU, Content, History, Hybrid, kernels
from personalize.recommenders.base import arrays, at_least
from tests.recommenders.shops import shop


def test_the_compiled_neighbours_are_those_of_the_full_cosines():
    wide = sparse.csr_array(sparse.random(41, 300, density=0.1, random_state=3, format="csr"))
    wide.data[wide.indptr[40] :] = 0  # the last row is nobody
    matrices = arrays(wide), arrays(sparse.csr_array(wide.T.tocsr()))
    cosine = (wide @ wide.T).toarray()
    np.fill_diagonal(cosine, 0)
    found = kernels.nearest(np.arange(40), *matrices, 5)
    lowest = np.sort(cosine, axis=1)[:, -5]
    for i in range(40):
        assert set(found[i]) == set(np.flatnonzero(cosine[i] >= lowest[i]))
    alone = kernels.nearest(np.array([40]), *matrices, 2)
    assert alone.tolist() == [[40, 40]], "nobody is like nobody"


def test_the_compiled_largest_keep_the_best_of_each_row_and_their_ties():
    rng = np.random.default_rng(5)
    values = np.maximum(rng.integers(-20, 20, (30, 200)), 0) / 7
    values[0], values[1, :] = 0, 1.0
    indptr, column, value = kernels.largest(values, 3)
    found = sparse.csr_array((value, column, indptr), shape=values.shape).toarray()
    assert (found == np.where(at_least(values, 3) & (values > 0), values, 0)).all()


def test_the_compiled_best_orders_what_may_be_named_and_fills_what_is_left():
    scores = arrays(sparse.csr_array(np.array([[5.0, 4, 4, 3, -1], [1, 0, 2, 9, 0]])), np.float32)
    since = np.array([30, 7], np.int32)
    bought = (
        np.array([0, 1]),
        np.array([1, 2]),
        np.array([0, 2], np.int32),
        np.array([True, True]),
        since,
    )
    standing, nothing = np.array([0, 3, 1, 2, 4]), np.zeros(0, int)
    products = np.array([True, True, True, False, True]), standing, nothing

    def named(repeat, k, filling=nothing):
        place, col, score, pair = kernels.best(scores, bought, (*products[:2], filling), repeat, k)
        return list(zip(place.tolist(), col.tolist(), score.tolist(), pair.tolist(), strict=True))

    assert named(0, 2) == [(0, 0, 5, 0), (0, 2, 4, -1), (1, 2, 2, 1), (1, 0, 1, -1)], (
        "of equals the one with more buyers"
    )
    assert named(1, 1) == [(0, 2, 4, -1), (1, 0, 1, -1)], "not what was bought"
    assert named(2, 9) == [(0, 0, 5, 0), (1, 2, 2, 1)], "only what was bought"
    assert named(1, 3, np.array([4, 2]))[3:] == [(1, 0, 1, -1), (1, 4, 0, -1)], (
        "filled, but not by what was bought"
    )


@given(st.lists(st.integers(0, 40), min_size=1, max_size=400), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_the_compiled_best_equals_a_full_sort_whatever_the_ties(values, k):
    value, n = np.array(values, np.float32), len(values)
    nobody = np.zeros(1, int)
    bought = nobody, nobody, np.zeros(1, np.int32), np.zeros(1, bool), np.zeros(1, np.int32)
    standing = np.random.default_rng(n).permutation(n)
    scores = np.array([0, n]), np.arange(n, dtype=np.int32), value
    _, col, score, _ = kernels.best(
        scores, bought, (np.ones(n, bool), standing, np.zeros(0, int)), 0, k
    )
    expected = np.lexsort([standing, -value])[: min(k, int((value > 0).sum()))]
    assert col.tolist() == expected.tolist()
    assert score.tolist() == value[expected].tolist()


def test_warming_up_loads_what_the_models_call():
    kernels.warm()
    loops = [kernels.nearest, kernels.largest, kernels.best]
    ready = [list(loop.signatures) for loop in loops]
    tea = pd.DataFrame({"product_id": [5, 6, 7], "name": ["green tea", "black tea", "green oil"]})
    history = History.load(
        shop([(1, 5, 1), (1, 6, 1), (2, 5, 1), (2, 7, 1), (3, 6, 2)], products=tea),
        as_of="2024-01-02",
    )
    for model in (TIFU(), EASE(), Content(min_products=1), Hybrid(TIFU(), EASE())):
        for repeat in ("allow", "new", "due"):
            assert len(model.fit_history(history).recommend(k=2, repeat=repeat)) >= 0
    assert [list(loop.signatures) for loop in loops] == ready, (
        "anything else is compiled while a customer waits"
    )
