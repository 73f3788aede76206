"""Steps in the level of orders and customers far out together: right on planted truth, quiet on noise."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

import personalize as pz
from personalize import statistics
from personalize.statistics import changes
from personalize.statistics.change_points import (
    BLOCK,
    SHORTEST,
    _drops,
    _off_line,
    _without_weekdays,
)
from tests.statistics.shops import DAY0


def days(orders: np.ndarray) -> pd.DataFrame:
    index = pd.date_range(DAY0, periods=len(orders))
    return pd.DataFrame({"day": index, "orders": np.round(orders).clip(min=0), "spend": 0.0})


def noise(rng: np.random.Generator, n: int = 364, likeness: float = 0.0) -> np.ndarray:
    """Daily orders with a trend, a busy Saturday, and neighbours that are alike."""
    drawn = rng.normal(0, 20 * np.sqrt(1 - likeness**2), n)
    for k in range(1, n):
        drawn[k] += likeness * drawn[k - 1]
    return 400 + 60 * np.arange(n) / n + 40 * (np.arange(n) % 7 == 5) + drawn


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


@given(st.integers(2 * SHORTEST, 120), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_drop_of_each_day_equals_least_squares_with_and_without_the_step(
    n: int, seed: int
) -> None:
    y = np.random.default_rng(seed).normal(50, 9, n)
    line = np.column_stack([np.ones(n), np.arange(n)])
    plain = OLS(y, line).fit().ssr
    drops = _drops(_off_line(y))
    assert len(drops) == n - 2 * SHORTEST + 1
    for k in (SHORTEST, n // 2, n - SHORTEST):
        step = OLS(y, np.column_stack([line, np.arange(n) >= k])).fit().ssr
        assert drops[k - SHORTEST] == pytest.approx(plain - step, abs=1e-6)


def test_a_planted_step_is_found_on_its_day_with_its_size() -> None:
    y = noise(np.random.default_rng(11))
    y[200:] -= 60
    found = changes(days(y)).table()
    row = found.iloc[0]
    assert len(found) == 1 and row.p == 0.001
    assert (
        abs((row.day - DAY0).days - 200) <= 3
        and row.earliest <= DAY0 + pd.Timedelta(days=200) <= row.latest
    )
    assert row.change_low < -60 / row.before < row.change_high < 0


def test_two_steps_are_found_and_the_level_follows_them() -> None:
    y = noise(np.random.default_rng(2))
    y[120:250] += 90
    found = changes(days(y))
    assert [(day - DAY0).days for day in found.table().day] == pytest.approx([120, 250], abs=3)
    assert np.sign(found.table().change).tolist() == [1, -1]
    assert found.fitted.level.diff().abs().nlargest(2).min() > 60
    drawn = found.drawn().groupby("line").size()
    assert drawn["orders"] == 52 and drawn["level"] == 364


@pytest.mark.parametrize("likeness", [0.0, 0.4])
def test_noise_with_a_trend_is_called_a_step_about_as_often_as_promised(likeness: float) -> None:
    rng = np.random.default_rng(7)
    alarms = sum(
        len(changes(days(noise(rng, likeness=likeness)), shuffles=99).table()) > 0
        for _ in range(60)
    )
    assert alarms <= 8  # 3 expected; 9 or more have probability 0.3%


def test_one_holiday_and_a_weekday_pattern_are_no_step() -> None:
    y = noise(np.random.default_rng(3))
    y[[150, 151, 300]] = [900, 0, 0]
    assert changes(days(y)).table().empty
    flat = _without_weekdays(
        pd.Series(noise(np.random.default_rng(4)), pd.date_range(DAY0, periods=364))
    )
    by_weekday = pd.Series(_off_line(flat)).groupby(np.arange(364) % 7).mean()
    assert by_weekday.abs().max() < 1


def test_the_same_seed_gives_the_same_steps_and_scaling_changes_no_p_value() -> None:
    y = np.round(noise(np.random.default_rng(5)))
    y[100:] += 25
    one, two, twice = (changes(days(x), seed=s).table() for x, s in ((y, 1), (y, 1), (2 * y, 1)))
    pd.testing.assert_frame_equal(one, two)
    assert one.p.tolist() == twice.p.tolist() and one.change.to_numpy() == pytest.approx(
        twice.change.to_numpy()
    )
    assert BLOCK % 7 == 0


@pytest.mark.parametrize(
    ("orders", "note"),
    [
        (np.full(90, 7.0), "orders never vary"),
        (np.arange(20.0), "20 day(s), a change of level needs 56"),
    ],
)
def test_days_that_cannot_tell_say_why(orders: np.ndarray, note: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = changes(days(orders))
    assert found.note == note and found.table().empty and len(found.drawn())
    straight = changes(days(np.arange(100.0)))
    assert straight.table().empty and straight.note == ""


def test_the_end_of_cdnow_s_cohort_is_its_one_step() -> None:
    """Fader and Hardie's cohort bought first in January to March 1997: nobody joins after the 25th of March."""
    found = changes(statistics.hours(pz.load("cdnow"))).table()
    assert found.day.dt.strftime("%Y-%m-%d").tolist() == ["1997-03-26"] and found.change[0] < -0.6
