"""Itemsets that the engine counts are those of the miner: pairs in SQL here, longer sets on Spark in `test_mllib`."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.association_rules import baskets, frequent_itemsets, itemsets
from personalize.tables import TableError

LINES = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from("abcde"), st.sampled_from([1, 2, 0, -1])),
    min_size=1,
)


def shop(lines, **others):
    """A source of (order, product, quantity); orders of even number are nobody's."""
    frame = pd.DataFrame(lines, columns=["order_id", "product_id", "quantity"])
    frame["customer_id"] = frame.order_id.where(frame.order_id % 2 == 1).astype("Int64")
    return pz.load({"orders": frame.assign(time=pd.Timestamp("2024-01-01"), amount=1.0), **others})


def mined(tables, level, **given):
    return frequent_itemsets(baskets(tables, level=level), **given)


@given(LINES, st.integers(1, 4), st.sampled_from([1, 2]))
@settings(max_examples=8, deadline=None)
def test_pairs_counted_in_sql_equal_those_of_the_miner(lines, min_count, max_size):
    tables = shop([*lines, (1, "a", 1)])
    given = {"min_count": min_count, "max_size": max_size}
    pd.testing.assert_frame_equal(
        itemsets(tables, level="product", **given), mined(tables, "product", **given)
    )


def test_pairs_of_groups_count_an_order_once_and_leave_out_products_without_a_group():
    kinds = pd.DataFrame({"product_id": list("abcd"), "subcategory": ["tea", "tea", "jam", None]})
    tables = shop(
        [(1, "a", 1), (1, "b", 2), (1, "c", 1), (1, "d", 1), (2, "b", 1), (2, "c", 1)],
        products=kinds,
    )
    found = itemsets(tables, min_count=1, max_size=2)
    assert dict(zip(found.itemset, found.n, strict=True)) == {
        ("jam",): 2,
        ("tea",): 2,
        ("jam", "tea"): 2,
    }
    pd.testing.assert_frame_equal(found, mined(tables, "subcategory", min_count=1, max_size=2))


def test_longer_sets_are_those_of_the_miner():
    rng = np.random.default_rng(4)
    tables = shop(
        [(order, product, 1) for order in range(60) for product in rng.choice(list("abcdefg"), 4)]
    )
    pd.testing.assert_frame_equal(
        itemsets(tables, level="product", min_count=5), mined(tables, "product", min_count=5)
    )


@pytest.mark.parametrize(
    "wrong", [{"min_count": 0}, {"min_count": 2, "max_size": 1.5}, {"min_count": 1, "max_sets": 3}]
)
def test_what_is_wrong_is_told_as_the_miner_tells_it(wrong):
    tables = shop([(1, "a", 1), (1, "b", 1), (2, "a", 1), (2, "b", 1), (3, "c", 1), (3, "d", 1)])
    told = []
    for call in (itemsets, mined):
        with pytest.raises(TableError) as error:
            call(tables, level="product", **{"max_size": 2, **wrong})
        told.append(str(error.value))
    assert told[0] == told[1]
