"""Rules: every measure by its definition, published counts, what is asked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from personalize import association_rules as ar
from personalize.tables import TableError
from tests.association_rules.shops import frame
from tests.association_rules.test_eclat import brute_force, small


@given(small.filter(lambda b: any(b)), st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_every_rule_and_its_measures_equal_the_definitions(baskets, min_count):
    held, filled = brute_force(baskets, 1), [basket for basket in baskets if basket]
    table = ar.rules(frame(baskets), min_count=min_count, theta=0)
    expected = {
        (tuple(i for i in s if i != y), (y,))
        for s, n in held.items()
        if n >= min_count and len(s) > 1
        for y in s
    }
    assert set(zip(table["antecedent"], table["consequent"], strict=True)) == expected
    for row in table.itertuples():
        n, x, y, total = (
            held[tuple(sorted(row.antecedent + row.consequent))],
            held[row.antecedent],
            held[row.consequent],
            len(filled),
        )
        assert (row.n, row.n_antecedent, row.n_consequent) == (n, x, y)
        assert row.support == pytest.approx(n / total)
        assert row.confidence == pytest.approx(n / x)
        assert row.lift == pytest.approx(n * total / (x * y))
        assert row.leverage == pytest.approx(n / total - x * y / total**2)
        assert row.conviction == (
            np.inf if n == x else pytest.approx((1 - y / total) / (1 - n / x))
        )
        assert row.lift_low < row.lift < row.lift_high
        assert row.adjusted_low < row.adjusted_lift < row.adjusted_high
        assert row.adjusted_lift == pytest.approx(n / row.expected)
        assert row.extra == pytest.approx(n - row.expected)
        assert row.p_value == pytest.approx(binom.sf(n - 1, x, min(row.expected / x, 1)), abs=1e-9)


@pytest.mark.parametrize(
    ("confidence", "count"), [(0.8, 410), (0.9, 129), (0.5, 5668), (0.3, 13770)]
)
def test_groceries_rules_match_arules(groceries, confidence, count):
    table = ar.rules(groceries, min_count=10, min_confidence=confidence)
    assert len(table) == count
    if confidence == 0.8:
        assert table["antecedent"].str.len().value_counts().sort_index().tolist() == [
            29,
            229,
            140,
            12,
        ]


def test_lift_of_independent_items_is_one():
    table = ar.rules(frame([["a", "b"], ["a", "z"], ["b", "z"], ["z", "y"]]), min_count=1, theta=0)
    pair = table[(table["antecedent"] == ("a",)) & (table["consequent"] == ("b",))]
    assert pair["lift"].tolist() == [1.0]


def test_lift_must_be_greater_than_theta_and_confidence_at_least_the_minimum(random_shop):
    every = ar.rules(random_shop, min_count=20, theta=0)
    theta, confidence = every["lift"].median(), every["confidence"].median()
    some = ar.rules(random_shop, min_count=20, theta=theta, min_confidence=confidence)
    assert len(some) == ((every["lift"] > theta) & (every["confidence"] >= confidence)).sum()
    kept = every[(every["lift"] > theta) & (every["confidence"] >= confidence)]
    pd.testing.assert_frame_equal(some, kept.reset_index(drop=True))


def test_a_product_in_every_basket_is_found_and_has_lift_one():
    baskets = frame([["bag", i % 3, "x"] if i % 2 else ["bag", i % 3] for i in range(12)])
    assert ("bag",) in set(ar.frequent_itemsets(baskets, min_count=12)["itemset"])
    table = ar.rules(baskets, min_count=1, theta=0)
    to_bag = table[table["consequent"] == ("bag",)]
    assert (to_bag["lift"] == 1).all() and not to_bag["accepted"].any()
    np.testing.assert_allclose(to_bag.loc[to_bag["antecedent"].str.len() == 1, "adjusted_lift"], 1)


def test_results_do_not_depend_on_the_order_of_rows(random_shop):
    turned = random_shop.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        ar.rules(random_shop, min_count=20), ar.rules(turned, min_count=20)
    )


def test_empty_input_gives_empty_tables_with_all_columns():
    nothing = frame([])
    itemsets, rules = ar.frequent_itemsets(nothing, min_count=1), ar.rules(nothing, min_count=1)
    assert list(itemsets.columns) == ["itemset", "size", "n", "closed", "maximal"]
    assert {"antecedent", "consequent", "n", "support", "confidence", "lift", "lift_low", "lift_high", "p_adjusted",
            "adjusted_lift", "accepted"} <= set(rules.columns)  # fmt: skip
    assert (
        len(itemsets)
        == len(rules)
        == len(ar.shuffled(nothing, seed=0))
        == len(ar.substitutes(nothing))
        == 0
    )


def test_products_as_categories_give_the_same_rules_whatever_their_order_and_unused_ones(
    random_shop,
):
    kinds = pd.CategoricalDtype(["unsold", *range(39, -1, -1), "never"])
    coded = random_shop.assign(product_id=random_shop["product_id"].astype(kinds))
    pd.testing.assert_frame_equal(ar.rules(coded, min_count=5), ar.rules(random_shop, min_count=5))
    sets = [
        ar.frequent_itemsets(table.sample(frac=1, random_state=1), min_count=5)
        for table in (coded, random_shop)
    ]
    pd.testing.assert_frame_equal(*sets)
    assert ar.encode(coded).labels.tolist() == sorted(set(random_shop["product_id"]))


def test_only_rules_that_speak_of_the_products_asked_for(barbecue):
    every, some = (
        ar.rules(barbecue, min_count=25, theta=0, consequents=c) for c in (None, ["bun", "pen"])
    )
    wanted = every[every["consequent"].isin([("bun",), ("pen",)])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, wanted)
    with pytest.raises(
        TableError, match=r"consequents: \['bread'\] \(1 in all\) are in none of the 3,000 baskets"
    ):
        ar.rules(barbecue, min_count=25, consequents=["bread", "bun"])


def test_pairs_names_each_pair_once_in_the_direction_of_higher_confidence(shop):
    table = ar.rules(shop, min_count=15, theta=0)
    single = ar.pairs(table)
    assert len(single) == (table["antecedent"].str.len() == 1).sum() / 2
    assert (single["n_antecedent"] <= single["n_consequent"]).all()
