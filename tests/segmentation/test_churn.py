"""Silence is foretold by three models without a look ahead, beside recency alone, with chances that
are right.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import personalize as pz
from personalize.engine import DuckDB
from personalize.features import outcome
from personalize.segmentation import Churn, churn_panel, compare_auc
from personalize.tables import TableError

METRICS = ["recency_days", "frequency", "monetary"]


@pytest.fixture(scope="module")
def seen(tables) -> pd.DataFrame:
    """Known on 15 June, and the 56 days after it."""
    return churn_panel(tables, as_of="2017-06-15", days=56, window_days=120)


@pytest.fixture(scope="module")
def later(tables) -> pd.DataFrame:
    """Known on 15 October, and the 56 days after it."""
    return churn_panel(tables, as_of="2017-10-15", days=56, window_days=120)


def test_three_models_of_the_same_facts_beat_recency_alone_in_a_later_period(seen, later) -> None:
    scores = {kind: Churn(kind).learn(seen).chance(later) for kind in ("logistic", "svm", "tree")}
    found = compare_auc(later.silent, {**scores, "recency": later.recency_days}, baseline="recency")
    auc = found.set_index("model").auc
    assert auc["recency"] == pytest.approx(0.829, abs=0.0005)
    assert auc["logistic"] >= 0.862 and auc["tree"] >= 0.863 and auc["svm"] >= 0.862
    assert (found.gain_low[:3] > 0).all() and (found.auc_low[:3] > 0.83).all()
    brier = {kind: brier_score_loss(later.silent, chance) for kind, chance in scores.items()}
    assert brier["logistic"] == pytest.approx(0.0567, abs=0.0005) and max(brier.values()) < 0.06


def test_depth_of_the_tree_is_what_cross_validation_picks_on_the_period_it_learns_from(
    seen,
) -> None:
    x = seen[METRICS].to_numpy(float)
    folds = [StratifiedKFold(5, shuffle=True, random_state=seed) for seed in range(3)]
    score = {
        depth: np.mean(
            [
                cross_val_score(_tree(depth), x, seen.silent, cv=fold, scoring="roc_auc")
                for fold in folds
            ]
        )
        for depth in (2, 3, 4)
    }
    assert max(score, key=score.get) == 4 == Churn("tree").learn(seen).model_.max_depth


def _tree(depth: int) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(
        criterion="entropy", max_depth=depth, min_samples_leaf=0.05, random_state=0
    )


@pytest.mark.parametrize("kind", ["logistic", "svm", "tree"])
def test_what_happens_after_the_last_known_day_changes_nothing(tables, kind) -> None:
    short, whole = tables.until("2017-10-15"), tables
    one, two = (
        Churn(kind).fit(t, as_of="2017-10-15").predict(t, as_of="2017-10-15")
        for t in (short, whole)
    )
    pd.testing.assert_frame_equal(one, two)


def test_features_and_outcomes_of_a_panel_never_share_a_day(tables, seen) -> None:
    features = pz.features.rfm(tables.until("2017-06-15"), as_of="2017-06-15", window_days=120)
    pd.testing.assert_frame_equal(seen.drop(columns="silent"), features)
    after = tables.between("2017-06-15", "2017-08-10").orders.to_pandas(["customer_id", "time"])
    assert after.time.min() >= pd.Timestamp("2017-06-16") and after.time.max() < pd.Timestamp(
        "2017-08-11"
    )
    bought = after.customer_id.unique()
    assert (seen.customer_id.isin(bought) == ~seen.silent).mean() > 0.999  # returns are no purchase


@pytest.mark.parametrize("kind", ["logistic", "svm", "tree"])
def test_chances_in_the_engine_equal_those_in_python(seen, later, kind) -> None:
    model, engine = Churn(kind).learn(seen), DuckDB()
    found = engine.frame(model.sql(engine.register("customers", later)) + " order by customer_id")
    assert found.customer_id.tolist() == later.customer_id.tolist()
    assert found.churn.to_numpy() == pytest.approx(model.chance(later), rel=1e-12)


def test_the_calibrated_machine_ranks_as_the_machine_itself_does(seen, later) -> None:
    model = Churn("svm").learn(seen)
    x, new = (np.log1p(t[METRICS].to_numpy(float)) for t in (seen, later))
    z, new = ((values - x.mean(axis=0)) / x.std(axis=0) for values in (x, new))
    margin = (
        LinearSVC(C=1.0, dual=False, tol=1e-8, max_iter=10_000)
        .fit(z, seen.silent)
        .decision_function(new)
    )
    assert (np.argsort(margin) == np.argsort(model.chance(later), kind="stable")).mean() > 0.99
    assert model.chance(later).mean() == pytest.approx(seen.silent.mean(), abs=0.02)


def test_rules_of_the_tree_hold_for_their_customers_and_shares_are_the_chances(seen) -> None:
    model = Churn("tree").learn(seen)
    rules, chance = model.table(), model.chance(seen)
    assert rules.customers.sum() == len(seen) and rules.customers.min() >= 0.05 * len(seen)
    assert sorted(set(chance.round(12))) == sorted(set(rules.silent.round(12)))
    inside = seen.eval(rules.rule[0].replace(",", ""))
    assert seen.silent[inside].mean() == pytest.approx(rules.silent[0], abs=0.01)
    assert (rules.silent_low <= rules.silent).all() and (rules.silent <= rules.silent_high).all()


def test_models_do_not_depend_on_the_order_of_rows(seen, later) -> None:
    shuffled = seen.sample(frac=1, random_state=0)
    for kind in ("logistic", "svm", "tree"):
        one, two = (Churn(kind).learn(p).chance(later) for p in (seen, shuffled))
        assert (one == two).all(), kind


def test_an_unknown_classifier_is_refused(seen) -> None:
    for unknown in ("forest", KMeans(2)):
        with pytest.raises(TableError, match="Churn has no classifier"):
            Churn(unknown).learn(seen)


def test_own_columns_of_a_table_are_learned_from(seen, later) -> None:
    wide = seen.assign(basket=seen.monetary / seen.frequency)
    model = Churn().learn(wide)
    assert model.table().feature.tolist() == [*METRICS, "basket"]
    with pytest.raises(TableError, match=r"lacks \['basket'\]"):
        model.chance(later)


def test_own_facts_see_nothing_after_the_day_and_must_know_everybody(tables) -> None:
    ends = []

    def last_day(known, *, as_of):
        ends.append(known.end)
        return pz.features.tenure(known, as_of=as_of)

    churn_panel(tables, as_of="2017-10-15", features=last_day)
    assert ends == [pd.Timestamp("2017-10-15")]
    with pytest.raises(TableError, match="your features lack"):
        churn_panel(
            tables, as_of="2017-10-15", features=lambda t, as_of: last_day(t, as_of=as_of).head(9)
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


def test_odds_ratios_say_that_frequent_customers_stay(tables) -> None:
    rows = Churn().fit(tables, as_of="2017-12-31").table().set_index("feature")
    assert rows.odds_ratio_high["frequency"] < 1 < rows.odds_ratio_low["recency_days"]


@pytest.mark.parametrize(
    ("model", "as_of", "message"),
    [
        (
            Churn(days=300),
            "2017-12-31",
            "learned from 120 days up to 2017-03-06, of which the data have 65",
        ),
        (Churn(days=56), "2017-03-01", "the data have 4"),
        (Churn(days=0), "2017-12-31", "1 day or more"),
        (Churn(days=200, window_days=5), "2017-12-31", "cannot be learned|nothing to tell apart"),
    ],
)
def test_churn_refuses_what_it_cannot_learn(tables, model, as_of, message) -> None:
    with pytest.raises(TableError, match=message):
        model.fit(tables, as_of=as_of)


def test_churn_must_be_fitted_first(tables) -> None:
    with pytest.raises(TableError, match="not fitted yet"):
        Churn().predict(tables, as_of="2017-12-31")
