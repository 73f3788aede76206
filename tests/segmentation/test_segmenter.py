"""One file holds every rule; what it places in Python, in SQL, and after reading it back is the
same.
"""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.engine import DuckDB
from personalize.segmentation import (
    RFM,
    TOO_NEW,
    Cuts,
    KMeansSegments,
    RuleCard,
    Segmenter,
    members,
    newcomers,
    segment_map,
)
from personalize.tables import Absent, TableError


@pytest.fixture(scope="module")
def fitted(journey) -> Segmenter:
    return Segmenter(5).fit(journey, as_of="2017-12-31")


def test_a_file_places_every_customer_as_the_fitted_object_does(journey, fitted, tmp_path) -> None:
    again = Segmenter.load(fitted.save(tmp_path / "rules.json"))
    pd.testing.assert_frame_equal(again.assign(journey), fitted.assign(journey))
    assert again.get_params()["n_segments"] == 5 and again.rfm_.cuts_ == fitted.rfm_.cuts_
    assert (
        again.save(tmp_path / "again.json").read_bytes() == (tmp_path / "rules.json").read_bytes()
    )


def test_own_names_travel_with_the_file(journey, tmp_path) -> None:
    own = segment_map().assign(segment=lambda t: t.segment.str.upper())
    path = Segmenter(3, names=own, new_days=7).fit(journey).save(tmp_path / "rules.json")
    again = Segmenter.load(path)
    assert again.new_days == 7 and "CHAMPIONS" in set(again.assign(journey).segment)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda found: found.update(version=99), "version 99"),
        (lambda found: found.update(kind="rfm_cuts"), "not 'segmenter'"),
        (lambda found: found.pop("clusters"), r"lacks \['clusters'\]"),
        (lambda found: found["clusters"].pop("mean"), r"kmeans_segments part lacks \['mean'\]"),
        (lambda found: found.update(cuts=[]), "rfm_cuts part lacks"),
        (lambda found: found["names"]["recency_low"].__setitem__(0, 5), "has no segment"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(fitted, tmp_path, edit, message) -> None:
    path = fitted.save(tmp_path / "rules.json")
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found))
    with pytest.raises(TableError, match=message):
        Segmenter.load(path)


def test_customers_are_too_new_until_their_first_purchase_is_old_enough(journey, fitted) -> None:
    tenure = journey[["customer_id"]].assign(tenure_days=np.arange(len(journey)))
    state = fitted.assign(journey, tenure).state
    assert (state.iloc[:28] == TOO_NEW).all() and (state.iloc[28:] == "settled").all()
    assert (fitted.assign(journey).state == "settled").all()
    with pytest.raises(TableError, match="2,459 of 2,469 customers have no tenure"):
        fitted.assign(journey, tenure.head(10))


def test_tenure_counts_from_the_first_purchase_ever(journey) -> None:
    tables = pz.load("complete_journey")
    found = pz.features.tenure(tables, as_of="2017-12-31")
    assert found.customer_id.tolist() == journey.customer_id.tolist()
    assert (found.tenure_days.to_numpy() >= journey.recency_days.to_numpy()).all()
    once = journey.frequency.to_numpy() == 1
    assert (
        once.any() and (found.tenure_days.to_numpy() == journey.recency_days.to_numpy())[once].all()
    )
    earlier = pz.features.tenure(tables, as_of="2017-10-01").merge(found, on="customer_id")
    assert (earlier.tenure_days_y - earlier.tenure_days_x == 91).all()


def test_segments_scores_and_clusters_in_the_engine_equal_those_in_python(journey, fitted) -> None:
    engine = DuckDB()
    found = engine.frame(
        fitted.sql(engine.register("customers", journey)) + " order by s.customer_id"
    )
    pd.testing.assert_frame_equal(
        found, fitted.assign(journey).drop(columns="state"), check_dtype=False
    )


def test_a_rule_card_in_the_engine_equals_the_tree(journey, fitted) -> None:
    engine, label = DuckDB(), fitted.clusters_.labels_
    card = RuleCard().fit(journey, label)
    found = engine.frame(card.sql(engine.register("customers", journey)) + " order by customer_id")
    assert (
        found.cluster.tolist()
        == card.tree_.predict(journey[card.features_].to_numpy(float)).tolist()
    )


values = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 30), st.integers(-500, 9000)),
    min_size=6,
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(values, st.booleans())
def test_any_table_is_scored_alike_in_the_engine(rows, log) -> None:
    table = pd.DataFrame(rows, columns=["recency_days", "frequency", "monetary"]).astype(
        {"monetary": float}
    )
    table.insert(0, "customer_id", range(len(table)))
    k, engine = min(3, len(table.drop(columns="customer_id").drop_duplicates())), DuckDB()
    relation = engine.register("customers", table)
    model, named = KMeansSegments(k, log=log).fit(table), RFM().fit(table)
    clusters = engine.frame(model.sql(relation) + " order by customer_id").cluster
    assert clusters.tolist() == model.assign(table).cluster.tolist()
    found = engine.frame(named.sql(relation) + " order by customer_id")
    pd.testing.assert_frame_equal(found, named.assign(table), check_dtype=False)


def test_a_customer_who_lacks_a_number_has_no_cluster_in_the_engine(journey, fitted) -> None:
    engine, gap = DuckDB(), journey.head(2).assign(monetary=[np.nan, 5.0]).astype(object)
    gap.loc[0, "monetary"] = None
    found = engine.frame(
        fitted.clusters_.sql(engine.register("gap", gap.convert_dtypes())) + " order by customer_id"
    )
    assert found.cluster.isna().tolist() == [True, False]


def test_names_with_quotes_and_odd_feature_names_stay_text() -> None:
    table = pd.DataFrame({"customer_id": range(4), "spend `x`; --": [1.0, 2, 90, 80]})
    engine, model = DuckDB(), KMeansSegments(2).fit(table)
    found = engine.frame(model.sql(engine.register("odd", table)) + " order by customer_id")
    assert found.cluster.tolist() == [2, 2, 1, 1]
    own = segment_map().assign(segment=lambda t: t.segment + "'s")
    cuts = Cuts((1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0), n_customers=5)
    one = pd.DataFrame(
        {"customer_id": [1], "recency_days": [0], "frequency": [9], "monetary": [9.0]}
    )
    assert (
        engine.frame(RFM(cuts=cuts, names=own).sql(engine.register("one", one))).segment[0]
        == "Champions's"
    )


def test_nothing_is_placed_before_fitting() -> None:
    for call in (
        lambda: Segmenter().assign(None),
        lambda: Segmenter().sql("t"),
        lambda: KMeansSegments().sql("t"),
        lambda: RFM().sql("t"),
        lambda: RuleCard().sql("t"),
    ):
        with pytest.raises(TableError, match="not fitted yet"):
            call()


def test_a_small_number_of_newcomers_is_not_given() -> None:
    few = pd.DataFrame({"state": ["settled"] * 95 + [TOO_NEW] * 5})
    assert (
        newcomers(few) == "fewer than 10 are too new"
        and newcomers(few.head(90)) == "no customer is too new"
    )
    assert newcomers(few, min_cell=5) == "5 customers (5.0%) are too new"


def test_the_list_of_members_holds_chances_where_there_are_any(journey, fitted) -> None:
    placed = fitted.assign(journey)
    chances = journey[["customer_id"]].head(9).assign(churn=0.5, at_risk=2.0)
    found = members(placed, chances, as_of="2017-12-31")
    assert len(found) == len(journey) and found.churn.notna().sum() == 9
    without = members(placed, Absent("needs more days"), as_of="2017-12-31")
    assert list(without) == list(found)[:-2] and (without.as_of == "2017-12-31").all()
