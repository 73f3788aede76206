"""Which rules are more than basket size: planted ones, alike customers, productive ones, many
tests."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from personalize import association_rules as ar
from personalize.association_rules.eclat import mine
from personalize.association_rules.significance import against_shorter
from personalize.association_rules.transactions import encode
from tests.association_rules.shops import frame


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
    data = encode(random_shop)
    found, null = mine(data, min_count=25), data.null
    held = random_shop.groupby("order_id")["product_id"].agg(set)
    hopes = np.concatenate([null.expected(items) for items in found.items])
    p = against_shorter(found, hopes)[found.items[1].size :]
    for row in np.random.default_rng(0).choice(len(found.items[2]), 20, replace=False):
        items = found.items[2][row].tolist()
        for column, y in enumerate(items):
            before, by_hand = [item for item in items if item != y], []
            for kept in before:
                sets = [items, before, [kept, y], [kept]]
                n = [sum(set(found.labels[s]) <= basket for basket in held) for s in sets]
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
