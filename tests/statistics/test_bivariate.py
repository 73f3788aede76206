"""Groups compared: equal to scipy and statsmodels, stated results for next to nothing; attributes against spend."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import Table

import personalize as pz
from personalize import inference, statistics
from personalize.statistics import associate, compare, value_counts
from personalize.statistics.bivariate import MEASURES
from personalize.tables import TableError
from tests.statistics.shops import COLUMNS, DAY0, SEVEN, shop

tables_of_counts = st.lists(
    st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=2, max_size=5
)


orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def people(n: int) -> list[tuple]:
    return [(c, c, 1, DAY0 + pd.Timedelta(days=c % 3), 1, 10.0 + c) for c in range(n)]


def test_superiority_of_five_values_by_hand() -> None:
    found = compare(value_counts([3, 5]), value_counts([1, 3, 4]))
    assert found.superiority == (1 + 0.5 + 0 + 3) / 6 and found.u == 4.5
    assert found.difference == pytest.approx(4 - 8 / 3)


@pytest.mark.parametrize(
    ("a", "b", "note"),
    [
        ([], [1, 2], "a group is empty"),
        ([None], [1, 2], "a group is empty"),
        ([1], [2, 3], "a group has one value"),
        ([2, 2], [2, 2, 2], "all values are equal"),
        ([2, 2], [3, 3], "neither group varies"),
    ],
)
def test_groups_of_next_to_nothing_give_a_stated_result_and_no_warning(
    a: list, b: list, note: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare(value_counts(a), value_counts(b))
    assert note in found.note and np.isnan([found.low, found.p]).all()
    assert found.table().note[0] == found.note


@given(tables_of_counts)
@settings(max_examples=60, deadline=None)
def test_association_equals_scipy_and_statsmodels(rows: list[list[int]]) -> None:
    counts = pd.DataFrame(rows)
    found = associate(counts)
    kept = counts.loc[counts.sum(axis=1) > 0, counts.sum() > 0]
    if min(kept.shape) < 2:
        assert "nothing to compare" in found.note and np.isnan(found.p)
        return
    chi2 = stats.chi2_contingency(kept, correction=False)
    assert (found.chi2, found.df) == pytest.approx((chi2.statistic, chi2.dof))
    assert found.p == pytest.approx(chi2.pvalue, abs=1e-12)
    assert found.expected.to_numpy() == pytest.approx(chi2.expected_freq)
    expected = Table(kept.to_numpy(float), shift_zeros=False).standardized_resids
    assert found.residuals.to_numpy() == pytest.approx(expected, abs=1e-9)
    assert 0 <= found.low <= found.high <= 1 and (found.expected.to_numpy() < 5).any() == bool(
        found.note
    )
    assert found.table().n.sum() == found.n == counts.to_numpy().sum()


def test_strength_is_nothing_on_average_where_there_is_none_and_one_where_all_is_told() -> None:
    rng = np.random.default_rng(1)
    none = [
        associate(pd.crosstab(rng.integers(0, 4, 200), rng.integers(0, 4, 200))) for _ in range(200)
    ]
    assert np.mean([a.p < 0.05 for a in none]) < 0.1 and np.mean([a.low > 0 for a in none]) < 0.08
    assert np.median([a.strength for a in none]) < 0.06
    assert associate(pd.DataFrame(np.diag([500, 500, 500]))).strength == pytest.approx(1, abs=0.01)


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(TableError, match=r"2 count\(s\) are missing or below 0"):
        associate(pd.DataFrame([[1, -1], [np.nan, 2]]))


def test_correlations_have_the_intervals_and_p_values_of_independent_formulas() -> None:
    rng = np.random.default_rng(2)
    spend = np.exp(rng.normal(3, 1, 80)).round(2)
    rows = [(c, 10 * c + k, 1, DAY0 + pd.Timedelta(days=5 * k + c % 7), 1, x)
            for c, x in enumerate(spend) for k in range(1 + c % 4)]  # fmt: skip
    found = statistics.behaviour(pz.load({"orders": pd.DataFrame(rows, columns=COLUMNS)}))
    table = statistics.correlations(found).pairs.set_index(["first", "second"])
    people = found.people
    raw = []
    for (first, second), row in table.iterrows():
        both = people[[MEASURES[first], MEASURES[second]]].dropna()
        if row.note:
            assert (both.nunique() == 1).any() or len(both) < 10
            raw.append(np.nan)
            continue
        rank = stats.spearmanr(both.iloc[:, 0], both.iloc[:, 1])
        half = stats.norm.ppf(0.975) * np.sqrt((1 + rank.statistic**2 / 2) / (len(both) - 3))
        expected = np.tanh(np.arctanh(rank.statistic) + np.array([-half, 0, half]))
        assert (row.spearman_low, row.spearman, row.spearman_high) == pytest.approx(expected)
        line = stats.pearsonr(both.iloc[:, 0], both.iloc[:, 1])
        assert (row.pearson_low, row.pearson_high) == pytest.approx(
            tuple(line.confidence_interval())
        )
        raw.append(rank.pvalue)
    assert table.p_adjusted.to_numpy(float) == pytest.approx(
        inference.adjust(np.array(raw)), nan_ok=True
    )


def test_correlations_equal_scipy_and_say_where_there_are_none(cdnow: pz.tables.Tables) -> None:
    found = statistics.behaviour(cdnow)
    table = statistics.correlations(found).pairs.set_index(["first", "second"])
    both = found.people[["orders", "spend"]]
    row = table.loc["orders", "spend"]
    expected = stats.pearsonr(both.orders, both.spend)
    assert row.pearson == pytest.approx(expected.statistic)
    assert (row.pearson_low, row.pearson_high) == pytest.approx(
        tuple(expected.confidence_interval())
    )
    assert row.spearman == pytest.approx(stats.spearmanr(both.orders, both.spend).statistic)
    assert table.loc[("orders", "lines an order"), "note"] == "one of the two never varies"
    few = statistics.correlations(statistics.behaviour(shop(SEVEN))).pairs
    assert few.note.str.contains("10 are needed").all() and few.spearman.isna().all()
