"""What segments knew about the future is measured after the fact."""

import numpy as np
import pandas as pd
import pytest

from personalize.features import outcome
from personalize.segmentation import KMeansSegments, foresight, hindsight, what_came_next
from personalize.tables import TableError, Unavailable


@pytest.fixture(scope="module")
def later(tables, november) -> pd.DataFrame:
    return outcome(tables, november.customer_id, as_of="2017-11-05", days=56)


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


def test_hindsight_forms_the_segments_without_the_later_period(
    tables, november, assigned, later
) -> None:
    past = hindsight(tables, KMeansSegments(n_segments=5), as_of="2017-12-31", days=56)
    assert past.cut == pd.Timestamp("2017-11-05")
    pd.testing.assert_frame_equal(past.assigned, assigned)
    pd.testing.assert_frame_equal(past.later, later)
    assert past.groupings().grouping.tolist() == foresight(assigned, later).grouping.tolist()
    verdicts = past.groupings().set_index("grouping").loc["k-means clusters"]
    assert (verdicts.spend_verdict, verdicts.silence_verdict) == ("worse", "better")
    with pytest.raises(Unavailable, match="no segments on 2016-11-25, 56 days before"):
        hindsight(tables, KMeansSegments(n_segments=5), as_of="2017-01-20", days=56)
