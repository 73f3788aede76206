"""Groups compared: equal to scipy and statsmodels, stated results for next to nothing; attributes against spend."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import Table
from statsmodels.stats.meta_analysis import effectsize_smd
from statsmodels.stats.nonparametric import rank_compare_2indep
from statsmodels.stats.proportion import proportion_confint, samplesize_confint_proportion

import personalize as pz
from personalize import statistics
from personalize.statistics import associate, compare, value_counts
from personalize.tables import TableError

DAY0 = pd.Timestamp("2024-01-01")
COLUMNS = ["customer_id", "order_id", "product_id", "time", "quantity", "amount"]
numbers = st.lists(st.integers(0, 12).map(float), min_size=3, max_size=40)


def shop(spend: list[float], **more: pd.DataFrame) -> pz.tables.Tables:
    rows = [(c, c, 1, DAY0 + pd.Timedelta(days=c % 3), 1, x) for c, x in enumerate(spend)]
    return pz.load({"orders": pd.DataFrame(rows, columns=COLUMNS), **more})


@given(numbers, numbers)
@settings(max_examples=80, deadline=None)
def test_two_groups_equal_scipy_and_statsmodels(a: list[float], b: list[float]) -> None:
    found = compare(value_counts(a), value_counts(b))
    if len(set(a)) < 2 or len(set(b)) < 2:
        return
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert (found.t, found.df, found.p) == pytest.approx((welch.statistic, welch.df, welch.pvalue))
    assert (found.low, found.high) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    rank = stats.mannwhitneyu(a, b, method="asymptotic")
    assert (found.u, found.p_rank) == pytest.approx((rank.statistic, min(rank.pvalue, 1)))
    sizes = [part for x in (a, b) for part in (np.mean(x), np.std(x, ddof=1), len(x))]
    both = len(a) + len(b)
    assert found.effect == pytest.approx(effectsize_smd(*sizes)[0])
    error = np.sqrt(both / len(a) / len(b) + found.effect**2 / (2 * both))
    assert (found.effect_high - found.effect_low) / 2 == pytest.approx(
        stats.norm.ppf(0.975) * error
    )
    munzel = rank_compare_2indep(np.array(a), np.array(b), use_t=True)
    assert found.superiority == pytest.approx(munzel.prob1)
    if munzel.var:
        assert (found.superiority_low, found.superiority_high) == pytest.approx(
            np.clip(munzel.conf_int(), 0, 1)
        )


def test_superiority_of_five_values_by_hand() -> None:
    found = compare(value_counts([3, 5]), value_counts([1, 3, 4]))
    assert found.superiority == (1 + 0.5 + 0 + 3) / 6 and found.u == 4.5
    assert found.difference == pytest.approx(4 - 8 / 3)


@given(numbers, numbers)
@settings(max_examples=40, deadline=None)
def test_changing_the_sides_changes_the_signs_only(a: list[float], b: list[float]) -> None:
    one, two = compare(value_counts(a), value_counts(b)), compare(value_counts(b), value_counts(a))
    assert (one.p, one.p_rank) == pytest.approx((two.p, two.p_rank), nan_ok=True)
    assert (one.effect, one.superiority) == pytest.approx(
        (-two.effect, 1 - two.superiority), nan_ok=True
    )


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


tables_of_counts = st.lists(
    st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=2, max_size=5
)


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


def test_interval_of_the_strength_is_where_the_tails_of_the_noncentral_chi_square_are() -> None:
    found = associate(pd.DataFrame([[45, 20, 18], [22, 21, 25], [17, 30, 24]]))
    scale = found.n * 2
    assert stats.ncx2.sf(found.chi2, found.df, found.low**2 * scale) == pytest.approx(0.025)
    assert stats.ncx2.cdf(found.chi2, found.df, found.high**2 * scale) == pytest.approx(0.025)
    assert found.low < found.strength < found.high


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


def test_a_planted_group_is_found_among_attributes_that_say_nothing() -> None:
    rng = np.random.default_rng(6)
    n = 600
    club = np.where(np.arange(n) % 4 == 0, "gold", "plain")
    spend = np.exp(rng.normal(3, 0.8, n) + 0.7 * (club == "gold")).round(2)
    given = pd.DataFrame(
        {"customer_id": range(n), "club": club, "town": rng.choice(list("ABCDEF"), n)}
    )
    tables = shop(spend.tolist(), customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    rows = found.table().set_index(["attribute", "value"])
    gold, others = spend[club == "gold"], spend[club != "gold"]
    row = rows.loc["club", "gold"]
    assert row.superiority == pytest.approx(
        stats.mannwhitneyu(gold, others).statistic / len(gold) / len(others)
    )
    assert row.superiority_low > 0.5 and row.effect_low > 0 and row.p_rank_adjusted < 0.001
    assert (rows.loc["town"].p_rank_adjusted > 0.05).all()
    raw = [
        stats.ttest_ind(spend[given[a] == v], spend[given[a] != v], equal_var=False).pvalue
        for a, v in rows.index
    ]
    assert rows.p_adjusted.to_numpy() == pytest.approx(statistics.holm(np.array(raw)))
    ties = found.ties().set_index("attribute")
    assert (
        found.closest() == "club"
        and ties.p_adjusted["club"] < 0.001 < 0.05 < ties.p_adjusted["town"]
    )
    grid = found.residuals("club")
    assert grid.loc["gold", "highest quarter"] > 3 and grid.loc["gold", "lowest quarter"] < -2
    assert {"low", "high", "p_means", "p_ranks"} <= set(found.shown().columns)


def test_residuals_of_cells_with_few_customers_are_not_shown_nor_can_they_be_worked_out() -> None:
    spend = [float(c) for c in range(1, 201)]
    band = ["a"] * 80 + ["b"] * 80 + ["rare"] * 20 + ["c"] * 20
    rng = np.random.default_rng(0)
    given = pd.DataFrame({"customer_id": range(200), "band": rng.permutation(band)})
    tables = shop(spend, customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    assert (
        set(found.residuals("band").index) <= {"a", "b"} and len(found.by_spend["band"].counts) == 4
    )


def test_customers_who_spend_the_same_share_a_quarter_and_give_no_residuals() -> None:
    given = pd.DataFrame({"customer_id": range(40), "band": ["a", "b"] * 20})
    tables = shop([5.0] * 40, customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    assert found.closest() == "" and "nothing to compare" in found.ties().note[0]
    assert (found.values.p_adjusted.isna() & (found.values.superiority == 0.5)).all()


def test_correlations_have_the_intervals_and_p_values_of_independent_formulas() -> None:
    rng = np.random.default_rng(2)
    spend = np.exp(rng.normal(3, 1, 80)).round(2)
    rows = [(c, 10 * c + k, 1, DAY0 + pd.Timedelta(days=5 * k + c % 7), 1, x)
            for c, x in enumerate(spend) for k in range(1 + c % 4)]  # fmt: skip
    found = statistics.behaviour(pz.load({"orders": pd.DataFrame(rows, columns=COLUMNS)}))
    table = statistics.correlations(found).set_index(["first", "second"])
    people = found.people
    raw = []
    for (first, second), row in table.iterrows():
        both = people[
            [statistics.relation.MEASURES[first], statistics.relation.MEASURES[second]]
        ].dropna()
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
        statistics.holm(np.array(raw)), nan_ok=True
    )


def test_satisfaction_has_wilson_s_interval_and_promoters_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(4)
    recommend, satisfied = rng.choice([3, 7, 8, 9, 10], 90), rng.choice([1, 3, 4, 5], 90)
    frame = pd.DataFrame({"customer_id": [*range(90)] * 2, "time": DAY0, "score": [*recommend, *satisfied],
                          "question": ["recommend"] * 90 + ["satisfied"] * 90})  # fmt: skip
    found = statistics.opinions(shop([1.0] * 90, surveys=frame)).set_index("measure")
    good = int((satisfied >= 4).sum())
    assert (found.low["CSAT"], found.high["CSAT"]) == pytest.approx(
        proportion_confint(good, 90, method="wilson")
    )
    points = np.where(recommend >= 9, 1, np.where(recommend <= 6, -1, 0))
    drawn = rng.choice(points, (4000, 90)).mean(axis=1)
    assert (found.low["NPS"], found.high["NPS"]) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03
    )
    spread = stats.t.ppf(0.975, 89) * points.std(ddof=1)
    assert found.needed["NPS"] == np.ceil((spread / 0.05) ** 2)


def test_answers_of_one_customer_count_less_than_answers_of_many() -> None:
    many = pd.DataFrame(
        {"customer_id": range(60), "time": DAY0, "question": "satisfied", "score": [5, 1, 4] * 20}
    )
    few = many.assign(
        customer_id=[c % 20 for c in range(60)], score=[5, 1, 4] * 6 + [5, 1] + [5, 1, 4] * 13 + [4]
    )
    few["score"] = [5 if c % 3 else 1 for c in few.customer_id]
    wide, narrow = (statistics.opinions(shop([1.0] * 60, surveys=f)).iloc[0] for f in (few, many))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    k = int((few.groupby("customer_id").score.first() >= 4).sum())
    assert (wide.low, wide.high) == pytest.approx(
        proportion_confint(k, 20, method="wilson"), abs=0.02
    )


@pytest.mark.parametrize(("share", "margin"), [(0.5, 0.05), (0.2, 0.03), (0.9, 0.01)])
def test_sample_size_equals_statsmodels(share: float, margin: float) -> None:
    assert statistics.sample_size(share, margin) == np.ceil(
        samplesize_confint_proportion(share, margin)
    )


def test_everybody_satisfied_has_an_interval_below_one() -> None:
    answers = pd.DataFrame(
        {"customer_id": range(12), "time": DAY0, "question": "satisfied", "score": 5}
    )
    row = statistics.opinions(shop([1.0] * 12, surveys=answers)).iloc[0]
    assert (row.value, row.high) == (1, 1) and row.low == pytest.approx(
        proportion_confint(12, 12, method="wilson")[0]
    )
