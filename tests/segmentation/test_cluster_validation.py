"""The number of clusters is chosen by stability, and other methods are set beside k-means."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

import personalize as pz
from personalize.segmentation import KMeansSegments, choose_n_segments, compare_methods
from personalize.segmentation.cluster_validation import _pick
from personalize.segmentation.kmeans import standardised
from personalize.tables import TableError, Unavailable


@pytest.fixture(scope="module")
def choice(journey):
    return choose_n_segments(journey, range(3, 7), n_boot=30)


# anchors: silhouette, lowest Jaccard, ARI of 30 samples, by number of segments
STABLE_ROWS = {2: (0.444, 0.98, 0.98), 3: (0.354, 0.96, 0.96), 5: (0.329, 0.91, 0.92)}
LOG_SILHOUETTES = dict(
    zip(range(2, 11), [0.444, 0.354, 0.325, 0.329, 0.3, 0.295, 0.276, 0.267, 0.265], strict=True)
)
RAW_SILHOUETTES = dict(
    zip(range(2, 11), [0.506, 0.563, 0.47, 0.383, 0.423, 0.404, 0.399, 0.403, 0.39], strict=True)
)


def test_the_rule_picks_the_planted_number(planted) -> None:
    found = choose_n_segments(planted.drop(columns="kind"), range(2, 6), n_boot=15)
    assert found.n_segments == 3 and found.reason.startswith("3 groups lie clearly apart")


def test_complete_journey_has_the_measured_silhouettes_and_five_stable_segments(choice) -> None:
    rows = choice.table().set_index("n_segments")
    assert rows.silhouette.tolist() == pytest.approx([0.354, 0.325, 0.329, 0.300], abs=0.003)
    assert rows.loc[5, "jaccard"] == pytest.approx(0.91, abs=0.04)
    assert rows.loc[5, "ari"] == pytest.approx(0.92, abs=0.05)
    assert choice.n_segments == 5 and "useful slices" in choice.reason


@pytest.mark.parametrize(("log", "published"), [(True, LOG_SILHOUETTES), (False, RAW_SILHOUETTES)])
def test_silhouettes_of_complete_journey_are_the_measured_ones(journey, log, published) -> None:
    z = standardised(journey.sort_values("customer_id"), log=log)
    for k, value in published.items():
        labels = KMeansSegments(k, log=log).fit(journey.sort_values("customer_id")).labels_
        assert silhouette_score(z, labels) == pytest.approx(value, abs=0.03)


def test_stability_is_the_measured_one_where_it_can_be_measured(journey) -> None:
    rows = choose_n_segments(journey, STABLE_ROWS, n_boot=100, seed=2).table()
    published = np.array(list(STABLE_ROWS.values()))
    assert np.abs(rows[["silhouette", "jaccard", "ari"]].to_numpy() - published).max() <= 0.04
    assert np.abs(rows[["silhouette", "jaccard"]].to_numpy() - published[:, :2]).max() <= 0.03


def test_raw_spend_cuts_off_outliers_and_the_rule_says_so(journey) -> None:
    rows = choose_n_segments(journey, [3], log=False, n_boot=10).table()
    assert rows.silhouette[0] == pytest.approx(0.563, abs=0.001)
    assert "outliers" in rows.verdict[0]


@pytest.mark.parametrize("seed", [None, 4])
def test_the_segments_planted_in_the_simulated_shop_are_recovered_in_number_and_kind(seed) -> None:
    made = pz.simulate.shop() if seed is None else pz.simulate.shop(seed=seed)
    tables = pz.load("simulated_shop") if seed is None else pz.load(made.tables)
    rfm = pz.features.rfm(tables, as_of=tables.end)
    assert choose_n_segments(rfm, n_boot=15).n_segments == 5
    truth = rfm.merge(made.truth["customers"], on="customer_id").segment
    assert len(truth) == len(rfm)
    assert adjusted_rand_score(truth, KMeansSegments(n_segments=5).fit(rfm).labels_) >= 0.9


def test_a_number_that_is_just_stable_does_not_beat_one_that_is_very_stable() -> None:
    rows = pd.DataFrame(
        {
            "n_segments": [4, 5, 8],
            "jaccard": [0.95, 0.9, 0.8],
            "jaccard_low": [0.93, 0.88, 0.77],
            "silhouette": 0.4,
            "verdict": "passes",
        }
    )
    picked, reason = _pick(rows)
    assert picked == 5 and "8: less stable" in reason
    assert _pick(rows.assign(jaccard=[0.84, 0.83, 0.8]))[0] == 8


def test_when_nothing_is_stable_the_reason_says_so() -> None:
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.uniform(0, 1, (200, 6)), columns=list("abcdef")).assign(
        customer_id=range(200)
    )
    found = choose_n_segments(noise, [6, 7, 8], log=False, n_boot=10)
    assert found.reason.startswith("no number of segments passes")


def test_choice_is_the_same_for_any_row_order(planted) -> None:
    table = planted.drop(columns="kind")
    one, two = (choose_n_segments(t, [2, 3], n_boot=10).table() for t in (table, table.iloc[::-1]))
    pd.testing.assert_frame_equal(one, two)


def test_one_customer_cannot_be_split() -> None:
    one = pd.DataFrame(
        {"customer_id": [1], "recency_days": [3], "frequency": [1], "monetary": [5.0]}
    )
    with pytest.raises(TableError, match="cannot be split"):
        choose_n_segments(one)


def test_methods_agree_on_groups_that_lie_apart_and_less_on_complete_journey() -> None:
    rng = np.random.default_rng(2)
    far = pd.DataFrame(
        np.repeat([[1, 1], [9, 1], [5, 9]], 60, axis=0) + rng.normal(0, 0.3, (180, 2)),
        columns=["a", "b"],
    )
    far = far.assign(customer_id=range(180))
    rows = compare_methods(far, KMeansSegments(3, log=False).fit(far))
    assert rows.agreement.min() == 1 and rows.jaccard.min() == 1 and rows.silhouette.min() > 0.8
    assert rows.assigns.tolist() == [True, True, False]
    journey = pz.features.rfm(pz.load("complete_journey"), as_of="2017-12-31")
    rows = compare_methods(journey, KMeansSegments(5).fit(journey)).set_index("method")
    assert rows.agreement["k-means"] > 0.7 > rows.agreement["hierarchy (Ward)"] > 0.2
    assert rows.jaccard.idxmax() == "k-means"


def test_a_handful_of_customers_is_not_compared(planted) -> None:
    few = planted[["customer_id", "monetary"]].head(15)
    with pytest.raises(Unavailable, match="too few to compare"):
        compare_methods(few, KMeansSegments(2).fit(few))
