"""Do rules last: shuffled baskets as control, later baskets as judge."""

import numpy as np
import pandas as pd
import pytest

from personalize import association_rules as ar
from personalize.association_rules.validation import _recounted
from personalize.tables import TableError


def test_the_last_known_day_is_given_or_the_end_of_three_quarters(tables):
    assert ar.known_until(tables) == tables.start
    assert ar.known_until(tables, "2024-01-01") == pd.Timestamp("2024-01-01")
    with pytest.raises(TableError, match="outside the data"):
        ar.known_until(tables, "2031-01-01")


def test_theta_curve_falls_with_theta_and_recommends_where_shuffled_rules_vanish(shop):
    real, control = (ar.rules(b, min_count=15, theta=0) for b in (shop, ar.shuffled(shop, seed=1)))
    curve = ar.curve(real, control)
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
    judged = ar.Control(real, control, min_confidence=0.2, theta=1.1)
    table = judged.table()
    assert table["real"].tolist() == [
        len(real), (real["lift"] > 1).sum(), len(ar.rules(shop, min_count=15, min_confidence=0.2, theta=1.1)),
        real["accepted"].sum(), (real["accepted"] & ar.passes(real, 0.2, 1.1)).sum(),
        (real["productive"] & ar.passes(real, 0.2, 1.1)).sum(),
    ]  # fmt: skip
    assert table["shuffled"].iloc[3] == 0 < table["shuffled"].iloc[2]
    assert table["false_share"].iloc[0] == pytest.approx(min(1, len(control) / len(real)))


def test_rules_counted_again_in_their_own_baskets_find_their_own_numbers(shop):
    table = ar.rules(shop, min_count=15, theta=0)
    again, _ = _recounted(table, ar.encode(shop))
    np.testing.assert_allclose(again["lift_later"], table["lift"], rtol=1e-6)
    np.testing.assert_allclose(again["adjusted_lift_later"], table["adjusted_lift"], rtol=1e-6)


def test_a_product_not_sold_later_has_no_later_lift(shop):
    table = ar.rules(shop, min_count=15)
    later, _ = _recounted(table, ar.encode(shop[shop["product_id"] != "tea"]))
    gone = later["antecedent"].map(lambda items: "tea" in items)
    gone |= later["consequent"] == ("tea",)
    assert later.loc[gone, "adjusted_lift_later"].isna().all()
    assert later.loc[~gone, "adjusted_lift_later"].notna().all()
    assert later.loc[~gone, "lift_later"].notna().all()


def test_the_control_is_told_in_sentences_and_decides(shop):
    real, control = (ar.rules(b, min_count=15, theta=0) for b in (shop, ar.shuffled(shop, seed=1)))
    judged, lists = ar.Control(real, control, 0.2, 1.2), ar.lists_compared(real, shop, k=3)
    table = judged.table().set_index("rules")
    assert f"Accepted are {real['accepted'].sum():,} rules" in judged.reading()
    assert f"{table['real'].iloc[4]:,} say more than that some baskets are big" in judged.answer(
        lists
    )
    nothing = ar.Control(real.head(0), control)
    assert nothing.reading() == "There are no rules to judge."
    assert nothing.answer(lists).startswith("No rule says more")
    with pytest.warns(DeprecationWarning, match="is now Control"):
        old = ar.survivors(real, control, min_confidence=0.2, theta=1.2)
    pd.testing.assert_frame_equal(old.table(), judged.table())


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


def test_what_lasts_has_an_interval_over_customers(journey):
    baskets, later, _ = journey
    kept = ar.kept(ar.rules(baskets, min_count=600, theta=0), later).set_index("rules")
    assert (kept["adjusted_above_1_low"] < kept["adjusted_above_1"]).all()
    assert (
        kept.loc["accepted", "adjusted_above_1_low"]
        > kept.loc["not accepted", "adjusted_above_1_high"]
    )
    alike = ar.kept(
        ar.rules(baskets, min_count=600, theta=0), later.drop(columns="customer_id")
    ).set_index("rules")
    assert alike.loc["accepted", "adjusted_above_1"] == kept.loc["accepted", "adjusted_above_1"]
