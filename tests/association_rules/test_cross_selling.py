"""Cross-sell lists, bundles, substitutes, and names for ids."""

import pandas as pd
import pytest

from personalize import association_rules as ar
from tests.association_rules.shops import frame


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


def test_ids_become_names_only_at_product_level(tables):
    rule = pd.DataFrame({"antecedent": [("t1", "j1")], "partner": ["t2"]})
    named = ar.named(rule, tables, level="product")
    names = dict(tables.products.to_pandas(["product_id", "name"]).itertuples(index=False))
    assert (
        named["antecedent"].iloc[0] == (names["t1"], names["j1"])
        and named["partner"].iloc[0] == names["t2"]
    )
    assert ar.named(rule, tables, level="subcategory") is rule


def test_a_bundle_is_the_set_of_which_no_product_can_be_left_out(barbecue):
    found = ar.bundles(ar.rules(barbecue, min_count=30, theta=0), barbecue)
    assert set(found["itemset"]) >= {("bun", "mustard", "sausage"), ("paper", "pen")}
    assert found["size"].between(2, 4).all() and (found["adjusted_low"] > 1).all()
    assert found[found["size"] == 3].nlargest(1, "extra")["itemset"].tolist() == [
        ("bun", "mustard", "sausage")
    ]


def test_a_set_that_a_further_product_always_joins_is_no_bundle():
    rest = [{f"x{k % 9}", f"y{k % 7}"} for k in range(700)]
    baskets = frame([{"tea", "cup", "lid"}] * 80 + [{"tea"}] * 60 + [{"lid"}] * 60 + rest)
    found = ar.bundles(ar.rules(baskets, min_count=20, theta=0), baskets)["itemset"].tolist()
    assert ("cup", "tea") not in found and ("cup", "lid") not in found


def test_bundles_carry_what_their_products_and_their_baskets_are_worth(barbecue):
    rules = ar.rules(barbecue, min_count=30, theta=0)
    spend = pd.DataFrame(
        {"product_id": ["bun", "sausage", "mustard"], "amount_per_basket": [2.0, 5.0, 1.0]}
    )
    orders = barbecue["order_id"].drop_duplicates()
    visits = pd.DataFrame({"order_id": orders, "amount": orders.astype(float)})
    row = (
        ar.bundles(rules, barbecue, spend=spend, visits=visits)
        .set_index("itemset")
        .loc[[("bun", "mustard", "sausage")]]
    )
    held = (
        barbecue.groupby("order_id")["product_id"]
        .agg(set)
        .map({"bun", "mustard", "sausage"}.issubset)
    )
    mean = held.index[held].to_numpy(float).mean()
    assert row["bundle_amount"].tolist() == [8.0] and row["n"].tolist() == [held.sum()]
    assert row["basket_amount"].tolist() == [pytest.approx(mean)]
    assert row["basket_times"].tolist() == [pytest.approx(mean / orders.mean())]


def test_shuffled_baskets_hold_no_bundle_and_no_rule_across_levels(barbecue):
    control = ar.shuffled(barbecue, seed=3)
    assert ar.bundles(ar.rules(control, min_count=15, theta=0), control).empty
    groups = pd.Series(
        {label: f"g{k % 5}" for k, label in enumerate(sorted(set(control["product_id"])))}
    )
    across = ar.cross_level(control, groups, min_count=15)
    assert len(across) > 80 and not across["accepted"].any()
    assert across["adjusted_lift"].median() == pytest.approx(1, abs=0.03)
