"""Item neighbours and EASE, against numbers worked out by hand or a second way."""

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from personalize.recommenders import EASE, ItemKNN
from personalize.tables import TableError
from tests.recommenders.shops import BASKETS, scores, shop


def test_item_similarity_is_shared_buyers_over_the_root_of_both_plus_shrinkage():
    shrunk = scores(ItemKNN(min_support=2, shrink=3), shop(BASKETS), 1, customer=6, repeat="new")
    assert shrunk[6] == pytest.approx(2 / (np.sqrt(4 * 2) + 3))
    assert shrunk[7] == pytest.approx(1 / (np.sqrt(4 * 2) + 3))
    assert shrunk[8] == 0


def test_products_below_the_support_floor_teach_nothing_and_are_filled_by_popularity():
    rows = [*BASKETS, (6, 9, 1)]
    kept = ItemKNN(min_support=2).fit(shop(rows), as_of="2024-01-01")
    assert kept.history_.products[kept.items_].tolist() == [5, 6, 7, 8]
    assert kept.recommend([1]).set_index("product_id").score[9] == 0


def test_ease_solves_the_ridge_regression_of_each_product_on_the_others():
    model = EASE(l2=2.0).fit(shop(BASKETS), as_of="2024-01-01")
    bought = model.history_.matrix().toarray()
    for j in range(bought.shape[1]):
        others = np.delete(np.arange(bought.shape[1]), j)
        gram = bought[:, others].T @ bought[:, others] + 2 * np.eye(len(others))
        ridge = np.linalg.solve(gram, bought[:, others].T @ bought[:, j])
        assert model.weights_[others, j] == pytest.approx(ridge, abs=1e-5)
        assert model.weights_[j, j] == 0


def test_weights_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    tables = shop([(c, p, 1) for c in range(300) for p in np.flatnonzero(rng.random(200) < 0.2)])
    with threadpool_limits(2, "blas"):
        many = EASE().fit(tables, as_of="2024-01-01").weights_
    with threadpool_limits(1, "blas"):
        one = EASE().fit(tables, as_of="2024-01-01").weights_
    assert (many == one).all()


def test_ease_tells_its_memory_before_it_starts():
    with pytest.raises(
        TableError, match=r"EASE over 4 products needs about 0 MB, .* set max_items=2"
    ):
        EASE(max_memory_mb=0.0001).fit(shop(BASKETS), as_of="2024-01-01")


def test_ease_beyond_its_cap_leaves_the_rest_to_popularity():
    table = (
        EASE(l2=1, max_items=2).fit(shop(BASKETS), as_of="2024-01-01").recommend([6], repeat="new")
    )
    assert table.product_id.tolist() == [6, 7, 8]
    assert (table.score > 0).tolist() == [True, False, False]


def test_the_reason_of_an_item_model_is_the_purchase_that_weighs_most():
    products = pd.DataFrame({"product_id": [5, 6, 7, 8], "name": ["Tea", "Milk", "Jam", "Oil"]})
    table = (
        ItemKNN(min_support=2)
        .fit(shop(BASKETS, products=products), as_of="2024-01-01")
        .recommend([6], repeat="new")
    )
    assert table.reason[0] == "often bought by those who buy Tea"


def test_what_goes_with_a_basket_uses_the_weights_of_the_model():
    model = ItemKNN(min_support=2, shrink=3).fit(shop(BASKETS), as_of="2024-01-01")
    basket = model.for_basket([5, 8, 99], k=9).set_index("product_id").score
    assert basket.index.tolist() == [6, 7] or basket.index.tolist() == [7, 6]
    assert basket[7] == pytest.approx(1 / (np.sqrt(8) + 3) + 1 / (2 + 3))
    assert model.for_basket([99]).empty


def test_groups_let_what_is_beyond_the_cap_speak():
    rows = [(c, p, 1) for c in range(10) for p in (0, 10 + c)]  # one tea each, and product 0
    rows += [(c, p, 1) for c in range(10, 20) for p in (1, 30 + c)] + [(50, 99, 1)]
    names = [*range(10, 20), 99, *range(40, 50), 0, 1]
    groups = pd.DataFrame(
        {"product_id": names, "category": ["tea"] * 11 + ["oil"] * 10 + ["jam"] * 2}
    )
    tables = shop(rows, products=groups)
    for weight, product, said in ((0.5, 0, True), (0, 0, False)):
        top = (
            EASE(l2=1, max_items=2, group_weight=weight)
            .fit(tables, as_of="2024-01-01")
            .recommend([50], k=1)
        )
        assert (top.product_id[0], top.score[0] > 0) == (product, said)
