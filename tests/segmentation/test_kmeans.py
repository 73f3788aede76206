"""Clusters do not depend on threads or row order, are numbered by spend, and can be saved."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from personalize.segmentation import KMeansSegments
from personalize.segmentation.kmeans import standardised
from personalize.tables import TableError


def test_complete_journey_gives_the_measured_five_segments(journey) -> None:
    model = KMeansSegments(n_segments=5).fit(journey)
    sizes = pd.Series(model.labels_).value_counts()
    assert sorted(sizes, reverse=True) == pytest.approx([686, 582, 572, 438, 191], abs=25)
    assert model.inertia_ <= 1663.4438  # of those sizes, found by a search that stopped earlier
    spend = journey.monetary.groupby(model.labels_).mean()
    assert spend.is_monotonic_decreasing and list(spend.index) == [1, 2, 3, 4, 5]


def test_another_seed_finds_the_same_clusters(journey) -> None:
    labels = [KMeansSegments(n_segments=5, seed=seed).fit(journey).labels_ for seed in range(5)]
    assert min((labels[0] == other).mean() for other in labels) > 0.995


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_labels_do_not_depend_on_threads_or_row_order(journey, threads) -> None:
    with threadpool_limits(limits=threads):
        mixed = journey.sample(frac=1, random_state=threads)
        labels = KMeansSegments(n_segments=5, seed=3).fit(mixed).assign(journey).cluster
    assert (labels == KMeansSegments(n_segments=5, seed=3).fit(journey).labels_).all()


def test_clusters_recover_planted_groups_in_order_of_spend(planted) -> None:
    model = KMeansSegments(n_segments=3).fit(planted.drop(columns="kind"))
    assert (model.labels_ == planted.kind + 1).all()


def test_inertia_is_no_worse_than_scikit_learns(journey) -> None:
    model, z = KMeansSegments(n_segments=5), standardised(journey)
    assert z.mean(axis=0) == pytest.approx(0, abs=1e-9) and z.std(axis=0) == pytest.approx(1)
    peer = KMeans(5, n_init=10, random_state=1).fit(z)
    assert model.fit(journey).inertia_ <= peer.inertia_ + 1e-6


def test_a_large_table_starts_from_a_sample_and_ends_in_the_same_groups(planted) -> None:
    many = pd.concat([planted] * 80, ignore_index=True).assign(customer_id=lambda t: range(len(t)))
    model = KMeansSegments(n_segments=3).fit(many.drop(columns="kind"))
    assert (model.labels_ == many.kind + 1).all()


def test_a_saved_model_assigns_as_the_fitted_one_does(journey, tmp_path) -> None:
    model = KMeansSegments(n_segments=4, seed=2).fit(journey)
    again = KMeansSegments.load(model.save(tmp_path / "segments.json"))
    pd.testing.assert_frame_equal(again.assign(journey), model.assign(journey))
    pd.testing.assert_frame_equal(again.table(), model.table())
    new = pd.DataFrame(
        {"customer_id": ["new"], "recency_days": [1], "frequency": [99], "monetary": [4000.0]}
    )
    assert again.assign(new).cluster.tolist() == [1]


def test_centres_are_shown_in_the_units_of_the_features(planted) -> None:
    table = KMeansSegments(n_segments=3).fit(planted.drop(columns="kind")).table()
    assert table.monetary.tolist() == pytest.approx([2000, 300, 20], rel=0.1)
    assert table.recency_days.tolist() == pytest.approx([3, 30, 200], rel=0.1)


def test_a_constant_feature_is_named_and_weighs_nothing(planted) -> None:
    table = planted.drop(columns="kind")
    with_constant = KMeansSegments(n_segments=3).fit(table.assign(age=40))
    assert with_constant.constant_ == ["age"]
    assert (with_constant.labels_ == KMeansSegments(n_segments=3).fit(table).labels_).all()


def test_values_below_zero_keep_their_sign() -> None:
    table = pd.DataFrame({"customer_id": range(6), "monetary": [-900.0, -800, -850, 900, 800, 850]})
    assert KMeansSegments(n_segments=2).fit(table).labels_.tolist() == [2, 2, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.head(1), r"n_segments = 3 cannot be found in 1 customer"),
        (lambda t: t.assign(recency_days=1, frequency=1, monetary=1.0), "of whom 1 differ"),
        (lambda t: t.assign(age=np.nan), r"missing or infinite in age: 300 of 300"),
        (lambda t: t.assign(town="Gent"), r"not numeric: \['town'\]"),
        (lambda t: t[["customer_id"]], "customer_id and numeric features"),
        (lambda t: t.assign(customer_id=1), "one row a customer"),
        (lambda t: "a table", "not a str"),
    ],
)
def test_tables_that_cannot_be_clustered_are_refused_in_words(planted, change, message) -> None:
    with pytest.raises(TableError, match=message):
        KMeansSegments(n_segments=3).fit(change(planted.drop(columns="kind")))


def test_assignment_needs_a_fitted_model_and_its_features(planted) -> None:
    table = planted.drop(columns="kind")
    with pytest.raises(TableError, match="not fitted yet"):
        KMeansSegments().assign(table)
    with pytest.raises(TableError, match=r"lacks \['monetary'\]"):
        KMeansSegments(n_segments=3).fit(table).assign(table.drop(columns="monetary"))


def test_another_month_with_frozen_rules_gives_the_same_labels_to_the_same_behaviour(
    journey,
) -> None:
    model = KMeansSegments(5).fit(journey)
    assert (model.assign(journey.tail(7)).cluster.to_numpy() == model.labels_[-7:]).all()
