"""Claims of demographics."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from scipy import stats

import personalize as pz
from personalize import inference, statistics
from personalize.tables import TableError, Unavailable
from tests.statistics.shops import DAY0, shop, spenders

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def people(n: int) -> list[tuple]:
    return [(c, c, 1, DAY0 + pd.Timedelta(days=c % 3), 1, 10.0 + c) for c in range(n)]


def test_a_planted_group_is_found_among_attributes_that_say_nothing() -> None:
    rng = np.random.default_rng(6)
    n = 600
    club = np.where(np.arange(n) % 4 == 0, "gold", "plain")
    spend = np.exp(rng.normal(3, 0.8, n) + 0.7 * (club == "gold")).round(2)
    given = pd.DataFrame(
        {"customer_id": range(n), "club": club, "town": rng.choice(list("ABCDEF"), n)}
    )
    tables = spenders(spend.tolist(), customers=given)
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
    assert rows.p_adjusted.to_numpy() == pytest.approx(inference.adjust(np.array(raw)))
    ties = found.ties().set_index("attribute")
    assert (
        found.closest() == "club"
        and ties.p_adjusted["club"] < 0.001 < 0.05 < ties.p_adjusted["town"]
    )
    grid = found.residuals("club")
    assert grid.loc["gold", "highest quarter"] > 3 and grid.loc["gold", "lowest quarter"] < -2
    assert {"effect_low", "effect_high", "p_means", "p_ranks"} <= set(found.shown().columns)


def test_residuals_of_cells_with_few_customers_are_not_shown_nor_can_they_be_worked_out() -> None:
    spend = [float(c) for c in range(1, 201)]
    band = ["a"] * 80 + ["b"] * 80 + ["rare"] * 20 + ["c"] * 20
    rng = np.random.default_rng(0)
    given = pd.DataFrame({"customer_id": range(200), "band": rng.permutation(band)})
    tables = spenders(spend, customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    assert (
        set(found.residuals("band").index) <= {"a", "b"} and len(found.by_spend["band"].counts) == 4
    )


def test_customers_who_spend_the_same_share_a_quarter_and_give_no_residuals() -> None:
    given = pd.DataFrame({"customer_id": range(40), "band": ["a", "b"] * 20})
    tables = spenders([5.0] * 40, customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    assert "nothing to compare" in found.ties().note[0]
    with pytest.raises(Unavailable, match="no attribute can be set against spend"):
        found.closest()
    assert (found.values.p_adjusted.isna() & (found.values.superiority == 0.5)).all()


def test_attributes_count_everyone_described_and_hide_small_groups() -> None:
    bands = ["19-24"] * 12 + ["25-34"] * 20 + ["35-44"] * 5 + [None] * 13
    given = pd.DataFrame({"customer_id": range(50), "age_band": bands, "age": range(20, 70)})
    tables = shop(people(60), customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    band = found.values[found.values.attribute == "age_band"]
    assert band.value.tolist() == ["25-34", "not stated"]  # 35-44 is small, 19-24 goes with it
    assert band.customers.tolist() == [20, 13] and band.share.tolist() == [0.4, 0.26]
    assert (found.described, found.known, found.hidden) == (50, 60, 4)
    ages = found.values[found.values.attribute == "age"]
    assert ages.value.tolist() == ["25 to 34", "35 to 44", "45 to 54", "55 to 64"]
    assert ages.customers.tolist() == [10] * 4
    assert not found.representative  # those not described are the ten biggest spenders


def test_attributes_without_a_customer_table_say_what_is_needed(seven: pz.tables.Tables) -> None:
    with pytest.raises(TableError, match="has no table 'customers'"):
        statistics.attributes(seven, statistics.customers(seven))
