"""Claims of inequality."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize import statistics
from personalize.statistics import (
    concentration,
    value_counts,
)
from personalize.tables import TableError
from tests.statistics.shops import DAY0, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_the_best_of_the_first_half_are_judged_on_the_second() -> None:
    day = [DAY0, DAY0 + pd.Timedelta(days=9)]
    first, second = [50, 20, 10, 10, 10], [10, 30, 40, 0, 20]
    rows = [
        (c, 10 * c + h, 1, day[h], 1, float(x))
        for h, spend in enumerate((first, second))
        for c, x in enumerate(spend)
    ]
    found = statistics.persistence(shop([r for r in rows if r[5]]), top=0.4, min_cell=1)
    assert (found.n, found.best, found.share_then, found.share_later) == (5, 2, 0.7, 0.4)
    assert found.low < 0.4 < found.high and not found.lasts
    assert statistics.persistence(shop([rows[0], rows[6]])).note == "nobody spends in both halves"
    assert (
        statistics.persistence(shop([rows[0], (0, 9, 1, day[1], 1, 5.0)])).note
        == "20% of 1 customer(s) is nobody"
    )
    assert (
        statistics.persistence(shop([r for r in rows if r[5]]), top=0.4).note
        == "40% of 5 customer(s) is fewer than 10"
    )
    assert statistics.persistence(shop(rows[:5])).note == "one day cannot be halved"
    assert (
        "nobody spends"
        in statistics.persistence(shop([*rows[:5], (None, 99, 1, day[1], 1, 1.0)])).note
    )


@given(st.lists(st.integers(0, 500), min_size=2, max_size=40).filter(any))
@settings(max_examples=80, deadline=None)
def test_gini_is_the_mean_difference_over_twice_the_mean(values: list[int]) -> None:
    x = np.array(values, float)
    expected = np.abs(x[:, None] - x).mean() / (2 * x.mean())
    assert concentration(value_counts(x)).gini == pytest.approx(expected, abs=1e-12)


def test_equal_parts_have_gini_zero_and_best_shares_equal_to_their_size() -> None:
    c = concentration(value_counts([7.0] * 50))
    assert c.gini == 0
    assert c.tops.share.to_numpy() == pytest.approx(c.tops.equal.to_numpy())


def test_best_fifth_of_ten_customers_by_hand() -> None:
    c = concentration(value_counts([1, 1, 1, 1, 1, 1, 1, 1, 4, 8]), tops=[0.2])
    assert c.tops.share[0] == pytest.approx(12 / 20)
    assert c.tops.customers[0] == 2 and c.tops.times_equal[0] == pytest.approx(3)
    assert c.table().empty and len(c.table(min_cell=2)) == 1


def test_concentration_intervals_equal_the_bootstrap() -> None:
    rng = np.random.default_rng(11)
    x = rng.lognormal(0, 1, 800)
    c = concentration(value_counts(x), tops=[0.2])
    drawn = [concentration(value_counts(rng.choice(x, 800)), tops=[0.2]) for _ in range(300)]
    gini, share = np.array([(d.gini, d.tops.share[0]) for d in drawn]).T
    assert (c.gini_high - c.gini_low) / 2 / 1.96 == pytest.approx(gini.std(), rel=0.15)
    assert (c.tops.share_high[0] - c.tops.share_low[0]) / 2 / 1.96 == pytest.approx(
        share.std(), rel=0.15
    )


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([], "no value"),
        ([0, 0], "not above 0"),
        ([-5, 2], "not above 0"),
        ([5], "fewer than 2"),
        ([-1, 5], "below 0 are kept"),
    ],
)
def test_concentration_of_next_to_nothing_is_stated(values: list, note: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert note in concentration(value_counts(values)).note


def test_a_share_of_the_best_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(TableError, match=r"tops \[20\] are not between 0 and 1"):
        concentration(value_counts([1, 2]), tops=[20])
