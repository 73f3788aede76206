"""What rules are for: bundles, rules across levels, direction, the next product, and the network of pairs."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize import association_rules as ar
from personalize import plots
from personalize.association_rules.encoding import encode
from personalize.association_rules.mining import lexical
from personalize.tables import TableError


def frame(baskets, **columns):
    rows = [(order, item) for order, items in enumerate(baskets) for item in sorted(items)]
    return pd.DataFrame(rows, columns=["order_id", "product_id"]).assign(**columns)


@pytest.fixture(scope="module")
def chance():
    """3,000 baskets of very different sizes in which nothing has to do with anything."""
    rng = np.random.default_rng(7)
    popularity = 1 / np.arange(2, 32)
    sizes = np.minimum(rng.geometric(0.2, 3000), 12)
    return [
        set(rng.choice(30, size, replace=False, p=popularity / popularity.sum())) for size in sizes
    ]


@pytest.fixture(scope="module")
def barbecue(chance):
    """The same with 150 baskets of buns, sausage and mustard, each also bought alone, and paper with pen."""
    rng = np.random.default_rng(8)
    whole = {"bun", "sausage", "mustard"}
    meals = [whole if rng.random() < 0.8 else {rng.choice(sorted(whole))} for _ in range(190)]
    alone = (
        [{rng.choice(sorted(whole))} for _ in range(300)] + [{"pen", "paper"}] * 60 + [{"pen"}] * 20
    )
    return frame([{str(i) for i in basket} | extra for basket, extra in
                  itertools.zip_longest(chance, meals + alone, fillvalue=set())])  # fmt: skip


@pytest.fixture(scope="module")
def journey():
    tables = pz.load("complete_journey")
    day = ar.known_until(tables)
    return (
        ar.baskets(tables.until(day)),
        ar.baskets(tables.between(day, tables.end)),
        tables.until(day),
    )


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
    assert ar.cross_level(mixed, pd.Series(dtype=object), min_count=1).empty


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
    assert ar.parents(tables, level="category", upper="category").empty
    assert ar.parents(pz.load({"orders": orders}), level="product", upper="category").empty


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


def walks(first, then, *, customers=200, one_way=0.5):
    """Customers with ten visits a week apart: at each a first or a then, in the wanted share one before the other."""
    rng, rows, days = np.random.default_rng(2), [], []
    for customer in range(customers):
        start = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 60)))
        for visit in range(0, 10, 2):
            order = (first, then) if rng.random() < one_way else (then, first)
            for step in (0, 1):
                rows.append((f"{customer}-{visit + step}", order[step], customer))
                days.append(start + pd.Timedelta(days=60 * visit + 7 * step))
    baskets = pd.DataFrame(rows, columns=["order_id", "product_id", "customer_id"])
    visits = (
        baskets[["order_id", "customer_id"]].assign(time=days).sort_values(["customer_id", "time"])
    )
    return baskets, visits


PAIR = pd.DataFrame({"antecedent": [("cot",)], "consequent": [("chair",)]})


def test_a_step_that_goes_one_way_is_a_direction_and_is_named_in_that_way():
    found = ar.direction(PAIR, *walks("cot", "chair", one_way=0.75))
    turned = ar.direction(PAIR, *walks("chair", "cot", one_way=0.75))
    assert found["directed"].tolist() == turned["directed"].tolist() == [True]
    assert (found["first"][0], found["then"][0], turned["first"][0]) == ("cot", "chair", "chair")
    assert found["share"][0] == pytest.approx(0.75, abs=0.04)
    assert found["share_low"][0] < found["share"][0] < found["share_high"][0]
    assert found["n_then"][0] + found["n_before"][0] == 1000  # five steps a customer within 28 days


def test_steps_both_ways_are_no_direction():
    assert not ar.direction(PAIR, *walks("cot", "chair"))["directed"].any()


def test_products_sold_one_after_the_other_to_strangers_have_no_direction_of_their_own():
    rng = np.random.default_rng(5)
    rows = []
    for customer in range(
        600
    ):  # the cot sells early, the chair late: by the calendar alone one comes first
        for visit in range(8):
            product = "cot" if rng.random() > (visit + 1) / 9 else "chair"
            rows.append(
                (
                    f"{customer}-{visit}",
                    product,
                    customer,
                    pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=visit),
                )
            )
    baskets = pd.DataFrame(rows, columns=["order_id", "product_id", "customer_id", "time"])
    found = ar.direction(PAIR, baskets, baskets.drop(columns="product_id"))
    assert found["share"][0] > 0.6 and found["expected_share"][0] == pytest.approx(
        found["share"][0], abs=0.02
    )
    assert not found["directed"].any()


def test_of_thousands_of_pairs_of_groceries_hardly_any_has_an_order(journey):
    baskets, _, known = journey
    pairs = ar.pairs(ar.rules(baskets, min_count=300, theta=0, max_size=2))
    found = ar.direction(pairs, baskets, ar.visits(known))
    assert len(found) > 2000 and found["directed"].sum() <= 2
    assert found["expected_share"].between(0.47, 0.53).all()


def test_too_few_steps_are_not_judged():
    assert ar.direction(PAIR, *walks("cot", "chair", customers=5)).empty


def test_the_next_product_of_complete_journey_is_found_as_often_as_published(journey):
    baskets, later, _ = journey
    trial = ar.next_product_trial(ar.NextProduct(min_count=10).fit(baskets), later, seed=1)
    scores = ar.trial_scores(trial).set_index("way")
    assert (scores["baskets"] == 6000).all()
    assert scores.loc["pair rules", "hit"] >= 0.197 and scores.loc["pair rules", "mrr"] >= 0.107
    assert scores.loc["pair rules", "hit_low"] > scores.loc["popularity", "hit_high"]
    assert scores.loc["popularity", "hit_low"] > scores.loc["lift", "hit_high"]
    assert scores.loc["pair rules", "mrr"] > scores.loc["confidence", "mrr"]
    assert scores.loc["popularity", "hit"] == pytest.approx(0.136, abs=0.01)


def test_ranks_of_the_trial_are_those_of_the_scores(barbecue):
    model = ar.NextProduct(min_count=20).fit(barbecue)
    later = frame([{"bun", "sausage"}, {"bun", "mustard", "sausage"}, {"new", "bun"}, {"pen"}])
    trial = ar.next_product_trial(model, later, seed=4, baskets=10)
    ranks = trial[trial["way"] == "pair rules"]["rank"].tolist()
    labels, possible = model.labels_.tolist(), []
    for basket in ({"bun", "sausage"}, {"bun", "mustard", "sausage"}, {"new", "bun"}):
        possible.append(set())
        for hidden in basket:
            score = model.score(basket - {hidden})
            known = hidden in labels
            possible[-1].add(1 + (score > score[labels.index(hidden)]).sum() if known else np.inf)
    assert len(ranks) == 3 and all(rank in ways for rank, ways in zip(ranks, possible, strict=True))


def test_the_table_of_next_products_says_what_the_model_recommends(barbecue):
    model = ar.NextProduct(min_count=20).fit(barbecue)
    table = model.table(k=2)
    for product in ("bun", "pen"):
        rows, offer = table[table["product_id"] == product], model.recommend([product], k=2)
        assert rows["partner"].iloc[0] == offer["product_id"].iloc[0]
        assert rows["confidence"].iloc[0] == pytest.approx(offer["confidence"].iloc[0])
    assert table["rank"].max() <= 2 and (table["product_id"] != table["partner"]).all()


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


@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 20), st.integers(1, 500))
@settings(max_examples=50, deadline=None)
def test_null_invariant_measures_do_not_change_with_baskets_that_hold_neither(
    n11, n10, n01, neither
):
    rule = {"n": [n11], "n_antecedent": [n11 + n10], "n_consequent": [n11 + n01]}
    names = ["cosine", "jaccard", "kulczynski", "imbalance", "all_confidence", "max_confidence"]
    few, many = (
        ar.measures(pd.DataFrame(rule | {"support": [n11 / (n11 + n10 + n01 + k)]}))[names]
        for k in (1, neither)
    )
    np.testing.assert_allclose(few, many)


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


def test_shuffled_arrays_are_those_of_the_shuffled_table(barbecue):
    control = ar.shuffled(barbecue, seed=2)
    kept, anew = encode(control), encode(control.copy().assign(order_id=control["order_id"] + 0))
    for name in ("labels", "starts", "items", "order_ids"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(anew, name))


def test_a_network_is_the_same_picture_each_time_and_refuses_nothing_to_draw():
    pairs = pd.DataFrame(
        {"a": ["x", "y", "p"], "b": ["y", "z", "q"], "n": [3, 2, 1], "lift": [2.0, 3.0, 9.0]}
    )
    draw = lambda: plots.network(
        pairs, source="a", target="b", width="n", color="lift", title="Pairs"
    )  # noqa: E731
    assert plots.png(draw()) == plots.png(draw())
    assert {"x", "y", "z", "p", "q"} <= {text.get_text() for text in draw().texts}
    with pytest.raises(TableError, match="no rows"):
        plots.network(pairs.head(0), source="a", target="b", width="n")
