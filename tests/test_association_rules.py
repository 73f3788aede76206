"""Itemsets and rules: exact counts, published counts, the null, and that shuffled baskets hold no rule."""

import gzip
import itertools
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control

import personalize as pz
from personalize import association_rules as ar
from personalize.association_rules.encoding import encode
from personalize.association_rules.judging import benjamini_hochberg
from personalize.association_rules.kernels import compiled
from personalize.association_rules.mining import mine
from personalize.association_rules.productive import against_shorter
from personalize.tables import TableError

DATA = (
    Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    / "baskets"
)


def frame(baskets):
    """Baskets given as collections of items, as a table."""
    rows = [(order, item) for order, items in enumerate(baskets) for item in items]
    return pd.DataFrame(rows, columns=["order_id", "product_id"])


def published(name, split):
    path = DATA / name
    if not path.exists():
        pytest.skip(
            f"{name} is not at hand: set PERSONALIZE_DATA to a folder that has baskets/{name}"
        )
    with gzip.open(path, "rt") as lines:
        return frame([line.strip().split(split) for line in lines])


@pytest.fixture(scope="module")
def groceries():
    return published("groceries.csv.gz", ",")


@pytest.fixture(scope="module")
def retail():
    return published("retail.dat.gz", None)


@pytest.fixture(scope="module")
def product_types():
    return ar.baskets(pz.load("complete_journey"), level="subcategory")


@pytest.fixture(scope="module")
def random_shop():
    """2,000 baskets of very different sizes, products of very different popularity, no association."""
    rng = np.random.default_rng(3)
    popularity = 1 / np.arange(1, 41)
    sizes = np.minimum(rng.geometric(0.18, 2000), 12)
    return frame(
        [rng.choice(40, size, replace=False, p=popularity / popularity.sum()) for size in sizes]
    )


small = st.lists(st.sets(st.integers(0, 6), max_size=6), max_size=25)


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
    ("min_count", "sets", "closed", "maximal"),
    [(99, 333, 333, 243), (50, 1001, 1001, 708), (10, 13492, 13464, 7794)],
)
def test_groceries_itemsets_match_arules_and_pyfim(groceries, min_count, sets, closed, maximal):
    found = ar.frequent_itemsets(groceries, min_count=min_count)
    assert (len(found), found["closed"].sum(), found["maximal"].sum()) == (sets, closed, maximal)


def test_groceries_itemsets_by_size_match_the_published_counts(groceries):
    found = ar.frequent_itemsets(groceries, min_count=ar.support_count(groceries, 0.001))
    assert found["size"].value_counts().sort_index().tolist() == [157, 2981, 6831, 3137, 376, 10]


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


@pytest.mark.parametrize("data", ["groceries", "retail", "product_types"])
def test_no_rule_is_accepted_in_shuffled_baskets_though_lift_finds_thousands(request, data):
    baskets = request.getfixturevalue(data)
    control = ar.shuffled(baskets, seed=1)
    table = ar.rules(control, min_count=ar.support_count(baskets, 0.001), theta=0)
    assert table["accepted"].sum() == 0
    assert (table["lift"] > 1).mean() > 0.95
    assert table.loc[table["antecedent"].str.len() == 1, "adjusted_lift"].median() == pytest.approx(
        1, abs=0.05
    )
    assert len(table) > 15_000


def test_real_rules_survive_the_null_that_shuffled_ones_do_not(groceries):
    table = ar.rules(groceries, min_count=10)
    assert 500 < table["accepted"].sum() < 5000
    flour = table[(table["antecedent"] == ("flour",)) & (table["consequent"] == ("sugar",))].iloc[0]
    assert flour["lift"] == pytest.approx(8.46, abs=0.01)
    assert 3 < flour["adjusted_low"] < flour["adjusted_lift"] < 6
    assert flour["accepted"]


def test_shuffling_keeps_basket_sizes_and_product_counts_and_nothing_twice(random_shop):
    before, after = encode(random_shop), encode(ar.shuffled(random_shop, seed=5))
    np.testing.assert_array_equal(before.sizes, after.sizes)
    np.testing.assert_array_equal(before.item_counts, after.item_counts)
    assert (before.items != after.items).mean() > 0.5


def test_shuffling_depends_on_the_seed_and_not_on_the_order_of_rows(random_shop):
    turned = random_shop.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(ar.shuffled(random_shop, seed=5), ar.shuffled(turned, seed=5))
    assert not ar.shuffled(random_shop, seed=5).equals(ar.shuffled(random_shop, seed=6))


def test_expected_pairs_equal_the_mean_over_shuffled_baskets(random_shop):
    data, null = encode(random_shop), ar.BasketSizeNull().fit(random_shop)
    counts = np.zeros((12, 12))
    for seed in range(30):
        control = encode(ar.shuffled(random_shop, seed=seed))
        held = np.zeros((data.n, 40))
        held[control.basket, control.items] = 1
        counts += (held.T @ held)[:12, :12] / 30
    pairs = np.array(list(itertools.combinations(range(12), 2)))
    expected = null.expected(pairs)
    seen = counts[pairs[:, 0], pairs[:, 1]]
    np.testing.assert_allclose(seen, expected, rtol=0.08)
    assert np.sum(seen) == pytest.approx(np.sum(expected), rel=0.01)
    np.testing.assert_allclose(
        null.expected_pairs(np.arange(12))[pairs[:, 0], pairs[:, 1]], expected, rtol=0.02
    )


@given(small)
@example([{0}, {0, 1}, {0, 1, 2, 3}, {0, 1, 2, 4}])  # chances of 0 and 1 in a staircase
@settings(max_examples=60, deadline=None)
def test_the_null_keeps_basket_sizes_and_product_counts(baskets):
    null = ar.BasketSizeNull().fit(frame(baskets))
    assert (
        null.margin_error_ < 0.02
    )  # tiny shops can force chances of 0 and 1, which are only approached
    singles = null.expected(np.arange(len(null.labels_))[:, None])
    np.testing.assert_allclose(singles, encode(frame(baskets)).item_counts, rtol=0.02)


def test_the_null_keeps_the_margins_of_a_shop_to_nine_digits(random_shop):
    assert ar.BasketSizeNull().fit(random_shop).margin_error_ < 1e-9


def test_baskets_of_one_product_expect_no_pair():
    null = ar.BasketSizeNull().fit(frame([["a"], ["b"], ["c"], ["a"], ["b"]]))
    assert null.expected(np.array([[0, 1], [1, 2]])) == pytest.approx([0, 0])


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


def test_a_planted_association_is_accepted_in_both_directions(random_shop):
    rng = np.random.default_rng(0)
    planted = pd.DataFrame(
        {
            "order_id": np.repeat(rng.choice(2000, 150, replace=False), 2),
            "product_id": [30, 35] * 150,
        }
    )
    table = ar.rules(pd.concat([random_shop, planted]), min_count=20)
    accepted = set(
        table.loc[table["accepted"], "antecedent"] + table.loc[table["accepted"], "consequent"]
    )
    assert {(30, 35), (35, 30)} <= accepted


def test_only_rules_whose_every_product_adds_something_are_productive(random_shop):
    rng = np.random.default_rng(0)
    drinks = [{"tea"} if rng.random() < 0.3 else set() for _ in range(3000)]
    with_biscuit = [d | ({"biscuit"} if d and rng.random() < 0.8 else set()) for d in drinks]
    baskets = [d | ({"bag"} if rng.random() < 0.5 else set()) for d in with_biscuit]
    recipe = [
        {"flour", "egg", "pan"} if rng.random() < 0.8 else {"flour", "egg"} for _ in range(100)
    ]
    recipe += [{item} for item in ["flour", "egg"] * 100] + [
        {"pan", item} for item in ["flour", "egg"] * 10
    ]
    table = ar.rules(frame([*baskets, *recipe, *[{f"x{k % 9}"} for k in range(500)]]), min_count=20)
    productive = dict(
        zip(
            zip(table["antecedent"], table["consequent"], strict=True),
            table["productive"],
            strict=True,
        )
    )
    assert productive[("tea",), ("biscuit",)] and not productive[("bag", "tea"), ("biscuit",)]
    assert productive[("egg", "flour"), ("pan",)]
    assert (table["productive"] <= table["accepted"]).all()


def test_the_test_against_shorter_rules_equals_its_definition(random_shop):
    found, null = mine(random_shop, min_count=25), ar.BasketSizeNull().fit(random_shop)
    held = random_shop.groupby("order_id")["product_id"].agg(set)
    hopes = np.concatenate([null.expected(level.items) for level in found.levels])
    p = against_shorter(found, hopes)[found.levels[1].items.size :]
    for row in np.random.default_rng(0).choice(len(found.levels[2].n), 20, replace=False):
        items = found.levels[2].items[row].tolist()
        for column, y in enumerate(items):
            before, by_hand = [item for item in items if item != y], []
            for kept in before:
                sets = [items, before, [kept, y], [kept]]
                n = [sum(set(found.baskets.labels[s]) <= basket for basket in held) for s in sets]
                e = [null.expected(np.array([s]))[0] for s in sets]
                by_hand.append(
                    binom.sf(n[0] - 1, n[1], min(1, n[2] / n[3] * (e[0] / e[1]) / (e[2] / e[3])))
                )
            assert p[3 * row + column] == pytest.approx(max(by_hand), rel=1e-6)


def test_baskets_of_alike_customers_count_for_less(random_shop):
    rng = np.random.default_rng(0)
    extra = frame([[50, 51] if buyer else [52] for buyer in rng.random(400) < 0.15])
    copies = [
        extra.assign(order_id=10_000 + extra["order_id"] + 400 * k, customer_id=extra["order_id"])
        for k in range(8)
    ]
    alike = pd.concat([random_shop.assign(customer_id=10_000 + random_shop["order_id"]), *copies])
    tables = [ar.rules(data, min_count=30) for data in (alike.drop(columns="customer_id"), alike)]
    pair = [t[(t["antecedent"] == (50,)) & (t["consequent"] == (51,))].iloc[0] for t in tables]
    assert pair[0]["adjusted_lift"] == pair[1]["adjusted_lift"]
    width = [np.log(rule["adjusted_high"] / rule["adjusted_low"]) for rule in pair]
    assert width[1] / width[0] == pytest.approx(np.sqrt(8), rel=0.2)
    assert pair[1]["p_value"] > pair[0]["p_value"]


def test_customers_of_one_basket_each_change_little(random_shop):
    plain = ar.rules(random_shop, min_count=40)
    own = ar.rules(random_shop.assign(customer_id=random_shop["order_id"]), min_count=40)
    keys = ["antecedent", "consequent"]
    both = plain.merge(own, on=keys, suffixes=("", "_own"))
    ratio = np.log(both["adjusted_high_own"] / both["adjusted_low_own"]) / np.log(
        both["adjusted_high"] / both["adjusted_low"]
    )
    assert len(both) == len(plain)
    assert ratio.min() >= 1 and ratio.median() < 1.2


def test_anonymous_baskets_are_kept_as_customers_of_their_own(random_shop):
    customers = random_shop["order_id"].where(random_shop["order_id"] % 3 > 0)
    assert len(ar.rules(random_shop.assign(customer_id=customers), min_count=40)) == len(
        ar.rules(random_shop, min_count=40)
    )
    assert (
        len(np.unique(encode(random_shop.assign(customer_id=customers)).customers))
        == encode(random_shop).n
    )


def test_benjamini_hochberg_equals_scipy_and_counts_unseen_tests_as_one():
    p = np.random.default_rng(0).uniform(size=50) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p, tests=50), false_discovery_control(p))
    np.testing.assert_allclose(
        benjamini_hochberg(p, tests=70), false_discovery_control(np.append(p, np.ones(20)))[:50]
    )


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


def test_a_product_in_every_basket_is_found_and_has_lift_one():
    baskets = frame([["bag", i % 3, "x"] if i % 2 else ["bag", i % 3] for i in range(12)])
    assert ("bag",) in set(ar.frequent_itemsets(baskets, min_count=12)["itemset"])
    table = ar.rules(baskets, min_count=1, theta=0)
    to_bag = table[table["consequent"] == ("bag",)]
    assert (to_bag["lift"] == 1).all() and not to_bag["accepted"].any()
    np.testing.assert_allclose(to_bag.loc[to_bag["antecedent"].str.len() == 1, "adjusted_lift"], 1)


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


def test_results_do_not_depend_on_the_order_of_rows(random_shop):
    turned = random_shop.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        ar.rules(random_shop, min_count=20), ar.rules(turned, min_count=20)
    )


def test_subset_places_lead_to_the_set_without_one_item(random_shop):
    found = mine(random_shop, min_count=15)
    for k in range(1, len(found.levels)):
        for j in range(k + 1):
            without = found.levels[k - 1].items[found.subsets[k][:, j]]
            np.testing.assert_array_equal(without, np.delete(found.levels[k].items, j, axis=1))


def test_loops_compile_where_no_folder_can_be_written():
    space = {}
    exec(
        "def double(x):\n    return 2 * x", space
    )  # a function without a file has no place for a cache either
    assert compiled(space["double"])(21) == 42
