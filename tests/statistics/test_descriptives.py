"""Statistics from value counts equal those of numpy, scipy and statsmodels on the values written out."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from personalize import statistics
from personalize.statistics import (
    concentration,
    describe,
    design_effect,
    sizes,
    value_counts,
    weighted_quantiles,
)
from personalize.tables import TableError

SEVEN = [1, 2, 2, 3, 3, 4, 13]

DATA = Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[3] / "shared" / "data"))


numbers = st.lists(
    st.integers(-2_000, 10_000).map(lambda cents: cents / 100), min_size=1, max_size=60
)


def test_page_views_of_online_shoppers_equal_the_published_figures() -> None:
    path = DATA / "online_shoppers" / "online_shoppers_intention.csv.gz"
    if not path.is_file():
        pytest.skip(
            f"{path.name} is not at hand: set PERSONALIZE_DATA to the folder that holds online_shoppers"
        )
    pages = pd.read_csv(path, usecols=["ProductRelated"]).ProductRelated
    found = statistics.describe(statistics.value_counts(pages))
    assert (round(found.mean, 1), found.median, round(found.variance), found.maximum) == (
        31.7,
        18,
        1978,
        705,
    )


def test_seven_values_by_hand() -> None:
    d = describe(value_counts([*SEVEN, None]))
    assert (d.n, d.missing, d.total, d.mean, d.median, d.minimum, d.maximum) == (
        7,
        1,
        28,
        4,
        3,
        1,
        13,
    )
    assert d.variance == pytest.approx((9 + 4 + 4 + 1 + 1 + 0 + 81) / 7)
    assert d.skew == pytest.approx((-27 - 8 - 8 - 1 - 1 + 0 + 729) / 7 / (100 / 7) ** 1.5)
    assert dict(d.quantiles) == {
        0.05: pytest.approx(1.3),
        0.25: 2,
        0.5: 3,
        0.75: 3.5,
        0.95: pytest.approx(10.3),
    }


@given(numbers, st.integers(0, 1))
@settings(max_examples=150, deadline=None)
def test_moments_equal_numpy_and_scipy(values: list[float], ddof: int) -> None:
    d = describe(value_counts(values), ddof=ddof)
    assert d.n == len(values)
    assert d.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-12)
    if len(values) > ddof:
        assert d.variance == pytest.approx(np.var(values, ddof=ddof), rel=1e-9, abs=1e-12)
        assert d.std == pytest.approx(np.std(values, ddof=ddof), rel=1e-9, abs=1e-12)
    if len(set(values)) > 1:
        assert d.skew == pytest.approx(stats.skew(values), rel=1e-7, abs=1e-7)
    else:
        assert np.isnan(d.skew) and d.note


@given(numbers, st.lists(st.floats(0, 1), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_quantiles_equal_numpy(values: list[float], at: list[float]) -> None:
    expected = np.quantile(values, at)
    assert weighted_quantiles(value_counts(values), at) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )


@given(numbers)
@settings(max_examples=60, deadline=None)
def test_doubling_every_count_changes_no_share_of_the_values(values: list[float]) -> None:
    once, twice = describe(value_counts(values)), describe(value_counts(values * 2))
    assert (once.mean, once.variance, once.skew) == pytest.approx(
        (twice.mean, twice.variance, twice.skew), rel=1e-9, abs=1e-9, nan_ok=True
    )
    gini = [concentration(value_counts(np.abs(v))).gini for v in (values, values * 2)]
    assert gini[0] == pytest.approx(gini[1], abs=1e-9, nan_ok=True)


def test_interval_of_the_mean_equals_scipy_t() -> None:
    d = describe(value_counts(SEVEN), level=0.9)
    expected = stats.t.interval(0.9, 6, loc=4, scale=stats.sem(SEVEN))
    assert (d.mean_low, d.mean_high) == pytest.approx(expected)


def test_interval_of_the_median_is_order_statistics_with_binomial_ranks() -> None:
    values = np.arange(1, 101) ** 2.0
    d = describe(value_counts(values))
    low, high = stats.binom.ppf([0.025, 0.975], 100, 0.5).astype(int)
    assert (d.median_low, d.median_high) == (values[low - 1], values[high])
    assert stats.binom.cdf(high, 100, 0.5) - stats.binom.cdf(low - 1, 100, 0.5) >= 0.95


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    hits = np.zeros(3)
    truth = (np.exp(0.125), 1.0, np.sqrt((np.exp(0.25) - 1) * np.exp(0.25)))
    for _ in range(400):
        d = describe(value_counts(rng.lognormal(0, 0.5, 300)))
        ends = [(d.mean_low, d.mean_high), (d.median_low, d.median_high), (d.std_low, d.std_high)]
        hits += [low <= t <= high for (low, high), t in zip(ends, truth, strict=True)]
    assert np.all(hits[:2] / 400 > 0.92) and np.all(hits / 400 > 0.85) and np.all(hits / 400 < 0.99)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([], "no value: nothing can be described"),
        ([None, None], "no value: nothing can be described"),
        ([5], "one value: no interval can be given"),
        ([5, 5, 5], "all values are equal: no spread, skewness is not defined"),
        ([0.1 + 0.2] * 9, "all values are equal: no spread, skewness is not defined"),
        ([1, 2, 3], "too few values for a 95% interval of the median: the range is given"),
        ([0] * 40 + [1000], "very skewed for its size"),
    ],
)
def test_degenerate_values_give_a_stated_result_and_no_warning(values: list, note: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        d = describe(value_counts(values))
    assert note in d.note
    assert d.n == len([v for v in values if v is not None])


def test_equal_values_have_no_variance_at_all() -> None:
    d = describe(value_counts([1 / 3] * 7))
    assert (d.variance, d.std, d.mean, d.mean_low, d.mean_high) == (0, 0, 1 / 3, 1 / 3, 1 / 3)


def test_variance_of_one_value_with_ddof_one_is_missing_and_said() -> None:
    d = describe(value_counts([4]), ddof=1)
    assert np.isnan(d.variance) and "variance needs more than 1 value(s) with ddof = 1" in d.note


def test_wrong_value_counts_are_named_all_at_once() -> None:
    with pytest.raises(
        TableError,
        match=r"(?s)column 'value' is missing.*'n' is missing.*level = 2.*quantiles \[1.5\]",
    ):
        describe(pd.DataFrame({"x": [1]}), level=2, quantiles=[1.5])
    with pytest.raises(TableError, match=r"1 row\(s\) have n below 0"):
        describe(pd.DataFrame({"value": [1.0], "n": [-1]}))
    with pytest.raises(TableError, match="a value is infinite"):
        describe(value_counts([1, np.inf]))


def test_design_effect_of_equal_groups_of_equal_values_is_their_size() -> None:
    values = np.repeat(np.arange(200.0), 5)
    effect = design_effect(
        values.reshape(200, 5).sum(axis=1), np.full(200, 5), value_counts(values)
    )
    assert effect == pytest.approx(5, rel=0.01)
    assert design_effect([3.0, 3.0], [1, 1], value_counts([3, 3])) == 1.0


def test_bands_of_size_hold_everything_once() -> None:
    table = sizes(value_counts([0, 1, 1, 2, 5, 40, 200]))
    assert table["size"].tolist() == ["below 1", "1", "2", "3 to 5", "21 to 50", "101 or more"]
    assert table.n.tolist() == [1, 2, 1, 1, 1, 1]
    assert table.share.sum() == pytest.approx(1) and table.share_of_total.sum() == pytest.approx(1)
