"""Intervals and tests: published values, independent formulas, stated results for nothing."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from personalize import inference
from personalize.tables import TableError

numbers = st.lists(st.integers(0, 12).map(float), min_size=3, max_size=40)


def test_the_module_loads_no_statistics_library_before_one_is_needed() -> None:
    code = (
        "import sys, personalize.inference; "
        "print({'statsmodels', 'scipy.stats'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_of_newcombe_1998(successes: int, n: int, low: float, high: float) -> None:
    found = inference.proportion_interval(successes, n)
    assert [round(float(x), 4) for x in found] == [low, high]


def test_a_share_of_nothing_has_no_interval_and_certain_shares_end_at_0_and_1() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = inference.proportion_interval([0, 0, 5], [0, 5, 5])
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] == 0 and high[2] == 1 and high[1] == pytest.approx(1 - low[2])


def test_welch_on_student_s_sleep_data_equals_the_values_printed_by_r() -> None:
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = inference.mean_difference(first, second)
    assert [round(x, 5) for x in (found.t, found.df, found.p)] == [-1.86081, 17.77647, 0.07939]
    assert (found.low, found.high) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)


def test_superiority_on_brunner_and_munzel_s_pain_scores() -> None:
    treated = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
    others = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
    found = inference.rank_comparison(others, treated)
    expected = (0.788961, 0.5952169, 0.9827052)
    ends = (found.superiority, found.superiority_low, found.superiority_high)
    assert ends == pytest.approx(expected, abs=1e-6)


@given(numbers, numbers)
@settings(max_examples=40, deadline=None)
def test_counts_mean_the_same_as_values_written_out(a: list[float], b: list[float]) -> None:
    (x, n), (y, m) = (np.unique(part, return_counts=True) for part in (a, b))
    for test in (inference.mean_difference, inference.rank_comparison):
        short, long = test(x, y, counts=(n, m)), test(a, b)
        assert list(vars(short).values()) == pytest.approx(list(vars(long).values()), nan_ok=True)


@given(numbers, numbers)
@settings(max_examples=40, deadline=None)
def test_two_groups_equal_scipy_and_sides_change_signs_only(a: list[float], b: list[float]) -> None:
    one, two = inference.mean_difference(a, b), inference.mean_difference(b, a)
    assert (one.p, one.effect) == pytest.approx((two.p, -two.effect), nan_ok=True)
    if len(set(a)) > 1 and len(set(b)) > 1:
        welch = stats.ttest_ind(a, b, equal_var=False)
        expected = (welch.statistic, welch.df, welch.pvalue)
        assert (one.t, one.df, one.p) == pytest.approx(expected)
        assert (one.low, one.high) == pytest.approx(tuple(welch.confidence_interval()))


@pytest.mark.parametrize(("a", "b"), [([1], [2, 3]), ([2, 2], [2, 2, 2]), ([2, 2], [3, 3])])
def test_groups_that_cannot_tell_give_nan_and_no_warning(a: list, b: list) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        means, ranks = inference.mean_difference(a, b), inference.rank_comparison(a, b)
    assert means.difference == np.mean(a) - np.mean(b) and np.isnan([means.low, means.p]).all()
    assert np.isnan(ranks.superiority_low) and 0 <= ranks.superiority <= 1


def test_groups_and_methods_that_make_no_sense_are_refused_in_words() -> None:
    with pytest.raises(TableError, match="the second group is empty"):
        inference.mean_difference([1.0], [])
    with pytest.raises(TableError, match="2 counts for 3 values"):
        inference.rank_comparison([1, 2, 3], [1], counts=([1, 1], [1]))
    with pytest.raises(TableError, match="choose one of"):
        inference.adjust([0.1], method="bonferroni")
    with pytest.raises(TableError, match="happened to 2 of 2 customers"):
        inference.auc([1, 1], [1, 2])
    with pytest.raises(TableError, match=r"1 count\(s\) are missing or below 0"):
        inference.cramers_v([[1, -1], [2, 3]])
    with pytest.raises(TableError, match="margin = 2"):
        inference.sample_size(0.5, 2)


def test_the_fifteen_p_values_of_benjamini_and_hochberg_1995() -> None:
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert (inference.adjust(p, method="bh") <= 0.05).sum() == 4
    assert (inference.adjust(p, method="holm") <= 0.05).sum() == 3
    assert (inference.adjust(p, method="by") <= 0.05).sum() == 3
    longer = inference.adjust([*p, *[1.0] * 85], method="bh")[:15]
    assert inference.adjust(p, method="bh", tests=100) == pytest.approx(longer)


def test_missing_p_values_stay_missing_and_do_not_count() -> None:
    found = inference.adjust([0.01, np.nan, 0.04])
    assert np.isnan(found[1]) and found[[0, 2]].tolist() == [0.02, 0.04]
    assert len(inference.adjust([])) == 0


def test_the_interval_of_v_lies_where_the_tails_of_the_noncentral_chi_square_are() -> None:
    table = np.array([[45, 20, 18], [22, 21, 25], [17, 30, 24]])
    found = inference.cramers_v(table)
    scale = table.sum() * 2
    assert stats.ncx2.sf(found.chi2, found.df, found.low**2 * scale) == pytest.approx(0.025)
    assert stats.ncx2.cdf(found.chi2, found.df, found.high**2 * scale) == pytest.approx(0.025)
    squares = (table - found.expected) ** 2 / found.expected
    assert squares.sum() == pytest.approx(found.chi2)
    assert np.isnan(inference.standardized_residuals([[1, 2, 3]])).all()


def test_correlations_have_fisher_s_interval_and_ends_for_a_perfect_line() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 50))
    line, (rank, p) = inference.pearson(x, y), inference.spearman(x, y)
    assert line[1:] == pytest.approx(tuple(stats.pearsonr(x, y).confidence_interval()))
    assert (rank.value, p) == pytest.approx(tuple(stats.spearmanr(x, y)))
    assert inference.pearson(x, 2 * x).low > 0.999


def test_the_error_of_a_trend_is_newey_and_west_s() -> None:
    y = np.random.default_rng(5).normal(size=40).cumsum()
    found = inference.hac_trend(y, lags=3)
    time = np.arange(40) - 19.5
    score = time * (y - found.fitted)
    total = score @ score
    for lag in (1, 2, 3):
        total += 2 * (1 - lag / 4) * (score[lag:] @ score[:-lag])
    error = np.sqrt(total * 40 / 38) / (time @ time)
    assert found.slope == pytest.approx(np.polyfit(time, y, 1)[0])
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 38) * error)
    assert inference.long_run_variance(y - y.mean(), lags=0) == pytest.approx(y.var())


def test_auc_is_the_share_of_pairs_in_order_and_its_gain_has_a_covering_interval() -> None:
    rng = np.random.default_rng(1)
    outcome = rng.random(60) < 0.4
    score = rng.integers(0, 6, 60).astype(float)
    pairs = score[outcome][:, None] - score[~outcome]
    assert inference.auc(outcome, score).value == pytest.approx((np.sign(pairs) / 2 + 0.5).mean())
    gain = inference.auc_difference(outcome, score, score)
    assert tuple(gain) == (0, 0, 0)
    held = 0
    for _ in range(200):
        base = rng.normal(size=120)
        happened = base + rng.normal(size=120) > 0
        first, second = (base + rng.normal(size=120) for _ in range(2))
        found = inference.auc_difference(happened, first, second)
        held += found.low <= 0 <= found.high
    assert 180 <= held <= 199  # 95 % of 200, three standard deviations


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30).filter(any))
@settings(max_examples=40, deadline=None)
def test_gini_is_half_the_relative_mean_distance(values: list[int]) -> None:
    x = np.array(values, float)
    found = inference.gini(x)
    assert found == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()))
    value, n = np.unique(x, return_counts=True)
    assert inference.gini(value, counts=n) == pytest.approx(found)
    assert inference.gini(x, by=-x) == pytest.approx(-found)
    interval = inference.gini_interval(value, counts=n)
    assert interval == pytest.approx(inference.gini_interval(x))
    assert interval.value == pytest.approx(found)


def test_a_ratio_needs_two_rows_and_something_to_divide_by() -> None:
    assert np.isnan(inference.ratio([1.0], [0.0])).all()
    assert inference.ratio([3.0], [2.0]).value == 1.5
    assert np.isnan(inference.ratio([3.0], [2.0]).low)


@pytest.mark.parametrize(("share", "margin"), [(0.5, 0.05), (0.2, 0.03), (0.9, 0.01)])
def test_sample_size_equals_statsmodels(share: float, margin: float) -> None:
    from statsmodels.stats.proportion import samplesize_confint_proportion

    expected = np.ceil(samplesize_confint_proportion(share, margin))
    assert inference.sample_size(share, margin) == expected
