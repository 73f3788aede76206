"""Claims of cohorts."""

import pandas as pd
import pytest
from hypothesis import strategies as st

import personalize as pz
from personalize import statistics
from personalize.tables import Unavailable
from tests.statistics.shops import shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_months_by_hand() -> None:
    visits = [
        (1, "2024-01-01"),
        (1, "2024-02-10"),
        (1, "2024-04-02"),
        (2, "2024-02-03"),
        (2, "2024-02-04"),
        (3, "2024-04-30"),
    ]
    found = statistics.months(
        shop([(c, i, 1, pd.Timestamp(d), 1, 1.0) for i, (c, d) in enumerate(visits)])
    )
    table = found.table()
    assert table.active.tolist() == [1, 2, 0, 2] and table.whole.all()
    assert table.first_seen.tolist() == [1, 1, 0, 1]
    assert table.stayed.tolist() == [0, 1, 0, 0]
    assert table.came_back.tolist() == [0, 0, 0, 1]
    assert table.went_quiet.tolist() == [0, 0, 2, 0]
    retention = found.retention().set_index("months_later")
    assert retention.active.tolist() == [1, 0, 1] and retention.customers.tolist() == [2, 2, 1]
    assert found.triangle(min_cell=1).loc["2024-01"].dropna().tolist() == [1, 1, 0, 1]
    with pytest.raises(Unavailable, match="groups of the smallest size"):
        found.triangle(min_cell=2)
    assert found.retention(skip_first=True).active.tolist() == [0, 0]


def test_activity_adds_up_every_month(groceries: pz.tables.Tables) -> None:
    table = statistics.months(groceries).table()
    assert (table.active == table.first_seen + table.stayed + table.came_back).all()
    assert (
        table.went_quiet.iloc[1:] == table.active.shift().iloc[1:] - table.stayed.iloc[1:]
    ).all()
    assert table.first_seen.sum() == 2469 and table.orders.sum() == 155_848


def test_a_period_without_a_whole_month_has_no_cohort(seven: pz.tables.Tables) -> None:
    found = statistics.months(seven.until("2024-01-04"))
    assert found.cohorts().empty and found.retention().empty
    assert not found.table().whole.any()
    for part in (found.drawn, found.triangle):
        with pytest.raises(Unavailable, match="two whole months"):
            part()
    assert "Fewer than two whole months" in found.reading(2)
