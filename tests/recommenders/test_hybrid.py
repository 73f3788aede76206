"""Blends, and the weight that earlier days choose."""

import pandas as pd
import pytest

from personalize.recommenders import (
    EASE,
    Hybrid,
    ItemKNN,
    MostPopular,
    PersonalFrequency,
    UserKNN,
    alpha_curve,
)
from tests.recommenders.shops import scores, shop


@pytest.mark.parametrize("alpha", [0, 1])
def test_hybrid_at_either_end_is_one_model_alone(alpha):
    rows = [(c, (c * p) % 11, 1 + (c + 2 * p) % 20) for c in range(1, 12) for p in range(1, 7)]
    first, second = PersonalFrequency(), ItemKNN(min_support=2)
    both = Hybrid(first, second, alpha=alpha).fit(shop(rows), as_of="2024-01-20").recommend(k=4)
    alone = (first if alpha else second).fit(shop(rows), as_of="2024-01-20").recommend(k=4)
    columns = ["customer_id", "product_id", "slate"]
    pd.testing.assert_frame_equal(both[columns], alone[columns])


def test_hybrid_score_is_the_weighted_share_of_each_models_best():
    rows = [(1, 5, 1), (1, 5, 2), (1, 6, 1), (2, 6, 1), (2, 7, 1)]
    parts = Hybrid(PersonalFrequency(None), UserKNN(neighbours=1, half_life_weeks=None), alpha=0.6)
    assert scores(parts, shop(rows), 2) == pytest.approx({5: 0.6, 6: 0.6 * 0.5 + 0.4, 7: 0.4})


def test_the_alpha_curve_scores_the_hybrid_itself_and_ends_at_zero_gain(trial):
    curve = alpha_curve(PersonalFrequency(), ItemKNN(), trial=trial, alphas=(0, 0.5))
    assert curve.points.alpha.tolist() == [0, 0.5, 1]
    assert curve.points.gain.iloc[-1] == 0
    board = trial.compare(
        {"half": Hybrid(PersonalFrequency(), ItemKNN(), alpha=0.5), "second": ItemKNN()}
    )
    assert curve.points.ndcg[1] == pytest.approx(board.row("half").ndcg)
    assert curve.points.ndcg[0] == pytest.approx(board.row("second").ndcg)
    assert curve.best == curve.points.alpha[curve.points.ndcg == curve.points.ndcg.max()].max()


def test_equal_weights_go_to_the_first_model_alone(trial):
    assert alpha_curve(MostPopular(), MostPopular(), trial=trial, alphas=(0.2, 0.8)).best == 1


def test_a_second_model_that_cannot_learn_leaves_weight_one(trial):
    curve = alpha_curve(PersonalFrequency(), EASE(max_memory_mb=1e-6), trial=trial)
    assert curve.best == 1
    assert curve.points.empty
    assert "EASE over" in curve.note
