"""Profiles add up and hide small groups; what segments knew about the future is measured after the fact."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import personalize as pz
from personalize import segmentation
from personalize.segmentation import (
    RFM,
    Churn,
    KMeansSegments,
    actions,
    compare_auc,
    foresight,
    hindsight,
    outcome,
    overview,
    profile,
    what_came_next,
)
from personalize.segmentation.profiles import SMALL, merge_small
from personalize.tables import TableError


@pytest.fixture(scope="module")
def tables() -> pz.tables.Tables:
    return pz.load("complete_journey")


@pytest.fixture(scope="module")
def journey(tables) -> pd.DataFrame:
    return pz.features.rfm(tables, as_of="2017-11-05")


@pytest.fixture(scope="module")
def assigned(journey) -> pd.DataFrame:
    return (
        RFM()
        .fit(journey)
        .assign(journey)
        .merge(KMeansSegments(n_segments=5).fit(journey).assign(journey))
    )


@pytest.fixture(scope="module")
def later(tables, journey) -> pd.DataFrame:
    return outcome(tables, journey.customer_id, as_of="2017-11-05", days=56)


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


def test_overview_adds_up_to_the_whole(journey, assigned) -> None:
    for by in ("segment", "cluster"):
        found = overview(assigned, journey, by=by)
        assert found.customers.sum() == len(journey)
        assert found[["customer_share", "spend_share"]].sum().tolist() == pytest.approx([1, 1])
        assert (found.spend / found.customers).is_monotonic_decreasing
        assert found.spend_share.between(found.spend_share_low, found.spend_share_high).all()


def test_interval_of_a_spend_share_is_that_of_resampled_customers(journey, assigned) -> None:
    row = overview(assigned, journey, by="cluster").iloc[0]
    inside = (assigned.cluster == 1).to_numpy()
    draws = np.random.default_rng(0).integers(0, len(journey), (1000, len(journey)))
    money = journey.monetary.to_numpy()[draws]
    shares = (money * inside[draws]).sum(axis=1) / money.sum(axis=1)
    assert [row.spend_share_low, row.spend_share_high] == pytest.approx(
        np.quantile(shares, [0.025, 0.975]), abs=0.004
    )


def test_a_group_like_everybody_has_ratio_one() -> None:
    table = pd.DataFrame({"customer_id": range(40), "spend": [1.0, 2, 3, 4] * 10})
    found = profile(table.assign(segment=["a"] * 20 + ["b"] * 20), table)
    assert found.ratio.tolist() == [1, 1] and found["mean"].tolist() == [2.5, 2.5]
    assert (found.low < 2.5).all() and (found.ratio_high > 1).all()


def test_profile_interval_is_students() -> None:
    table = pd.DataFrame({"customer_id": range(10), "spend": [0.0, 2] * 5})
    row = profile(table.assign(segment="all"), table).iloc[0]
    half = 2.262157 * (10 / 9) ** 0.5 / 10**0.5
    assert (row.low, row.high) == pytest.approx((1 - half, 1 + half), rel=1e-6)


def test_actions_name_a_treatment_for_every_segment(journey, assigned) -> None:
    for by in ("segment", "cluster"):
        found = actions(assigned, journey, by=by)
        assert found.treatment.map(len).min() > 20
        assert found.characteristics.str.contains("purchase").all()
    assert actions(assigned, journey, by="cluster").typical.iloc[0] == "Champions"


def test_small_segments_get_no_treatment_of_their_own(journey, assigned) -> None:
    found = actions(assigned, journey, min_cell=200).set_index("segment")
    assert found.loc[SMALL, "customers"] >= 200 and found.loc[SMALL, "treatment"] == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.drop(columns="cluster"), r"lacks \['cluster'\]"),
        (lambda a: a.head(100), "have no cluster"),
        (lambda a: a.drop(columns="segment"), "need the named segments"),
    ],
)
def test_an_assignment_that_does_not_fit_is_refused(journey, assigned, change, message) -> None:
    with pytest.raises(TableError, match=message):
        actions(change(assigned), journey, by="cluster")


def test_outcome_holds_the_weeks_after_and_nothing_else(tables, journey, later) -> None:
    whole, before = (pz.features.rfm(tables, as_of=day) for day in ("2017-12-31", "2017-11-05"))
    gained = (
        whole.set_index("customer_id").sub(before.set_index("customer_id")).loc[later.customer_id]
    )
    assert later.next_spend.tolist() == pytest.approx(gained.monetary.tolist())
    assert later.next_orders.tolist() == gained.frequency.tolist()
    with pytest.raises(TableError, match="outside the data"):
        outcome(tables, journey.customer_id, as_of="2017-12-01")


def test_better_clusters_spend_more_and_fall_silent_less(assigned, later) -> None:
    found = what_came_next(assigned, later, by="cluster")
    assert found.cluster.tolist() == [1, 2, 3, 4, 5]
    assert found.silent.iloc[0] < 0.01 < 0.4 < found.silent.iloc[-1]
    assert (found.silent_low <= found.silent).all() and (
        found.next_spend_low < found.next_spend
    ).all()


def test_a_grouping_by_the_outcome_itself_knows_everything_and_chance_knows_nothing(
    assigned, later
) -> None:
    known = later.assign(next_spend=assigned.monetary_score.to_numpy() * 10.0)
    rows = foresight(assigned.assign(segment=np.arange(len(assigned)) % 2), known).set_index(
        "grouping"
    )
    assert rows.spend_known["spend score alone"] == pytest.approx(1)
    assert rows.spend_known["named segments"] < 0.01
    assert rows.spend_gain["named segments"] == pytest.approx(
        rows.spend_known["named segments"] - 1
    )


def test_foresight_needs_scores_and_enough_customers(assigned, later) -> None:
    with pytest.raises(TableError, match="49 customers are too few"):
        foresight(assigned.head(49), later)
    with pytest.raises(TableError, match="RFM scores"):
        foresight(assigned[["customer_id", "cluster"]], later)


def test_many_tiny_groups_do_not_win_by_number(assigned, later) -> None:
    noise = np.random.default_rng(0).integers(0, 900, len(assigned))
    rows = foresight(assigned.assign(cluster=noise), later).set_index("grouping")
    assert rows.spend_known["k-means clusters"] < 0
    assert rows.silence_auc["k-means clusters"] < 0.56


def test_foresight_of_complete_journey_spend_score_leads_on_spend_clusters_on_silence(
    assigned, later
) -> None:
    rows = foresight(assigned, later).set_index("grouping")
    assert rows.spend_known.idxmax() == "spend score alone"
    assert rows.silence_auc.idxmax() == "k-means clusters"
    assert rows.silence_gain_low["k-means clusters"] > 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=60
    )
)
def test_auc_equals_scikit_learns_and_a_score_gains_nothing_over_itself(rows) -> None:
    truth, one, two = (np.array(column) for column in zip(*rows, strict=True))
    if truth.all() or not truth.any():
        with pytest.raises(TableError, match="nothing to tell apart"):
            compare_auc(truth, {"one": one}, baseline="one")
        return
    found = compare_auc(truth, {"one": one, "two": two, "again": one}, baseline="one")
    assert found.auc.tolist()[:2] == pytest.approx(
        [roc_auc_score(truth, one), roc_auc_score(truth, two)]
    )
    assert found.gain[2] == 0 and found.gain_high[2] == pytest.approx(0, abs=1e-7)


def test_interval_of_an_auc_gain_is_that_of_resampled_customers() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(600) < 0.3
    one, two = truth + rng.normal(0, 1, 600), truth + rng.normal(0, 2, 600)
    found = compare_auc(truth, {"one": one, "two": two}, baseline="two").iloc[0]
    draws = [rng.integers(0, 600, 600) for _ in range(400)]
    gains = [roc_auc_score(truth[d], one[d]) - roc_auc_score(truth[d], two[d]) for d in draws]
    assert [found.gain_low, found.gain_high] == pytest.approx(
        np.quantile(gains, [0.025, 0.975]), abs=0.02
    )


def test_churn_on_complete_journey_beats_recency_alone_as_measured(tables) -> None:
    model = Churn().fit(tables, as_of="2017-08-10")  # features of 15 June
    scored = model.predict(tables, as_of="2017-10-15")
    silent = outcome(tables, scored.customer_id, as_of="2017-10-15", days=56).next_orders == 0
    found = compare_auc(
        silent, {"logistic": scored.churn, "recency": scored.recency_days}, baseline="recency"
    )
    assert silent.mean() == pytest.approx(0.075, abs=0.0005)
    assert found.auc[1] == pytest.approx(0.829, abs=0.0005)
    assert found.auc[0] >= 0.862 and found.gain_low[0] > 0


def test_churn_is_learned_from_nothing_after_as_of(tables) -> None:
    cut = tables.until("2017-10-15")
    one, two = Churn().fit(cut, as_of="2017-10-15"), Churn().fit(tables, as_of="2017-10-15")
    assert (one.coef_ == two.coef_).all() and one.intercept_ == two.intercept_


def test_churn_report_ranks_and_calibrates(tables) -> None:
    report = Churn().evaluate(tables, as_of="2017-12-31")
    assert report.tenths.customers.sum() == report.n_customers
    assert report.tenths.lift.iloc[0] > 3 and report.tenths.observed.iloc[-1] < 0.02
    assert (report.tenths.customers * report.tenths.observed).sum() == pytest.approx(
        report.n_customers * report.rate
    )
    assert report.table().model.tolist()[1] == "recency alone"


def test_odds_ratios_say_that_frequent_customers_stay(tables) -> None:
    rows = Churn().fit(tables, as_of="2017-12-31").table().set_index("feature")
    assert rows.odds_ratio_high["frequency"] < 1 < rows.odds_ratio_low["recency_days"]


@pytest.mark.parametrize(
    ("model", "as_of", "message"),
    [
        (Churn(days=300), "2017-12-31", "needs 420 days of orders"),
        (Churn(days=56), "2017-03-01", "the data have 60"),
        (Churn(days=0), "2017-12-31", "needs"),
        (Churn(days=200, window_days=5), "2017-12-31", "cannot be learned"),
    ],
)
def test_churn_refuses_what_it_cannot_learn(tables, model, as_of, message) -> None:
    with pytest.raises(TableError, match=message):
        model.fit(tables, as_of=as_of)


def test_churn_must_be_fitted_first(tables) -> None:
    with pytest.raises(TableError, match="not fitted"):
        Churn().predict(tables, as_of="2017-12-31")


def test_readings_hold_the_numbers_of_their_tables(tables, journey, assigned) -> None:
    sizes = overview(assigned, journey, by="cluster")
    said = segmentation.contrast(sizes)
    assert "**cluster 1**" in said and f"{sizes.spend_share[0]:.0%}" in said
    assert f"**{len(journey):,}**" in segmentation.facts(
        journey, as_of="2017-11-05", currency="USD"
    )
    report = Churn().evaluate(tables, as_of="2017-12-31")
    assert (
        report.verdict == "better than recency alone"
        and f"{report.comparison.auc[0]:.3f}" in report.reading()
    )


def test_hindsight_forms_the_segments_without_the_later_period(
    tables, journey, assigned, later
) -> None:
    past = hindsight(tables, KMeansSegments(n_segments=5), as_of="2017-12-31", days=56)
    assert past.cut == pd.Timestamp("2017-11-05")
    pd.testing.assert_frame_equal(past.assigned, assigned)
    pd.testing.assert_frame_equal(past.later, later)
    assert past.groupings().grouping.tolist() == foresight(assigned, later).grouping.tolist()
    assert "the k-means clusters are **worse** on spend and **better** on silence" in past.reading()


def test_a_quarter_of_moves_is_shown_best_segment_first_without_small_cells(tables) -> None:
    moves = segmentation.quarter(tables, as_of="2017-12-31")
    shares = moves.shares(min_cell=10)
    assert shares.index[0] == "Champions" and shares.loc["Champions"].idxmax() == "Champions"
    assert (moves.table().loc[shares.index, shares.columns][shares.isna()].fillna(0) < 10).all(
        axis=None
    )
    assert (
        moves.due_to_borders.estimate < 0.1 and f"{moves.changed.estimate:.0%}" in moves.reading()
    )


def test_what_a_short_source_cannot_support_is_said_in_one_line(tables) -> None:
    for make in (segmentation.quarter, Churn().evaluate):
        refused = segmentation.attempt(make, tables, as_of="2017-02-01")
        assert not refused and "days of orders" in refused.reading() and len(refused.table()) == 1
    with pytest.raises(ZeroDivisionError):
        segmentation.attempt(lambda: 1 / 0)
    assert "not shown" in segmentation.attempt_table(
        segmentation.tastes, pz.load("cdnow"), None, as_of="1998-01-01"
    )


def test_a_taste_that_was_planted_is_found_and_no_other(journey) -> None:
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
    found = segmentation.tastes(log, labels, as_of="2024-01-01")
    first = found[found.segment == "a"].iloc[0]
    assert first.product_group == "group 3" and first.ratio_low > 1.3
    assert found[(found.segment == "b") & (found.product_group == "group 3")].ratio_high.iloc[0] < 1
    shuffled = labels.assign(segment=rng.permutation(labels.segment))
    assert len(segmentation.tastes(log, shuffled, as_of="2024-01-01")) <= 1


def test_an_attribute_that_was_planted_is_found_and_small_groups_are_not_shown() -> None:
    people = pd.DataFrame(
        {"customer_id": range(300), "town": ["Gent"] * 150 + ["Lier"] * 145 + ["Mol"] * 5}
    )
    orders = pd.DataFrame({"customer_id": range(300), "order_id": range(300), "product_id": 1, "quantity": 1,
                           "time": pd.Timestamp("2024-01-01"), "amount": 1.0})  # fmt: skip
    labels = pd.DataFrame({"customer_id": range(300), "segment": ["a"] * 130 + ["b"] * 170})
    found = segmentation.attributes(pz.load({"orders": orders, "customers": people}), labels)
    assert found[found.segment == "a"].value.tolist() == ["Gent"]
    assert set(found.value) == {"Gent", "Lier"} and (found.known >= 130).all()


def test_the_glossary_knows_every_column_that_is_exported(journey, assigned) -> None:
    for table in (
        actions(assigned, journey, by="cluster"),
        overview(assigned, journey).drop(columns="spend"),
        assigned,
    ):
        assert list(segmentation.about(table)) == list(table.columns)
    shown = segmentation.layout(overview(assigned, journey), "USD")
    assert shown["units"]["monetary"] == "USD" and shown["units"]["spend_share"] == "%"


def test_differences_put_what_is_bought_and_who_they_are_in_one_table(tables, assigned) -> None:
    found = segmentation.differences(tables, assigned, as_of="2017-11-05", by="cluster")
    bought = segmentation.tastes(tables, assigned, as_of="2017-11-05", by="cluster")
    known = segmentation.attributes(tables, assigned, by="cluster")
    assert len(found) == len(bought) + len(known) > 5 and found.customers.min() >= 10
    assert set(found.value[found.what == "spend on"]) == set(bought.product_group)
    assert found.cluster.is_monotonic_increasing
    with pytest.raises(TableError, match="no products.*no table 'customers'"):
        segmentation.differences(pz.load("cdnow"), None, as_of="1998-01-01")
