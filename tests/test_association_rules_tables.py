"""What rules are read from and what they cost to load: products as categories, tables that change, no idle imports."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize import association_rules as ar
from personalize.association_rules.counting import count_codes
from personalize.association_rules.encoding import encode
from personalize.association_rules.null import null_of
from personalize.plots import network
from personalize.tables import TableError


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    """400 baskets of 100 customers, six products of which a and b go together."""
    rng = np.random.default_rng(5)
    rows = [(order, item) for order in range(400) for item in "abcdef" if rng.random() < 0.3]
    rows += [(order, "b") for order, item in rows if item == "a" and rng.random() < 0.6]
    table = pd.DataFrame(rows, columns=["order_id", "product_id"])
    return table.assign(customer_id=table["order_id"] % 100)


def test_products_as_categories_give_the_same_rules_whatever_their_order_and_unused_ones(shop):
    kinds = pd.CategoricalDtype(["unsold", *"fdbeac", "never"])
    coded = shop.assign(product_id=shop["product_id"].astype(kinds))
    pd.testing.assert_frame_equal(ar.rules(coded, min_count=5), ar.rules(shop, min_count=5))
    sets = [
        ar.frequent_itemsets(table.sample(frac=1, random_state=1), min_count=5)
        for table in (coded, shop)
    ]
    pd.testing.assert_frame_equal(*sets)
    assert encode(coded).labels.tolist() == list("abcdef")


def test_a_category_without_a_name_is_refused_as_any_missing_product(shop):
    holes = shop.assign(
        product_id=shop["product_id"].where(shop["product_id"] != "c").astype("category")
    )
    with pytest.raises(TableError, match="rows have no product_id"):
        ar.frequent_itemsets(holes, min_count=5)


def test_a_table_that_is_written_to_is_read_anew(shop):
    table = shop.copy()
    before = ar.frequent_itemsets(table, min_count=1)
    table.loc[0, "product_id"] = "z"
    after = ar.frequent_itemsets(table, min_count=1)
    assert ("z",) not in set(before["itemset"]) and ("z",) in set(after["itemset"])
    assert "customer_id" in table and encode(table).customers is not None
    del table["customer_id"]
    assert encode(table).customers is None


def test_shuffled_baskets_share_the_null_for_their_margins_are_the_same(shop):
    swapped = encode(ar.shuffled(shop, seed=2))
    fresh = ar.BasketSizeNull().fit(swapped)
    for name in ("sizes_", "n_sizes_", "size_effect_", "item_effect_"):
        np.testing.assert_array_equal(getattr(null_of(swapped), name), getattr(fresh, name))


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
    sets, group = np.array([items[:size] for items in drawn]), np.arange(len(held)) % 3
    by_hand = [
        [sum(set(items) <= held[b] for b in range(g, len(held), 3)) for g in range(3)]
        for items in sets.tolist()
    ]
    np.testing.assert_array_equal(count_codes(data, sets, group=group, groups=3), by_hand)


def test_loading_rules_loads_no_engine_no_plots_and_no_compiler():
    heavy = ["duckdb", "matplotlib", "sklearn", "scipy.stats", "statsmodels", "numba"]
    told = f"import sys, personalize.association_rules; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_network_sets_names_apart_by_the_lines_between_them():
    chain = pd.DataFrame({"a": list("uvwx"), "b": list("vwxy"), "n": [1, 1, 1, 1]})
    spots = {
        text.get_text(): np.array(text.xy)
        for text in network(chain, source="a", target="b", width="n").texts
    }
    far = [np.hypot(*(spots["u"] - spots[name])) for name in "vwxy"]
    assert far == sorted(far) and far[0] > 0
