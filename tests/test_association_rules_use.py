"""Baskets from tables, further measures, cross-sell lists, substitutes, later periods and the next product."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize import association_rules as ar
from personalize.tables import TableError


def lines(baskets, **columns):
    rows = [(f"c{order % 5}", order, item) for order, items in enumerate(baskets) for item in items]
    table = pd.DataFrame(rows, columns=["customer_id", "order_id", "product_id"])
    return table.assign(time=pd.Timestamp("2024-01-01"), quantity=1, amount=2.0, **columns)


@pytest.fixture(scope="module")
def shop():
    """1,500 baskets of very different sizes: jam goes with tea, cola never with juice, the rest is chance."""
    rng = np.random.default_rng(1)
    items = np.array([f"p{k:02}" for k in range(24)] + ["tea", "jam", "cola", "juice"])
    popularity = np.append(1 / np.arange(2, 26), [0.15, 0.15, 0.4, 0.4])
    rows = []
    for order, size in enumerate(np.minimum(rng.geometric(0.2, 1500), 12)):
        basket = set(rng.choice(items, size, replace=False, p=popularity / popularity.sum()))
        basket |= {"jam"} if "tea" in basket and rng.random() < 0.6 else set()
        basket -= {"juice"} if "cola" in basket else set()
        rows += [(order, item) for item in sorted(basket)]
    return pd.DataFrame(rows, columns=["order_id", "product_id"])


@pytest.fixture(scope="module")
def tables():
    orders = lines([["t1", "j1"], ["t1", "j2"], ["t2", "j1"], ["x"]])
    returned = orders.head(1).assign(order_id=9, quantity=-1, amount=-2.0)
    products = pd.DataFrame(
        {
            "product_id": ["t1", "t2", "j1", "j2", "x"],
            "subcategory": ["TEA", "TEA", "JAM", "JAM", None],
        }
    )
    return pz.load({"orders": pd.concat([orders, returned]), "products": products})


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
    assert ar.usable_level(tables, "aisle") == "product"


def test_a_source_without_products_falls_back_to_the_product_id():
    orders_only = pz.load({"orders": lines([["a", "b"], ["a", "b"]])})
    assert ar.usable_level(orders_only, "subcategory") == "product"
    with pytest.raises(TableError, match="add a products table"):
        ar.baskets(orders_only, level="subcategory")
    assert len(ar.rules(ar.baskets(orders_only, level="product"), min_count=2, theta=0)) == 2


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_further_measures_equal_their_definitions_on_the_two_by_two_table(n11, n10, n01, n00):
    total = n11 + n10 + n01 + n00
    rule = pd.DataFrame(
        {
            "n": [n11],
            "n_antecedent": [n11 + n10],
            "n_consequent": [n11 + n01],
            "support": [n11 / total],
        }
    )
    row = ar.measures(rule).iloc[0]
    x, y = (n11 + n10) / total, (n11 + n01) / total
    assert row["cosine"] == pytest.approx(n11 / np.sqrt((n11 + n10) * (n11 + n01)))
    assert row["jaccard"] == pytest.approx(n11 / (n11 + n10 + n01))
    assert row["kulczynski"] == pytest.approx((n11 / (n11 + n10) + n11 / (n11 + n01)) / 2)
    assert row["imbalance"] == pytest.approx(abs(n10 - n01) / (n11 + n10 + n01))
    assert row["all_confidence"] <= row["kulczynski"] + 1e-12 <= row["max_confidence"] + 2e-12
    assert row["laplace"] == pytest.approx((n11 + 1) / (n11 + n10 + 2))
    assert row["added_value"] == pytest.approx(n11 / (n11 + n10) - y)
    if min(n10, n01, n00) > 0:
        odds = n11 * n00 / (n10 * n01)
        assert row["odds_ratio"] == pytest.approx(odds)
        assert row["yule_q"] == pytest.approx((odds - 1) / (odds + 1))
        assert row["relative_risk"] == pytest.approx(n11 / (n11 + n10) / (n01 / (n01 + n00)))
        assert row["phi"] == pytest.approx(
            (n11 * n00 - n10 * n01) / (total**2 * np.sqrt(x * (1 - x) * y * (1 - y)))
        )
        c, d = n11 / (n11 + n10), n01 / (n01 + n00)
        assert row["zhang"] == pytest.approx((c - d) / max(c, d), abs=1e-9)
        gini = x * (c**2 + (1 - c) ** 2) + (1 - x) * (d**2 + (1 - d) ** 2) - y**2 - (1 - y) ** 2
        assert row["gini"] == pytest.approx(gini, abs=1e-9)
        assert row["certainty"] == pytest.approx(
            (c - y) / (1 - y) if c >= y else (c - y) / y, abs=1e-9
        )


def test_cross_sell_offers_the_partner_with_most_extra_baskets_first(shop):
    offers = ar.cross_sell(ar.rules(shop, min_count=15), k=2)
    tea = offers[offers["product_id"] == "tea"].iloc[0]
    assert (tea["partner"], tea["rank"]) == ("jam", 1)
    assert 0 < tea["extra_low"] < tea["extra"] < tea["extra_high"] < tea["n"]
    assert offers.groupby("product_id")["rank"].max().le(2).all()


def test_cross_sell_money_is_extra_baskets_times_what_a_basket_spends_on_the_partner(shop):
    spend = pd.DataFrame({"product_id": ["jam", "tea"], "amount_per_basket": [3.0, 5.0]})
    offers = ar.cross_sell(ar.rules(shop, min_count=15), spend=spend).set_index(
        ["product_id", "partner"]
    )
    assert offers.loc[("tea", "jam"), "extra_amount"] == pytest.approx(
        3 * offers.loc[("tea", "jam"), "extra"]
    )


def test_shuffled_baskets_give_no_cross_sell_and_no_substitutes(shop):
    control = ar.shuffled(shop, seed=2)
    assert ar.cross_sell(ar.rules(control, min_count=15)).empty
    assert ar.substitutes(control).empty


def test_products_that_avoid_each_other_are_named_substitutes(shop):
    found = ar.substitutes(shop)
    assert (found["product_id"].iloc[0], found["other"].iloc[0], found["n"].iloc[0]) == (
        "cola",
        "juice",
        0,
    )
    assert (found["adjusted_high"] < 1).all() and (
        found["adjusted_low"] <= found["adjusted_lift"]
    ).all()
    assert found["missing"].tolist() == sorted(found["missing"], reverse=True)
    alike = ar.substitutes(shop.assign(customer_id=shop["order_id"] // 3))
    assert ("cola", "juice") in set(zip(alike["product_id"], alike["other"], strict=True))


def test_rules_held_out_on_their_own_baskets_find_their_own_numbers(shop):
    table = ar.rules(shop, min_count=15, theta=0)
    again = ar.holdout(table, shop)
    np.testing.assert_array_equal(again["n_later"], table["n"])
    np.testing.assert_allclose(again["lift_later"], table["lift"])
    np.testing.assert_allclose(again["adjusted_lift_later"], table["adjusted_lift"])


def test_a_product_not_sold_later_has_no_later_lift(shop):
    table = ar.rules(shop, min_count=15)
    later = ar.holdout(table, shop[shop["product_id"] != "tea"])
    gone = later["antecedent"].map(lambda items: "tea" in items)
    assert (
        later.loc[gone, "adjusted_lift_later"].isna().all()
        and (later.loc[gone, "n_later"] == 0).all()
    )
    assert later.loc[~gone & (later["consequent"] != ("tea",)), "lift_later"].notna().all()


def test_theta_curve_falls_with_theta_and_recommends_where_shuffled_rules_vanish(shop):
    curve = ar.theta_curve(shop, min_count=15, seed=1)
    for _, part in curve.groupby("measure"):
        assert part["real"].is_monotonic_decreasing and part["shuffled"].is_monotonic_decreasing
    plain = curve[curve["measure"] == "lift"]
    assert plain["real"].iloc[0] == len(ar.rules(shop, min_count=15, theta=1.0))
    assert plain["shuffled"].iloc[0] > 0.5 * plain["real"].iloc[0]
    theta = ar.recommended_theta(curve)
    assert (
        plain.loc[plain["theta"] >= theta, "false_share"].max()
        <= 0.05
        < plain.loc[plain["theta"] < theta, "false_share"].iloc[-1]
    )


def test_no_theta_is_recommended_where_none_separates():
    never = pd.DataFrame({"measure": "lift", "theta": [1.0, 2.0], "false_share": [0.9, 0.4]})
    assert np.isnan(ar.recommended_theta(never))


def test_survivors_counts_what_each_judgement_finds_in_real_and_shuffled_baskets(shop):
    real, control = (ar.rules(b, min_count=15, theta=0) for b in (shop, ar.shuffled(shop, seed=1)))
    table = ar.survivors(real, control, min_confidence=0.2, theta=1.1)
    assert table["real"].tolist() == [
        len(real), (real["lift"] > 1).sum(), len(ar.rules(shop, min_count=15, min_confidence=0.2, theta=1.1)),
        real["accepted"].sum(), (real["accepted"] & ar.passes(real, 0.2, 1.1)).sum(),
        (real["productive"] & ar.passes(real, 0.2, 1.1)).sum(),
    ]  # fmt: skip
    assert table["shuffled"].iloc[3] == 0 < table["shuffled"].iloc[2]
    assert table["false_share"].iloc[0] == pytest.approx(min(1, len(control) / len(real)))


def test_basket_size_lifts_longer_rules_more_and_the_adjusted_lift_takes_it_out(shop):
    control = ar.rules(ar.shuffled(shop, seed=1), min_count=8, theta=0)
    table = ar.by_length(ar.rules(shop, min_count=8, theta=0), control).set_index("products")
    assert table.loc[3, "shuffled_lift"] > table.loc[2, "shuffled_lift"] > 1
    assert table.loc[2, "shuffled_adjusted_lift"] == pytest.approx(1, abs=0.05)


def test_pairs_names_each_pair_once_in_the_direction_of_higher_confidence(shop):
    table = ar.rules(shop, min_count=15, theta=0)
    single = ar.pairs(table)
    assert len(single) == (table["antecedent"].str.len() == 1).sum() / 2
    assert (single["n_antecedent"] <= single["n_consequent"]).all()


def test_kept_rules_are_counted_for_accepted_and_other_rules(shop):
    table = ar.rules(shop, min_count=15, theta=0)
    kept = ar.kept(table, shop).set_index("rules")
    assert kept["tested"].tolist() == [table["accepted"].sum(), (~table["accepted"]).sum()]
    assert kept.loc["accepted", "adjusted_above_1"] == 1
    assert kept.loc["not accepted", "adjusted_lift_later"] == pytest.approx(
        kept.loc["not accepted", "adjusted_lift"]
    )


def test_the_list_by_extra_baskets_finds_more_of_them_later_than_the_list_by_lift(shop):
    orders = shop["order_id"]
    earlier, later = shop[orders < 1000], shop[orders >= 1000]
    lists = ar.lists_compared(ar.rules(earlier, min_count=10, theta=0), later, k=3).set_index(
        "list"
    )
    assert lists.loc["extra baskets", "low"] > 0
    assert lists.loc["extra baskets", "extra_later"] > lists.loc["lift", "extra_later"]
    assert (lists["low"] <= lists["extra_later"]).all() and (
        lists["extra_later"] <= lists["high"]
    ).all()


def test_one_pair_brings_its_baskets_beyond_those_expected(shop):
    table = ar.rules(shop, min_count=15, theta=0)
    one = table[
        (table["antecedent"] + table["consequent"]).map(lambda items: items == ("tea", "jam"))
    ]
    again = ar.lists_compared(one, shop, k=1, by={"only": "n"})
    assert again["extra_later"].iloc[0] == pytest.approx(one["extra"].iloc[0], rel=1e-6)
    assert again["per_thousand"].iloc[0] == pytest.approx(
        1000 * one["extra"].iloc[0] / shop["order_id"].nunique(), rel=1e-6
    )


def test_the_last_known_day_is_given_or_the_end_of_three_quarters(tables):
    assert ar.known_until(tables) == tables.start
    assert ar.known_until(tables, "2024-01-01") == pd.Timestamp("2024-01-01")
    with pytest.raises(TableError, match="outside the data"):
        ar.known_until(tables, "2031-01-01")


def test_ids_become_names_only_at_product_level(tables):
    rule = pd.DataFrame({"antecedent": [("t1", "j1")], "partner": ["t2"]})
    named = ar.named(rule, tables, level="product")
    names = dict(tables.products.to_pandas(["product_id", "name"]).itertuples(index=False))
    assert (
        named["antecedent"].iloc[0] == (names["t1"], names["j1"])
        and named["partner"].iloc[0] == names["t2"]
    )
    assert ar.named(rule, tables, level="subcategory") is rule


def test_every_column_of_the_action_tables_is_described(shop):
    table = ar.rules(shop, min_count=15)
    for result in (table, ar.cross_sell(table)):
        assert list(ar.about(result)) == list(result.columns)


def test_itemsets_by_size_and_basket_sizes_add_up(shop):
    itemsets, sizes = ar.frequent_itemsets(shop, min_count=15), ar.basket_sizes(shop)
    by_size = ar.by_size(itemsets, n_baskets=len(sizes))
    assert by_size["itemsets"].sum() == len(itemsets)
    assert by_size["highest_support"].iloc[0] == itemsets["n"].max() / shop["order_id"].nunique()
    assert sizes["items"].sum() == len(shop.drop_duplicates())


def test_next_product_names_the_partner_and_the_reason(shop):
    model = ar.NextProduct(min_count=10).fit(shop)
    offer = model.recommend(["tea", "p01"], k=3)
    assert (offer["product_id"].iloc[0], offer["because"].iloc[0]) == ("jam", "tea")
    assert not set(offer["product_id"]) & {"tea", "p01"}
    assert offer["rank"].tolist() == [1, 2, 3]


def test_next_product_for_an_empty_or_unknown_basket_is_the_most_popular(shop):
    model = ar.NextProduct(min_count=10).fit(shop)
    popular = shop["product_id"].value_counts().index[0]
    for basket in ([], ["never seen"]):
        offer = model.recommend(basket, k=2)
        assert offer["product_id"].iloc[0] == popular and offer["because"].isna().all()
