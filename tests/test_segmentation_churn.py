"""Silence is foretold by three models without a look ahead, beside recency alone, with chances that are right."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import personalize as pz
from personalize import plots
from personalize.engine import DuckDB
from personalize.segmentation import Churn, compare_auc, contest, information_gain, outcome
from personalize.segmentation.contest import report
from personalize.segmentation.panel import Panel, panel
from personalize.tables import TableError

METRICS = ["recency_days", "frequency", "monetary"]


@pytest.fixture(scope="module")
def tables() -> pz.tables.Tables:
    return pz.load("complete_journey")


@pytest.fixture(scope="module")
def seen(tables) -> Panel:
    """Known on 15 June, and the 56 days after it."""
    return panel(tables, as_of="2017-06-15", days=56, window_days=120)


@pytest.fixture(scope="module")
def later(tables) -> Panel:
    """Known on 15 October, and the 56 days after it."""
    return panel(tables, as_of="2017-10-15", days=56, window_days=120)


@pytest.fixture(scope="module")
def judged(tables):
    return contest(tables, as_of="2017-12-31")


def test_three_models_of_the_same_facts_beat_recency_alone_in_a_later_period(seen, later) -> None:
    scores = {
        kind: Churn(kind).learn(seen).chance(later.table) for kind in ("logistic", "svm", "tree")
    }
    found = compare_auc(
        later.silent, {**scores, "recency": later.table.recency_days}, baseline="recency"
    )
    auc = found.set_index("model").auc
    assert auc["recency"] == pytest.approx(0.829, abs=0.0005)
    assert auc["logistic"] >= 0.862 and auc["tree"] >= 0.863 and auc["svm"] >= 0.862
    assert (found.gain_low[:3] > 0).all() and (found.auc_low[:3] > 0.83).all()
    brier = {kind: brier_score_loss(later.silent, chance) for kind, chance in scores.items()}
    assert brier["logistic"] == pytest.approx(0.0567, abs=0.0005) and max(brier.values()) < 0.06


def test_depth_of_the_tree_is_what_cross_validation_picks_on_the_period_it_learns_from(
    seen,
) -> None:
    x = seen.table[METRICS].to_numpy(float)
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
    assert max(score, key=score.get) == 4 == Churn("tree").learn(seen).tree_.max_depth


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
    pd.testing.assert_frame_equal(seen.table, features)
    after = tables.between("2017-06-15", "2017-08-10").orders.to_pandas(["customer_id", "time"])
    assert after.time.min() >= pd.Timestamp("2017-06-16") and after.time.max() < pd.Timestamp(
        "2017-08-11"
    )
    bought = after.customer_id.unique()
    assert (
        seen.table.customer_id.isin(bought).to_numpy() == ~seen.silent
    ).mean() > 0.999  # returns are no purchase


@pytest.mark.parametrize("kind", ["logistic", "svm", "tree"])
def test_chances_in_the_engine_equal_those_in_python(seen, later, kind) -> None:
    model, engine = Churn(kind).learn(seen), DuckDB()
    found = engine.frame(
        model.sql(engine.register("customers", later.table)) + " order by customer_id"
    )
    assert found.customer_id.tolist() == later.table.customer_id.tolist()
    assert found.churn.to_numpy() == pytest.approx(model.chance(later.table), rel=1e-12)


def test_the_calibrated_machine_ranks_as_the_machine_itself_does(seen, later) -> None:
    model = Churn("svm").learn(seen)
    x, new = (np.log1p(t[METRICS].to_numpy(float)) for t in (seen.table, later.table))
    z, new = ((values - x.mean(axis=0)) / x.std(axis=0) for values in (x, new))
    margin = (
        LinearSVC(C=1.0, dual=False, tol=1e-8, max_iter=10_000)
        .fit(z, seen.silent)
        .decision_function(new)
    )
    assert (
        np.argsort(margin) == np.argsort(model.chance(later.table), kind="stable")
    ).mean() > 0.99
    assert model.chance(later.table).mean() == pytest.approx(seen.silent.mean(), abs=0.02)


def test_rules_of_the_tree_hold_for_their_customers_and_shares_are_the_chances(seen) -> None:
    model = Churn("tree").learn(seen)
    rules, chance = model.table(), model.chance(seen.table)
    assert rules.customers.sum() == len(seen.table) and rules.customers.min() >= 0.05 * len(
        seen.table
    )
    assert sorted(set(chance.round(12))) == sorted(set(rules.silent.round(12)))
    inside = seen.table.eval(rules.rule[0].replace(",", ""))
    assert seen.silent[inside].mean() == pytest.approx(rules.silent[0], abs=0.01)
    assert (rules.silent_low <= rules.silent).all() and (rules.silent <= rules.silent_high).all()


def test_information_gain_is_that_of_quinlans_weather() -> None:
    """Quinlan (1986), table 1: humidity gains .151 bits of .940, and windy .048."""
    humid = [1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1]
    windy = [0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1]
    play = np.array([0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0])
    found = information_gain(
        pd.DataFrame({"customer_id": range(14), "windy": windy, "humid": humid}), play
    )
    assert found.feature.tolist() == ["humid", "windy"]
    assert found.gain.tolist() == pytest.approx([0.151, 0.048], abs=0.001)
    assert found.entropy.tolist() == pytest.approx([0.940] * 2, abs=0.001)


def test_report_compares_all_models_on_the_same_customers_with_intervals(judged) -> None:
    rows = judged.table().set_index("model")
    assert list(rows.index) == ["logistic", "linear SVM", "entropy tree", "recency alone"]
    assert rows.auc.between(rows.auc_low, rows.auc_high).all()
    assert rows.average_precision.between(
        rows.average_precision_low, rows.average_precision_high
    ).all()
    assert rows.skill_low[:3].gt(0).all() and np.isnan(rows.skill["recency alone"])
    assert judged.verdict == "better than recency alone"
    assert f"{rows.auc['logistic']:.3f}" in judged.reading() and "entropy tree" in judged.reading()


def test_curves_and_average_precision_are_scikit_learns(later) -> None:
    chance = later.table.recency_days.to_numpy(float) + np.random.default_rng(0).random(
        len(later.silent)
    )
    found = report({"noisy": chance / 999}, later, rate=0.07)
    assert found.comparison.average_precision[0] == pytest.approx(
        average_precision_score(later.silent, chance)
    )
    curve = found.curves.query("model == 'noisy' and curve == 'ROC'")
    x, y, _ = roc_curve(later.silent, chance)
    assert curve.y.tolist() == pytest.approx(np.interp(curve.x, x, y).tolist(), abs=0.01)
    assert (curve.low <= curve.y + 1e-9).mean() > 0.9 and (
        curve.y <= curve.high + 1e-9
    ).mean() > 0.9
    assert (
        found.curves.query("curve == 'precision and recall'").y.iloc[-1]
        >= later.silent.mean() * 0.9
    )


def test_interval_of_average_precision_widens_with_fewer_customers(later) -> None:
    few = np.arange(len(later.silent)) % 4 == 0
    part = Panel(later.table[few], later.silent[few], later.as_of)
    wide, narrow = (
        report({"r": p.table.recency_days.to_numpy(float) / 999}, p, rate=0.07).comparison.iloc[0]
        for p in (part, later)
    )
    assert wide.average_precision_high - wide.average_precision_low > 1.5 * (
        narrow.average_precision_high - narrow.average_precision_low
    )


def test_tenths_add_up_and_their_lift_falls(judged) -> None:
    for _, rows in judged.calibration.groupby("model"):
        assert rows.customers.sum() == judged.n_customers
        assert (rows.customers * rows.observed).sum() == pytest.approx(
            judged.n_customers * judged.rate
        )
        assert rows.lift.iloc[0] > 3 and rows.lift.iloc[-1] < 0.2
        assert (rows.lift_low <= rows.lift).all() and (rows.lift <= rows.lift_high).all()


def test_a_chance_that_is_right_is_calibrated_and_the_constant_has_no_skill() -> None:
    rng = np.random.default_rng(3)
    chance = rng.uniform(0.01, 0.6, 4000)
    silent = rng.random(4000) < chance
    people = Panel(
        pd.DataFrame({"customer_id": range(4000), "recency_days": 1}),
        silent,
        pd.Timestamp("2024-01-01"),
    )
    found = report({"right": chance, "constant": np.full(4000, 0.3)}, people, rate=0.3)
    rows = found.calibration.query("model == 'right'")
    assert (rows.predicted.between(rows.observed_low, rows.observed_high)).mean() >= 0.8
    skill = found.comparison.set_index("model").skill
    assert skill["right"] > 0.1 and skill["constant"] == pytest.approx(0)


def test_models_do_not_depend_on_the_order_of_rows(seen, later) -> None:
    mixed = np.random.default_rng(0).permutation(len(seen.silent))
    shuffled = Panel(seen.table.iloc[mixed], seen.silent[mixed], seen.as_of)
    for kind in ("logistic", "svm", "tree"):
        one, two = (Churn(kind).learn(p).chance(later.table) for p in (seen, shuffled))
        assert (one == two).all(), kind


def test_an_unknown_model_is_refused(seen) -> None:
    with pytest.raises(TableError, match="no model 'forest'"):
        Churn("forest").learn(seen)


def test_a_contest_of_other_lengths_uses_them(tables) -> None:
    found = contest(tables, [Churn(days=28, window_days=90)], as_of="2017-12-31")
    assert found.as_of == pd.Timestamp("2017-12-03") and len(found.comparison) == 2
    silent = outcome(tables, pz.features.rfm(tables, as_of="2017-12-03", window_days=90).customer_id,
                     as_of="2017-12-03", days=28).next_orders.eq(0)  # fmt: skip
    assert found.rate == pytest.approx(silent.mean())


def test_the_calibration_plot_draws_every_point_its_interval_and_the_diagonal(judged) -> None:
    columns = {"x": "predicted", "y": "observed", "low": "observed_low", "high": "observed_high"}
    ax = plots.agreement(
        judged.calibration, **columns, by="model", xlabel="predicted chance", fmt="{:.0%}"
    )
    points = np.vstack(
        [part.get_offsets() for part in ax.collections if len(part.get_offsets()) > 1]
    )
    assert sorted(points[:, 1]) == pytest.approx(sorted(judged.calibration.observed))
    diagonal = ax.lines[0].get_xydata()
    assert (
        diagonal[:, 0] == diagonal[:, 1]
    ).all() and diagonal.max() >= judged.calibration.observed_high.max()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "logistic",
        "linear SVM",
        "entropy tree",
    ]
    assert ax.get_xlabel() == "predicted chance"
    assert plots.png(ax) == plots.png(plots.agreement(judged.calibration, **columns, by="model",
                                                      xlabel="predicted chance", fmt="{:.0%}"))  # fmt: skip
