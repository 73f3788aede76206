"""Baskets from tables: levels, ids of any type, shuffling, counts by group, no idle imports."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import personalize as pz
from personalize import association_rules as ar
from personalize.association_rules.transactions import GROUPS, encode
from personalize.tables import TableError, Unavailable
from tests.association_rules.shops import frame, lines


def test_baskets_at_a_level_hold_each_group_once_and_leave_out_returns_and_unknown_groups(tables):
    found = ar.baskets(tables, level="subcategory")
    assert sorted(zip(found["order_id"], found["product_id"], strict=True)) == [
        (order, group) for order in range(3) for group in ("JAM", "TEA")
    ]
    assert found["customer_id"].tolist() == ["c0", "c0", "c1", "c1", "c2", "c2"]
    assert len(ar.baskets(tables, level="product")) == 7


def test_spend_is_money_per_basket_that_holds_the_product(tables):
    found = ar.spend(tables, level="subcategory").set_index("product_id")
    assert found.to_dict("list") == {
        "baskets": [3, 3],
        "amount": [6.0, 6.0],
        "amount_per_basket": [2.0, 2.0],
    }
    assert found.index.tolist() == ["JAM", "TEA"]


def test_an_unknown_level_is_refused_with_the_levels_there_are(tables):
    with pytest.raises(
        TableError, match=r"level = 'aisle': .*Use level='product' or one of \[.*'subcategory'"
    ):
        ar.baskets(tables, level="aisle")
    assert ar.usable_level(tables, "subcategory") == "subcategory"
    for call in (ar.usable_level, lambda *given: ar.baskets(given[0], level=given[1])):
        with pytest.raises(TableError, match="one of .*'subcategory'") as error:
            call(tables, "subcatgory")  # mistyped: never the plain products in silence
        assert not isinstance(error.value, Unavailable)
    assert ar.usable_level(tables, "department") == "product"  # of the vocabulary, not of this shop


def test_a_source_without_products_falls_back_to_the_product_id():
    orders_only = pz.load({"orders": lines([["a", "b"], ["a", "b"]])})
    assert ar.usable_level(orders_only, "subcategory") == "product"
    with pytest.raises(Unavailable, match="add a products table"):
        ar.baskets(orders_only, level="subcategory")
    assert len(ar.rules(ar.baskets(orders_only, level="product"), min_count=2, theta=0)) == 2


def test_basket_sizes_add_up_and_are_told(shop):
    sizes = ar.basket_sizes(shop)["items"]
    assert sizes.sum() == len(shop.drop_duplicates())
    told = ar.encode(shop).reading()
    assert f"{len(sizes):,} baskets with 28 different items" in told
    assert f"**{(sizes == 1).mean():.0%} hold a single item**" in told
    assert ar.encode(frame([])).reading() == "There are no baskets."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda b: ar.frequent_itemsets(b, min_count=0.01),
            "min_count = 0.01 must be a whole number, 1 or more; for a share",
        ),
        (
            lambda b: ar.frequent_itemsets(b, min_count=1, max_size=0),
            "max_size = 0 must be a whole number",
        ),
        (
            lambda b: ar.frequent_itemsets(b.rename(columns={"order_id": "id"}), min_count=1),
            r"no column \['order_id'\].*Present",
        ),
        (
            lambda b: ar.frequent_itemsets(b.assign(product_id=None), min_count=1),
            "2 of 2 rows have no product_id. .*dropna",
        ),
        (lambda b: ar.support_count(b, 3), "min_support = 3 must be a share"),
        (
            lambda b: ar.NextProduct(min_count=9).fit(b),
            "no product is in 9 or more of the 1 baskets",
        ),
    ],
)
def test_wrong_input_is_named_with_the_next_step(call, message):
    with pytest.raises(TableError, match=message):
        call(frame([["a", "b"]]))


@pytest.mark.parametrize(
    "ids",
    [
        [1, 2, 3],
        ["x", "y", "z"],
        [1, "y", 2.5],
        pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
    ],
)
def test_ids_of_any_type_come_back_as_they_were(ids):
    baskets = pd.DataFrame({"order_id": [1, 1, 1], "product_id": list(ids)})
    found = ar.frequent_itemsets(baskets, min_count=1)
    assert set(found.loc[found["size"] == 3, "itemset"].iloc[0]) == set(baskets["product_id"])


def test_shuffling_keeps_basket_sizes_and_product_counts_and_nothing_twice(random_shop):
    before, after = encode(random_shop), encode(ar.shuffled(random_shop, seed=5))
    np.testing.assert_array_equal(before.sizes, after.sizes)
    np.testing.assert_array_equal(before.item_counts, after.item_counts)
    assert (before.items != after.items).mean() > 0.5


def test_shuffling_depends_on_the_seed_and_not_on_the_order_of_rows(random_shop):
    turned = random_shop.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(ar.shuffled(random_shop, seed=5), ar.shuffled(turned, seed=5))
    assert not ar.shuffled(random_shop, seed=5).equals(ar.shuffled(random_shop, seed=6))


def test_a_category_without_a_name_is_refused_as_any_missing_product(shop):
    products = shop["product_id"].where(shop["product_id"] != "tea").astype("category")
    with pytest.raises(TableError, match="rows have no product_id"):
        ar.frequent_itemsets(shop.assign(product_id=products), min_count=5)


def test_a_table_that_is_written_to_is_read_anew(shop):
    table = shop.copy()
    before = ar.frequent_itemsets(table, min_count=1, max_size=1)
    table.loc[0, "product_id"] = "z"
    after = ar.frequent_itemsets(table, min_count=1, max_size=1)
    assert ("z",) not in set(before["itemset"]) and ("z",) in set(after["itemset"])


def test_what_is_encoded_answers_as_the_table_does_and_is_not_encoded_again(shop):
    data = encode(shop)
    assert encode(data) is data
    pd.testing.assert_frame_equal(ar.rules(data, min_count=20), ar.rules(shop, min_count=20))
    pd.testing.assert_frame_equal(ar.substitutes(data), ar.substitutes(shop))
    swapped, table = ar.shuffled(data, seed=2), ar.shuffled(shop, seed=2)
    np.testing.assert_array_equal(swapped.items, encode(table).items)


def test_what_is_no_table_of_baskets_is_refused_with_the_call_that_makes_one():
    with pytest.raises(
        TableError, match=r"not list; association_rules.baskets\(tables\) makes one"
    ):
        ar.rules([[1, 2]], min_count=1)


@given(
    st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=1, max_size=80),
    st.lists(st.permutations(range(7)), min_size=1, max_size=20),
    st.integers(1, 4),
)
def test_sets_are_counted_by_group_as_by_hand_in_whatever_order_they_are_asked_for(
    baskets, drawn, size
):
    held = [*baskets, set(range(7))]
    rows = [(b, i) for b, items in enumerate(held) for i in items]
    data = encode(pd.DataFrame(rows, columns=["order_id", "product_id"]))
    sets = np.array([items[:size] for items in drawn])
    by_hand = []
    for items in sets.tolist():
        counted = np.zeros(GROUPS)
        for basket, products in enumerate(held):
            counted[basket % GROUPS] += set(items) <= products
        by_hand.append(counted)
    np.testing.assert_array_equal(data.counts_by_group(sets), by_hand)


def test_loading_rules_loads_no_engine_no_plots_and_no_compiler():
    heavy = ["duckdb", "matplotlib", "sklearn", "scipy.stats", "statsmodels", "numba"]
    told = f"import sys, personalize.association_rules; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shuffled_arrays_are_those_of_the_shuffled_table(barbecue):
    control = ar.shuffled(barbecue, seed=2)
    kept, anew = encode(control), encode(control.copy().assign(order_id=control["order_id"] + 0))
    for name in ("labels", "starts", "items", "order_ids"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(anew, name))
