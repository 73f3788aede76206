"""Signs worked out by hand, nothing learned from the future, what the probability means."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

import personalize as pz
from personalize.recommenders import History, PersonalFrequency, Reorder, Trial
from personalize.recommenders.reorder import Signs
from personalize.tables import TableError
from tests.recommenders.shops import shop


def test_the_signs_of_a_pair_by_hand():
    rows = [(1, 5, 1), (1, 5, 8), (1, 5, 20), (1, 6, 20), (1, 7, 25), (2, 5, 31), (3, 9, 31)]
    history = History.load(shop(rows), as_of="2024-01-31")
    signs = Signs(history).table(np.array([0, 0, 2]), np.array([0, 3, 0])).to_dict("records")
    bought = signs[0]
    assert {name: bought[name] for name in ("orders", "first", "last", "gap", "latest_gap")} == {
        "orders": 3,
        "first": 30,
        "last": 11,
        "gap": 9.5,
        "latest_gap": 12,
    }
    assert bought["overdue"] == pytest.approx(11 / 9.5)
    assert bought["half_3"] == pytest.approx(sum(0.5 ** (age / 21) for age in (30, 23, 11)))
    assert (bought["trips_since_first"], bought["trips_since_last"], bought["trips"]) == (4, 2, 4)
    assert bought["trip_share"] == pytest.approx(3.5 / 9)
    assert (bought["lately"], bought["quiet"]) == (pytest.approx(2 / 3), 0)
    never = signs[2]
    assert (never["orders"], never["last"], never["gap"], never["trip_share"]) == (0, 999, 0, 0)
    assert (signs[1]["orders"], signs[1]["quiet"]) == (0, 0)


def test_returns_are_the_share_who_came_back_pulled_to_a_fifth():
    early = pd.Timestamp("2024-01-01")
    rows = [(c, 5, early) for c in range(8)] + [
        (c, 5, early + pd.Timedelta(days=90)) for c in range(6)
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "time"])
    tables = pz.load({"orders": frame.assign(order_id=range(len(frame)), quantity=1, amount=1.0)})
    signs = Signs(History.load(tables, as_of="2024-03-31")).table(np.array([0]), np.array([0]))
    assert signs.returns[0] == pytest.approx((6 + 2) / (8 + 10))


def test_the_score_is_a_probability_that_is_right_on_average(tables):
    model = Reorder(weeks=3).fit(tables, as_of="2024-03-10")
    lists = model.recommend(k=5)
    assert lists.score.between(0, 1).all()
    split = pz.evaluate.time_split(tables, cut="2024-03-10")
    later = split.test.query("recommender_truth")
    bought = (
        lists.merge(later, on=["customer_id", "product_id"], how="left", indicator=True)._merge
        == "both"
    )
    assert lists.score.mean() == pytest.approx(bought.mean(), abs=0.1)
    assert bought[lists.score > 0.8].mean() > bought[lists.score < 0.5].mean() + 0.3


def test_reorder_finds_favourites_at_least_as_well_as_frequency_in_a_loyal_shop(tables):
    board = Trial.load(pz.evaluate.time_split(tables, cut="2024-02-29"), k=3).compare(
        {"reorder": Reorder()}
    )
    assert board.row("reorder").gain_high >= 0
    assert board.row("reorder").ndcg > 0.9 * board.row("personal frequency").ndcg
    assert board.row("reorder").ndcg > 1.5 * board.row("most popular").ndcg


def test_any_classifier_with_probabilities_will_do(tables):
    trees = HistGradientBoostingClassifier(
        max_iter=10, max_leaf_nodes=4, early_stopping=False, random_state=0
    )
    lists = (
        Reorder(classifier=trees, first=PersonalFrequency())
        .fit(tables, as_of="2024-03-31")
        .recommend(k=3)
    )
    assert lists.groupby("customer_id").size().eq(3).all()
    assert not hasattr(trees, "classes_"), "the classifier that was given is not fitted itself"


def test_a_forest_that_is_not_fitted_has_no_length_and_will_do(tables):
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0)
    model = Reorder(classifier=forest, first=PersonalFrequency()).fit(tables, as_of="2024-03-31")
    assert isinstance(model.classifier_[-1], RandomForestClassifier)


def test_learning_from_some_customers_still_serves_all(tables):
    lists = Reorder(max_customers=20).fit(tables, as_of="2024-03-31").recommend(k=3)
    assert lists.customer_id.nunique() == 60


def test_days_that_cannot_teach_are_refused_with_what_is_missing():
    with pytest.raises(TableError, match="1 days are too few, 3 are needed"):
        Reorder().fit(shop([(1, 5, 1), (2, 5, 1)]), as_of="2024-01-01")
    with pytest.raises(TableError, match=r"of 2 likely purchases in the last 10 days 0 came"):
        Reorder().fit(shop([(1, 5, 1), (2, 5, 1), (3, 6, 31)]), as_of="2024-01-31")
    with pytest.raises(TableError, match="weeks = 0 .* shortlist = 1"):
        Reorder(0, 1).fit(shop([(1, 5, 1)]), as_of="2024-01-01")
