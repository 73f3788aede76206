"""Itemsets: exact counts, published counts, the guard, and the same sets from the engine."""

import itertools
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize import association_rules as ar
from personalize.association_rules._kernels import compiled
from personalize.association_rules.eclat import lexical, mine
from personalize.tables import TableError
from tests.association_rules.shops import frame

small = st.lists(st.sets(st.integers(0, 6), max_size=6), max_size=25)
LINES = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from("abcde"), st.sampled_from([1, 2, 0, -1])),
    min_size=1,
)


def brute_force(baskets, min_count):
    counts = Counter(
        subset
        for basket in baskets
        for k in range(1, len(basket) + 1)
        for subset in itertools.combinations(sorted(basket), k)
    )
    return {itemset: n for itemset, n in counts.items() if n >= min_count}


@given(small, st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_itemsets_equal_brute_force_and_so_do_closed_and_maximal(baskets, min_count):
    expected = brute_force(baskets, min_count)
    found = ar.frequent_itemsets(frame(baskets), min_count=min_count)
    assert dict(zip(found["itemset"], found["n"], strict=True)) == expected
    assert (found["size"] == found["itemset"].str.len()).all()
    for row in found.itertuples():
        larger = [n for other, n in expected.items() if set(other) > set(row.itemset)]
        assert row.maximal == (not larger)
        assert row.closed == (row.n not in larger)


@given(small, st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_max_size_keeps_exactly_the_smaller_itemsets(baskets, min_count, max_size):
    found = ar.frequent_itemsets(frame(baskets), min_count=min_count, max_size=max_size)
    expected = {k: n for k, n in brute_force(baskets, min_count).items() if len(k) <= max_size}
    assert dict(zip(found["itemset"], found["n"], strict=True)) == expected


@pytest.mark.parametrize(
    ("min_count", "sets", "closed", "maximal"),
    [(99, 333, 333, 243), (50, 1001, 1001, 708), (10, 13492, 13464, 7794)],
)
def test_groceries_itemsets_match_arules_and_pyfim(groceries, min_count, sets, closed, maximal):
    found = ar.frequent_itemsets(groceries, min_count=min_count)
    assert (len(found), found["closed"].sum(), found["maximal"].sum()) == (sets, closed, maximal)


def test_groceries_itemsets_by_size_match_the_published_counts(groceries):
    found = ar.frequent_itemsets(groceries, min_count=ar.support_count(groceries, 0.001))
    assert found["size"].value_counts().sort_index().tolist() == [157, 2981, 6831, 3137, 376, 10]


@pytest.mark.parametrize(("min_count", "sets"), [(2000, 45), (1000, 135), (882, 159), (89, 7589)])
def test_retail_itemsets_match_spmf_and_pyfim(retail, min_count, sets):
    assert len(ar.frequent_itemsets(retail, min_count=min_count)) == sets


@pytest.mark.parametrize(("support", "min_count", "sets"), [(0.01, 1557, 363), (0.001, 156, 33919)])
def test_complete_journey_product_types_match_pyfim(product_types, support, min_count, sets):
    assert ar.support_count(product_types, support) == min_count
    assert len(ar.frequent_itemsets(product_types, min_count=min_count)) == sets


def test_complete_journey_products_match_pyfim():
    products = ar.baskets(pz.load("complete_journey"), level="product")
    assert products["order_id"].nunique() == 155_848
    assert len(ar.frequent_itemsets(products, min_count=156)) == 2092


def test_the_guard_names_the_smallest_min_count_that_fits(random_shop):
    with pytest.raises(TableError, match="too many to hold: use min_count=") as error:
        ar.frequent_itemsets(random_shop, min_count=1, max_sets=500)
    advice = int(re.search(r"min_count=([\d,]+)", str(error.value))[1].replace(",", ""))
    assert len(ar.frequent_itemsets(random_shop, min_count=advice, max_sets=500)) <= 500
    with pytest.raises(TableError, match="too many"):
        ar.frequent_itemsets(random_shop, min_count=advice - 1, max_sets=500)


def test_min_count_one_on_real_baskets_ends_with_advice_and_not_with_a_killed_process(
    product_types,
):
    with pytest.raises(TableError, match=r"use min_count=\d+ or more"):
        ar.frequent_itemsets(product_types, min_count=1, max_sets=200_000)


def test_one_product_gives_one_itemset_and_no_rule():
    single = frame([["a"]] * 5)
    assert ar.frequent_itemsets(single, min_count=2)["itemset"].tolist() == [("a",)]
    assert ar.rules(single, min_count=1, theta=0).empty
    pd.testing.assert_frame_equal(ar.shuffled(single, seed=0), single)


def test_repeated_lines_count_once():
    once = frame([["a", "b"], ["a", "b"], ["b"]])
    pd.testing.assert_frame_equal(
        ar.frequent_itemsets(once, min_count=1),
        ar.frequent_itemsets(pd.concat([once, once]), min_count=1),
    )


def test_subset_places_lead_to_the_set_without_one_item(random_shop):
    found = mine(ar.encode(random_shop), min_count=15)
    for k in range(1, len(found.items)):
        for j in range(k + 1):
            without = found.items[k - 1][found.without[k][:, j]]
            np.testing.assert_array_equal(without, np.delete(found.items[k], j, axis=1))


def test_loops_compile_where_no_folder_can_be_written():
    space = {}
    exec(
        "def double(x):\n    return 2 * x", space
    )  # a function without a file has no place for a cache either
    assert compiled(space["double"])(21) == 42


@given(
    st.sets(
        st.lists(st.integers(0, 3000), min_size=7, max_size=7, unique=True).map(tuple),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=40, deadline=None)
def test_rows_too_long_for_one_number_are_sorted_all_the_same(rows):
    items = np.array(sorted(rows, key=hash))
    assert [tuple(row) for row in items[lexical(items, width=3001)].tolist()] == sorted(rows)


def source(lines, **others):
    """A source of (order, product, quantity); orders of even number are nobody's."""
    frame = pd.DataFrame(lines, columns=["order_id", "product_id", "quantity"])
    frame["customer_id"] = frame.order_id.where(frame.order_id % 2 == 1).astype("Int64")
    return pz.load({"orders": frame.assign(time=pd.Timestamp("2024-01-01"), amount=1.0), **others})


def mined(tables, level, **given):
    return ar.frequent_itemsets(ar.baskets(tables, level=level), **given)


@given(LINES, st.integers(1, 4), st.sampled_from([1, 2]))
@settings(max_examples=8, deadline=None)
def test_pairs_counted_in_sql_equal_those_of_the_miner(lines, min_count, max_size):
    tables = source([*lines, (1, "a", 1)])
    given = {"min_count": min_count, "max_size": max_size}
    pd.testing.assert_frame_equal(
        ar.itemsets(tables, level="product", **given), mined(tables, "product", **given)
    )


def test_pairs_of_groups_count_an_order_once_and_leave_out_products_without_a_group():
    kinds = pd.DataFrame({"product_id": list("abcd"), "subcategory": ["tea", "tea", "jam", None]})
    tables = source(
        [(1, "a", 1), (1, "b", 2), (1, "c", 1), (1, "d", 1), (2, "b", 1), (2, "c", 1)],
        products=kinds,
    )
    found = ar.itemsets(tables, min_count=1, max_size=2)
    assert dict(zip(found.itemset, found.n, strict=True)) == {
        ("jam",): 2,
        ("tea",): 2,
        ("jam", "tea"): 2,
    }
    pd.testing.assert_frame_equal(found, mined(tables, "subcategory", min_count=1, max_size=2))


def test_longer_sets_are_those_of_the_miner():
    rng = np.random.default_rng(4)
    tables = source(
        [(order, product, 1) for order in range(60) for product in rng.choice(list("abcdefg"), 4)]
    )
    pd.testing.assert_frame_equal(
        ar.itemsets(tables, level="product", min_count=5), mined(tables, "product", min_count=5)
    )


@pytest.mark.parametrize(
    "wrong", [{"min_count": 0}, {"min_count": 2, "max_size": 1.5}, {"min_count": 1, "max_sets": 3}]
)
def test_what_is_wrong_is_told_as_the_miner_tells_it(wrong):
    tables = source([(1, "a", 1), (1, "b", 1), (2, "a", 1), (2, "b", 1), (3, "c", 1), (3, "d", 1)])
    told = []
    for call in (ar.itemsets, mined):
        with pytest.raises(TableError) as error:
            call(tables, level="product", **{"max_size": 2, **wrong})
        told.append(str(error.value))
    assert told[0] == told[1]
