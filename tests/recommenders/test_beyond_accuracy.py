"""What lists contain, counted by hand."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.recommenders import EASE, Content, History, ItemKNN, PersonalFrequency
from personalize.recommenders.beyond_accuracy import contents, gini
from tests.recommenders.shops import lists_of, shop


def test_contents_of_two_lists_by_hand():
    groups = pd.DataFrame({"product_id": [5, 6, 7, 8], "category": ["tea", "tea", "oil", None]})
    history = History.load(
        shop([(1, 5, 1), (2, 5, 1), (2, 6, 1), (2, 7, 1)], products=groups), as_of="2024-01-01"
    )
    found = contents(lists_of(history, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]), history, 4)
    assert found["coverage"] == 3 / 4
    assert found["repeats"] == 3 / 5
    assert found["popularity"] == pytest.approx((1 + 0.5 + 0.5 + 1 + 0.5) / 5)
    assert found["novelty"] == pytest.approx((0 + 1 + 1 + 0 + 1) / 5)
    assert found["diversity"] == pytest.approx((2 / 3 + 1) / 2), (
        "one of three pairs is tea with tea"
    )
    assert found["familiar"] == 1 / 2, "customer 1 knows tea, not oil"
    assert found["gini"] == pytest.approx(gini(np.array([2, 1, 2]), 4))


def test_gini_is_the_mean_difference_of_two_products_over_twice_the_mean():
    shown = np.array([3, 1, 6])
    every = np.r_[shown, 0, 0]
    assert gini(shown, 5) == pytest.approx(
        np.abs(every[:, None] - every).mean() / (2 * every.mean())
    )


def test_no_list_has_no_contents():
    history = History.load(shop([(1, 5, 1)]), as_of="2024-01-01")
    found = contents(lists_of(history, [(0, 0)]).iloc[:0], history, 4)
    assert found["coverage"] == 0
    assert np.isnan(found["gini"])


@pytest.fixture(scope="module")
def board(trial):
    models = {"neighbours": ItemKNN(), "the same": PersonalFrequency(), "words": Content()}
    return trial.compare(models | {"twins": EASE(max_memory_mb=1e-6)})


def test_contents_tells_what_the_lists_contain(board, trial):
    table = board.table().set_index("model")
    assert table.coverage["most popular"] == pytest.approx(5 / len(trial.candidates))
    assert table.repeats["personal frequency"] > table.repeats["most popular"]
    assert 0 < table.familiar["most popular"] <= 1


def test_familiar_means_bought_from_the_narrowest_group_before():
    products = pd.DataFrame(
        {
            "product_id": [5, 6, 7, 8],
            "category": ["drinks", "drinks", "tools", None],
            "subcategory": [None] * 4,
        }
    )
    products.loc[0, "subcategory"] = products.loc[1, "subcategory"] = "tea"
    orders = pd.DataFrame(
        {"customer_id": [1, 2, 2, 2], "product_id": [5, 6, 7, 8], "order_id": [1, 2, 2, 2]}
    )
    orders = orders.assign(time=pd.Timestamp("2024-01-01"), quantity=1, amount=1.0)
    history = History.load(pz.load({"orders": orders, "products": products}), as_of="2024-01-01")
    found = contents(lists_of(history, [(0, 1), (0, 2), (0, 3)]), history, 4)
    assert found["familiar"] == pytest.approx(1 / 3), "tea for tea, not tools"
