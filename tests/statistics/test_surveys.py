"""Claims of surveys."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from personalize import statistics
from tests.statistics.shops import DAY0, SEVEN, shop, spenders

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_satisfaction_has_wilson_s_interval_and_promoters_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(4)
    recommend, satisfied = rng.choice([3, 7, 8, 9, 10], 90), rng.choice([1, 3, 4, 5], 90)
    frame = pd.DataFrame({"customer_id": [*range(90)] * 2, "time": DAY0, "score": [*recommend, *satisfied],
                          "question": ["recommend"] * 90 + ["satisfied"] * 90})  # fmt: skip
    found = statistics.opinions(spenders([1.0] * 90, surveys=frame)).set_index("measure")
    good = int((satisfied >= 4).sum())
    assert (found.result_low["CSAT"], found.result_high["CSAT"]) == pytest.approx(
        proportion_confint(good, 90, method="wilson")
    )
    points = np.where(recommend >= 9, 1, np.where(recommend <= 6, -1, 0))
    drawn = rng.choice(points, (4000, 90)).mean(axis=1)
    assert (found.result_low["NPS"], found.result_high["NPS"]) == pytest.approx(
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
    wide, narrow = (
        statistics.opinions(spenders([1.0] * 60, surveys=f)).iloc[0] for f in (few, many)
    )
    assert wide.result_high - wide.result_low > 1.5 * (narrow.result_high - narrow.result_low)
    k = int((few.groupby("customer_id").score.first() >= 4).sum())
    assert (wide.result_low, wide.result_high) == pytest.approx(
        proportion_confint(k, 20, method="wilson"), abs=0.02
    )


def test_everybody_satisfied_has_an_interval_below_one() -> None:
    answers = pd.DataFrame(
        {"customer_id": range(12), "time": DAY0, "question": "satisfied", "score": 5}
    )
    row = statistics.opinions(spenders([1.0] * 12, surveys=answers)).iloc[0]
    assert (row.result, row.result_high) == (1, 1) and row.result_low == pytest.approx(
        proportion_confint(12, 12, method="wilson")[0]
    )


def test_net_promoter_score_and_satisfaction_by_hand() -> None:
    answers = pd.DataFrame({
        "customer_id": [1, 2, 3, 4, 1, 2, 3, 4],
        "time": DAY0,
        "question": ["recommend"] * 4 + ["satisfaction"] * 4,
        "score": [10, 9, 7, 3, 5, 4, 3, 1],
    })  # fmt: skip
    tables = shop(SEVEN, surveys=answers)
    found = statistics.opinions(tables, min_cell=1).set_index("measure")
    assert found.result.to_dict() == {"NPS": 0.25, "CSAT": 0.5}
    assert found["mean"].to_dict() == {"NPS": 7.25, "CSAT": 3.25}
    points = np.array([1, 1, 0, -1])
    half = stats.t.ppf(0.975, 3) * points.std(ddof=1) / 2
    assert (found.result_low["NPS"], found.result_high["NPS"]) == pytest.approx(
        (max(0.25 - half, -1), min(0.25 + half, 1))
    )
    assert statistics.opinions(
        tables
    ).empty  # four customers are fewer than the smallest group shown
