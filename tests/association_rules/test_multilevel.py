"""Rules across levels and groups that meet."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize import association_rules as ar
from personalize.tables import TableError, Unavailable
from tests.association_rules.shops import frame


@pytest.mark.parametrize("upper", ["category", "department"])
def test_no_rule_across_levels_is_accepted_in_shuffled_journeys_though_all_have_lift(
    journey, upper
):
    baskets, _, known = journey
    groups = ar.parents(known, level="subcategory", upper=upper)
    across = ar.cross_level(ar.shuffled(baskets, seed=1), groups, min_count=118)
    assert len(across) > 4000 and not across["accepted"].any()
    assert (across["lift"] > 1).mean() > 0.99 and across["adjusted_lift"].median() == pytest.approx(
        1, abs=0.02
    )


def test_rules_across_levels_count_baskets_with_the_product_and_another_group(barbecue):
    groups = pd.Series(
        {"bun": "food", "sausage": "food", "mustard": "food", "pen": "desk", "paper": "desk"}
    )
    mixed = pd.concat(
        [barbecue, frame([{"pen", "bun"}] * 200).assign(order_id=lambda t: t["order_id"] + 90_000)]
    )
    found = ar.cross_level(mixed, groups, min_count=1).set_index(["product_id", "group"])
    held = mixed.groupby("order_id")["product_id"].agg(set)
    food, pen = (
        held.map(lambda b: bool(b & {"bun", "sausage", "mustard"})),
        held.map(lambda b: "pen" in b),
    )
    row = found.loc[("pen", "food")]
    assert (row["n"], row["n_antecedent"], row["n_consequent"]) == (
        (food & pen).sum(),
        pen.sum(),
        food.sum(),
    )
    assert (
        row["accepted"]
        and ("pen", "desk") not in found.index
        and ("bun", "food") not in found.index
    )
    with pytest.raises(Unavailable, match="no groups of items"):
        ar.cross_level(mixed, pd.Series(dtype=object), min_count=1)


def test_the_group_of_an_item_is_what_most_of_its_products_have():
    products = pd.DataFrame({"product_id": list("abcd"), "subcategory": ["x", "x", "x", "y"],
                             "category": ["K", "L", "L", None]})  # fmt: skip
    orders = pd.DataFrame({"customer_id": 1, "order_id": 1, "product_id": list("abcd"),
                           "time": pd.Timestamp("2024-01-01"), "quantity": 1, "amount": 1.0})  # fmt: skip
    tables = pz.load({"orders": orders, "products": products})
    assert ar.parents(tables, level="subcategory", upper="category").to_dict() == {"x": "L"}
    assert ar.parents(tables, level="product", upper="category").to_dict() == {
        "a": "K",
        "b": "L",
        "c": "L",
    }
    for shop, level, upper in (
        (tables, "category", "category"),
        (tables, "category", "department"),
        (pz.load({"orders": orders}), "product", "category"),
    ):
        with pytest.raises(Unavailable):
            ar.parents(shop, level=level, upper=upper)
    with pytest.raises(TableError, match="upper = 'categry': .* one of .*'category'") as error:
        ar.parents(tables, level="subcategory", upper="categry")
    assert not isinstance(error.value, Unavailable)


def test_groups_that_meet_twice_as_often_as_expected_are_one_step_up(barbecue):
    groups = {str(k): f"g{k % 4}" for k in range(30)} | {
        "bun": "meal",
        "sausage": "meal",
        "mustard": "mustard",
    }
    lifts = ar.group_lifts(barbecue, pd.Series(groups), k=6)
    assert (
        lifts.loc["meal", "mustard"] > 1
        and lifts.loc["mustard", "meal"] == lifts.loc["meal", "mustard"]
    )
    assert np.isnan(np.diag(lifts)).all()
