"""Periods, merchandise and the two slates."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import time_split
from personalize.recommenders import (
    History,
    ItemKNN,
    PersonalFrequency,
    Trial,
    most_named,
    periods,
    saleable,
    slates,
)
from personalize.tables import TableError
from tests.recommenders.shops import CUT, loyal_shop


@pytest.fixture(scope="module")
def both(tables):
    return slates(
        PersonalFrequency(), ItemKNN(), history=History.load(tables, as_of="2024-03-31"), k=4
    )


def test_candidates_restrict_lists_and_truth_alike(tables):
    food = saleable(tables, exclude_departments=["FUEL", "no such name"])
    assert food.tolist() == list(range(18))
    trial = Trial.load(time_split(tables, cut=CUT), candidates=food)
    assert trial.truth.product_id.max() < 18
    assert set(trial.candidates) <= set(food)


def test_a_source_without_departments_excludes_nothing():
    orders = loyal_shop().orders.to_pandas()
    assert saleable(pz.load({"orders": orders}), exclude_departments=["FUEL"]) is None


def test_periods_follow_each_other_without_gap_or_overlap(tables):
    days = periods(tables, test_weeks=2)
    table = days.table()
    assert table.period.tolist() == ["history", "choose", "judge"]
    assert (
        table.first_day.iloc[1:].to_numpy() - table.last_day.iloc[:-1].to_numpy()
        == np.timedelta64(1, "D")
    ).all()
    assert table.days.tolist()[1:] == [14, 14]
    assert (table.first_day[0], table.last_day[2]) == (tables.start, tables.end)
    assert days.tune.test.end <= days.judge.cut < days.judge.test.start


def test_as_of_hides_later_days_from_every_period(tables):
    days = periods(tables, as_of="2024-02-15", test_weeks=1)
    assert days.as_of == pd.Timestamp("2024-02-15")
    assert days.judge.test.orders.to_pandas().time.max() < pd.Timestamp("2024-02-16")


def test_impossible_periods_are_refused(tables):
    with pytest.raises(TableError, match="test_weeks = 0 and 91 day"):
        periods(tables, test_weeks=0)
    with pytest.raises(TableError, match="3 day"):
        periods(tables, as_of="2024-01-03")


def test_slates_hold_what_was_bought_and_what_was_not_each_ranked_from_one(tables, both):
    bought = set(
        tables.orders.to_pandas()[["customer_id", "product_id"]].itertuples(index=False, name=None)
    )
    known = [
        pair in bought
        for pair in both[["customer_id", "product_id"]].itertuples(index=False, name=None)
    ]
    assert (both.slate == np.where(known, "buy again", "discover")).all()
    for _, part in both.groupby(["customer_id", "slate"]):
        assert part["rank"].tolist() == list(range(1, len(part) + 1))
    assert both.groupby(["customer_id", "slate"]).size().max() == 4


def test_the_products_named_most_are_counted_named_and_large_enough(tables, both):
    history = History.load(tables, as_of="2024-03-31")
    table = most_named(both, history, slate="buy again", top=5, min_cell=10)
    assert len(table) == 5
    assert table.customers.is_monotonic_decreasing
    assert table["product"].str.startswith("Thing ").all()
    top = both[both.slate == "buy again"].product_id.value_counts()
    assert table.customers.iloc[0] == top.iloc[0]
    assert table.share.iloc[0] == pytest.approx(top.iloc[0] / both.customer_id.nunique())
    assert most_named(both, history, slate="buy again", min_cell=1000).empty


def test_lists_can_be_limited_to_categories_and_to_running_offers(tables):
    assert saleable(tables, exclude_departments=["FUEL"], categories=["group 1"]).tolist() == [
        1,
        6,
        11,
        16,
    ]
    offers = pd.DataFrame(
        {
            "offer_id": [1, 2, 3],
            "kind": "coupon",
            "product_id": pd.array([4, 5, None], dtype="Int64"),
            "category": [None, None, "group 2"],
            "start": pd.to_datetime(["2024-01-01", "2024-03-01", "2024-02-01"]),
            "end": pd.to_datetime(["2024-02-01"] * 3),
        }
    )
    shop_with = pz.load(
        {
            "orders": tables.orders.to_pandas(),
            "products": tables.products.to_pandas(),
            "offers": offers,
        }
    )
    on_offer = saleable(shop_with, exclude_departments=["FUEL"], offered_on="2024-02-01")
    assert on_offer.tolist() == [2, 4, 7, 12, 17]
    lists = PersonalFrequency().fit(shop_with, as_of=CUT).recommend(k=3, candidates=on_offer)
    assert set(lists.product_id) <= {2, 4, 7, 12, 17}
    with pytest.raises(TableError, match="none of 25 products is left"):
        saleable(shop_with, categories=["no such"])
    with pytest.raises(TableError, match="no categories"):
        saleable(pz.load({"orders": tables.orders.to_pandas()}), categories=["tea"])
    with pytest.raises(TableError, match="has no table 'offers'"):
        saleable(tables, offered_on="2024-02-01")
