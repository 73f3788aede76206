"""How well silence was foretold is said with intervals, beside recency alone, and the chances are
right.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import personalize as pz
from personalize import plots
from personalize.features import outcome
from personalize.segmentation import Churn, churn_panel, compare_auc, contest
from personalize.segmentation.churn_evaluation import judge
from personalize.tables import TableError


@pytest.fixture(scope="module")
def later(tables) -> pd.DataFrame:
    """Known on 15 October, and the 56 days after it."""
    return churn_panel(tables, as_of="2017-10-15", days=56, window_days=120)


@pytest.fixture(scope="module")
def judged(tables):
    return contest(tables, as_of="2017-12-31")


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
    chance = later.recency_days.to_numpy(float) + np.random.default_rng(0).random(len(later.silent))
    found = judge({"noisy": chance / 999}, later, rate=0.07)
    assert found.comparison.average_precision[0] == pytest.approx(
        average_precision_score(later.silent, chance)
    )
    curve = found.curves.query("model == 'noisy' and curve == 'ROC'")
    x, y, _ = roc_curve(later.silent, chance)
    assert curve.y.tolist() == pytest.approx(np.interp(curve.x, x, y).tolist(), abs=0.01)
    assert (curve.y_low <= curve.y + 1e-9).mean() > 0.9 and (
        curve.y <= curve.y_high + 1e-9
    ).mean() > 0.9
    assert (
        found.curves.query("curve == 'precision and recall'").y.iloc[-1]
        >= later.silent.mean() * 0.9
    )


def test_interval_of_average_precision_widens_with_fewer_customers(later) -> None:
    wide, narrow = (
        judge({"r": p.recency_days.to_numpy() / 999}, p, rate=0.07).table().iloc[0]
        for p in (later[::4], later)
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
    people = pd.DataFrame({"customer_id": range(4000), "recency_days": 1, "silent": silent})
    told = {"right": chance, "constant": np.full(4000, 0.3)}
    found = judge(told, people, rate=0.3)
    rows = found.calibration.query("model == 'right'")
    assert (rows.predicted.between(rows.observed_low, rows.observed_high)).mean() >= 0.8
    skill = found.comparison.set_index("model").skill
    assert skill["right"] > 0.1 and skill["constant"] == pytest.approx(0)


def test_any_classifier_and_own_facts_are_judged_beside_the_named_ones(tables) -> None:
    forest = Churn(RandomForestClassifier(min_samples_leaf=20, random_state=0))
    wider = Churn(
        RandomForestClassifier(min_samples_leaf=20, random_state=0),
        features=pz.features.window_spend,
    )
    margins = Churn(make_pipeline(StandardScaler(), SVC()))
    found = contest(tables, [Churn(), forest, wider, margins], as_of="2017-12-31").table()
    names = ["logistic", "RandomForestClassifier", "RandomForestClassifier 3", "SVC"]
    assert found.model.tolist() == [*names, "recency alone"]
    assert found.auc[1:3].min() > 0.82 and found.skill[:4].gt(0).all()
    fitted = wider.fit(tables)
    assert fitted.features_[-1] == "orders_26w" and len(fitted.table()) == 9
    assert fitted.predict(tables, as_of=tables.end).churn.between(0, 1).all()
    with pytest.raises(TableError, match="cannot be written as SQL"):
        fitted.sql("customers")


def test_models_of_different_periods_are_not_compared(tables) -> None:
    with pytest.raises(TableError, match="one period"):
        contest(tables, [Churn(days=28), Churn(days=56)], as_of="2017-12-31")


def test_a_contest_of_other_lengths_uses_them(tables) -> None:
    found = contest(tables, [Churn(days=28, window_days=90)], as_of="2017-12-31")
    assert len(found.comparison) == 2
    silent = outcome(
        tables,
        pz.features.rfm(tables, as_of="2017-12-03", window_days=90).customer_id,
        as_of="2017-12-03",
        days=28,
    ).next_orders.eq(0)
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
    assert plots.png(ax) == plots.png(
        plots.agreement(
            judged.calibration, **columns, by="model", xlabel="predicted chance", fmt="{:.0%}"
        )
    )


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


def test_churn_report_ranks_and_calibrates(tables) -> None:
    report = contest(tables, [Churn()], as_of="2017-12-31")
    assert report.calibration.observed.iloc[-1] < 0.02
    assert report.table().model.tolist()[1] == "recency alone"
