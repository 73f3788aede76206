"""Claims of outlier_detection."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize import statistics
from personalize.statistics import joint_outliers
from personalize.statistics.outlier_detection import robust_distances
from personalize.tables import Unavailable
from tests.statistics.shops import DAY0, shop


def _people(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.normal(0, 1, n)
    return pd.DataFrame({
        "customer_id": range(n), "orders": np.exp(2.5 + 0.6 * size + rng.normal(0, 0.3, n)).round() + 1,
        "lines_per_order": np.exp(1.5 - 0.4 * size + rng.normal(0, 0.2, n)),
        "spend_per_order": np.exp(3 + rng.normal(0, 0.5, n)), "quiet_days": np.exp(rng.normal(2, 0.5, n)),
    }).assign(spend=lambda t: t.orders * t.spend_per_order)  # fmt: skip


def _behaviour(people: pd.DataFrame) -> statistics.Behaviour:
    return statistics.Behaviour(people, pd.DataFrame(), pd.DataFrame())


orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_the_order_of_the_customers_changes_nobody_far_out() -> None:
    people = statistics.customers(pz.load("complete_journey"))
    one, two = joint_outliers(_behaviour(people)), joint_outliers(_behaviour(people[::-1]))
    pd.testing.assert_frame_equal(one.table(), two.table())
    assert one.caption == two.caption


@given(st.integers(0, 50))
@settings(max_examples=8, deadline=None)
def test_distances_do_not_depend_on_the_units(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(150, 3))
    assert robust_distances(x * [1, 60, 0.01] + [5, 0, 2]) == pytest.approx(
        robust_distances(x), rel=1e-6
    )


def test_few_normal_customers_are_far_out_and_odd_combinations_are_found() -> None:
    people = _people(3000, 1)
    plain = joint_outliers(_behaviour(people), min_cell=1)
    assert plain.expected == 3 and plain.groups.customers[0] <= 12
    odd = people.head(40).assign(
        orders=60, lines_per_order=18.0
    )  # each common alone, never together
    odd = odd.assign(spend=odd.orders * odd.spend_per_order)
    found = joint_outliers(_behaviour(pd.concat([odd, people.tail(2960)])), min_cell=1)
    far = found.table().set_index("group").loc["far out"]
    assert 40 <= far.customers <= 52 and found.unseen >= 30 and far.median_orders == 60
    assert far.revenue_share == pytest.approx(
        odd.spend.sum() / (odd.spend.sum() + people.spend.tail(2960).sum()), rel=0.1
    )
    assert found.table().share.sum() == pytest.approx(
        1
    ) and found.table().revenue_share.sum() == pytest.approx(1)


def test_outliers_up_to_a_third_cannot_hide_themselves() -> None:
    people = _people(600, 2)
    crowd = people.assign(
        spend_per_order=people.spend_per_order.where(people.customer_id >= 200, 5000.0)
    )
    found = joint_outliers(_behaviour(crowd.assign(spend=crowd.orders * crowd.spend_per_order)))
    assert found.table().customers[0] >= 200 and "several crowds" in found.note


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({}, "3 customer(s) with orders and spend, 50 are needed"),
        ({"orders": 1, "lines_per_order": 1.0, "spend_per_order": 2.0}, "fewer than two measures vary"),
        ({"lines_per_order": lambda t: t.orders, "spend_per_order": lambda t: t.orders,
          "quiet_days": lambda t: t.orders - 1}, "two measures are one: no distance"),
    ],
)  # fmt: skip
def test_customers_who_are_few_or_alike_are_stated(change: dict, note: str) -> None:
    people = _people(3 if not change else 300, 3).assign(**change)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Unavailable, match=re.escape(note)):
            joint_outliers(_behaviour(people))


def test_fewer_than_the_smallest_group_are_not_counted() -> None:
    people = _people(800, 4)
    people.loc[:3, "spend_per_order"] = 1e5
    people = people.assign(spend=people.orders * people.spend_per_order)
    with pytest.raises(Unavailable, match="fewer than 10 are far out"):
        joint_outliers(_behaviour(people))


def test_outliers_by_median_and_mad_by_hand() -> None:
    spend = [10, 11, 12, 13, 14, 15, 16, 17, 18, 400]
    rows = [(c, c, 1, DAY0, 1, float(s)) for c, s in enumerate(spend)]
    table = statistics.outliers(statistics.behaviour(shop(rows)), min_cell=1).set_index(
        ["measure", "scale", "rule"]
    )
    row = table.loc["spend", "plain", "MAD"]
    assert row.high_fence == pytest.approx(14.5 + 3.5 * 1.4826 * 2.5)
    assert (row.below, row.above, row.share) == (0, 1, 0.1)
    assert row.revenue_share == pytest.approx(400 / sum(spend))
    assert "the MAD is 0" in table.loc[("orders", "plain", "MAD"), "note"]


def test_few_customers_far_out_are_not_counted_nor_can_they_be_worked_out() -> None:
    rows = [
        (c, c, 1, DAY0, 1, s)
        for c, s in enumerate([10.0, 11.0, 12.0, 13.0, 14.0] * 10 + [400.0] * 9)
    ]
    found = statistics.behaviour(shop(rows))
    hidden, shown = (
        statistics.outliers(found, min_cell=n)
        .set_index(["measure", "scale", "rule"])
        .loc["spend", "plain", "MAD"]
        for n in (10, 9)
    )
    assert (
        hidden[["below", "above", "share", "revenue_share"]].isna().all()
        and "fewer than 10" in hidden.note
    )
    assert shown.above == 9 and shown.note == ""
