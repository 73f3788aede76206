"""Descriptions of segments add up, hide small groups, and name only what stands out from chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.segmentation import actions, differences, facts, overview
from personalize.segmentation.characteristics import SMALL, merge_small
from personalize.tables import TableError, Unavailable


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 12))
def test_no_hidden_group_can_be_worked_out(labels, min_cell) -> None:
    before = pd.Series(labels).astype(object)
    if len(labels) < min_cell:
        with pytest.raises(TableError, match="fewer than min_cell"):
            merge_small(before, min_cell)
        return
    after = merge_small(before, min_cell)
    counts, was = after.value_counts(), before.value_counts()
    assert counts.sum() == len(labels)
    assert (counts[counts.index != SMALL] >= min_cell).all()
    if SMALL in counts and len(was) > 1:
        assert before[after == SMALL].nunique() > 1
        assert counts[SMALL] >= min_cell or len(counts) == 1
    if was.min() >= min_cell:
        assert SMALL not in counts


def test_overview_adds_up_to_the_whole(november, assigned) -> None:
    for by in ("segment", "cluster"):
        found = overview(assigned, november, by=by)
        assert found.customers.sum() == len(november)
        assert found[["customer_share", "spend_share"]].sum().tolist() == pytest.approx([1, 1])
        assert (found.spend / found.customers).is_monotonic_decreasing
        assert found.spend_share.between(found.spend_share_low, found.spend_share_high).all()


def test_interval_of_a_spend_share_is_that_of_resampled_customers(november, assigned) -> None:
    row = overview(assigned, november, by="cluster").iloc[0]
    inside = (assigned.cluster == 1).to_numpy()
    draws = np.random.default_rng(0).integers(0, len(november), (1000, len(november)))
    money = november.monetary.to_numpy()[draws]
    shares = (money * inside[draws]).sum(axis=1) / money.sum(axis=1)
    assert [row.spend_share_low, row.spend_share_high] == pytest.approx(
        np.quantile(shares, [0.025, 0.975]), abs=0.004
    )


def test_actions_name_a_treatment_for_every_segment(november, assigned) -> None:
    for by in ("segment", "cluster"):
        found = actions(assigned, november, by=by)
        assert found.treatment.map(len).min() > 20
        assert found.characteristics.str.contains("purchase").all()
    assert actions(assigned, november, by="cluster").typical.iloc[0] == "Champions"


def test_small_segments_get_no_treatment_of_their_own(november, assigned) -> None:
    found = actions(assigned, november, min_cell=200).set_index("segment")
    assert found.loc[SMALL, "customers"] >= 200 and found.loc[SMALL, "treatment"] == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.drop(columns="cluster"), r"lacks \['cluster'\]"),
        (lambda a: a.head(100), "have no cluster"),
        (lambda a: a.drop(columns="segment"), "need the named segments"),
    ],
)
def test_an_assignment_that_does_not_fit_is_refused(november, assigned, change, message) -> None:
    with pytest.raises(TableError, match=message):
        actions(change(assigned), november, by="cluster")


def test_a_taste_that_was_planted_is_found_and_no_other(november) -> None:
    rng = np.random.default_rng(0)
    lines = pd.DataFrame(
        {"customer_id": np.repeat(range(200), 30), "product_id": rng.integers(0, 10, 6000)}
    )
    odd = (lines.customer_id < 100) & (rng.random(6000) < 0.3)
    lines["product_id"] = lines.product_id.where(~odd, 3)
    lines = lines.assign(
        order_id=range(6000), time=pd.Timestamp("2024-01-01"), quantity=1, amount=2.0
    )
    products = pd.DataFrame(
        {"product_id": range(10), "category": [f"group {i}" for i in range(10)]}
    )
    log = pz.load({"orders": lines, "products": products})
    labels = pd.DataFrame({"customer_id": range(200), "segment": ["a"] * 100 + ["b"] * 100})
    found = differences(log, labels, as_of="2024-01-01")
    first = found[found.segment == "a"].iloc[0]
    assert first.value == "group 3" and first.ratio_low > 1.3
    assert found[(found.segment == "b") & (found.value == "group 3")].ratio_high.iloc[0] < 1
    shuffled = labels.assign(segment=rng.permutation(labels.segment))
    assert len(differences(log, shuffled, as_of="2024-01-01")) <= 1


def test_an_attribute_that_was_planted_is_found_and_small_groups_are_not_shown() -> None:
    people = pd.DataFrame(
        {"customer_id": range(300), "town": ["Gent"] * 150 + ["Lier"] * 145 + ["Mol"] * 5}
    )
    orders = pd.DataFrame(
        {
            "customer_id": range(300),
            "order_id": range(300),
            "product_id": 1,
            "quantity": 1,
            "time": pd.Timestamp("2024-01-01"),
            "amount": 1.0,
        }
    )
    labels = pd.DataFrame({"customer_id": range(300), "segment": ["a"] * 130 + ["b"] * 170})
    log = pz.load({"orders": orders, "customers": people})
    found = differences(log, labels, as_of="2024-01-01")
    assert found[found.segment == "a"].value.tolist() == ["Gent"]
    assert set(found.value) == {"Gent", "Lier"} and (found.what == "town").all()


def test_differences_put_what_is_bought_and_who_they_are_in_one_table(tables, assigned) -> None:
    found = differences(tables, assigned, as_of="2017-11-05", by="cluster")
    assert "spend on" in set(found.what) and found.customers.min() >= 10
    assert found.ratio.between(found.ratio_low, found.ratio_high).all()
    assert found.cluster.is_monotonic_increasing
    with pytest.raises(Unavailable, match="no products.*no table 'customers'"):
        differences(pz.load("cdnow"), assigned, as_of="1998-01-01")


def test_the_facts_in_words_hold_the_numbers_of_the_table(november) -> None:
    assert f"**{len(november):,}**" in facts(november, as_of="2017-11-05", currency="USD")
