"""First one product, then the other: only where it goes one way beyond the calendar."""

import numpy as np
import pandas as pd
import pytest

from personalize import association_rules as ar

PAIR = pd.DataFrame({"antecedent": [("cot",)], "consequent": [("chair",)]})


def walks(first, then, *, customers=200, one_way=0.5):
    """Customers with ten visits a week apart: at each a first or a then, in the wanted share one
    before the other."""
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


def test_a_step_that_goes_one_way_is_a_direction_and_is_named_in_that_way():
    found = ar.direction(PAIR, *walks("cot", "chair", one_way=0.75)).table()
    turned = ar.direction(PAIR, *walks("chair", "cot", one_way=0.75)).table()
    assert found["directed"].tolist() == turned["directed"].tolist() == [True]
    assert (found["first"][0], found["then"][0], turned["first"][0]) == ("cot", "chair", "chair")
    assert found["share"][0] == pytest.approx(0.75, abs=0.04)
    assert found["share_low"][0] < found["share"][0] < found["share_high"][0]
    assert found["n_then"][0] + found["n_before"][0] == 1000  # five steps a customer within 28 days


def test_steps_both_ways_are_no_direction():
    found = ar.direction(PAIR, *walks("cot", "chair"))
    assert not found.table()["directed"].any()
    assert found.reading().startswith("**0 of 1 pairs have a direction.**")


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
    found = ar.direction(PAIR, baskets, baskets.drop(columns="product_id")).table()
    assert found["share"][0] > 0.6 and found["expected_share"][0] == pytest.approx(
        found["share"][0], abs=0.02
    )
    assert not found["directed"].any()


def test_of_thousands_of_pairs_of_groceries_hardly_any_has_an_order(journey):
    baskets, _, known = journey
    pairs = ar.pairs(ar.rules(baskets, min_count=300, theta=0, max_size=2))
    found = ar.direction(pairs, baskets, ar.visits(known)).table()
    assert len(found) > 2000 and found["directed"].sum() <= 2
    assert found["expected_share"].between(0.47, 0.53).all()


def test_too_few_steps_are_not_judged():
    found = ar.direction(PAIR, *walks("cot", "chair", customers=5))
    assert found.table().empty and found.reading().startswith("No pair of items")
