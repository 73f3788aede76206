"""The clusters can be read as rules, and how faithful the rules are is said."""

import numpy as np
import pandas as pd
import pytest

from personalize.segmentation import KMeansSegments, RuleCard, information_gain
from personalize.tables import TableError


def test_the_rule_card_says_what_separates_the_groups(planted) -> None:
    table = planted.drop(columns="kind")
    card = RuleCard(max_depth=2).fit(table, planted.kind)
    assert card.fidelity_ > 0.97 and card.table().customers.sum() == len(table)
    assert 0.97 < card.fidelity_low_ < card.fidelity_ <= card.fidelity_high_ <= 1
    assert card.baseline_ == 0.5


def test_each_rule_holds_for_exactly_its_customers(journey) -> None:
    labels = KMeansSegments(n_segments=5).fit(journey).labels_
    card = RuleCard(max_depth=3).fit(journey, labels)
    assert card.fidelity_ == pytest.approx(0.856, abs=0.02)
    claimed = np.zeros(len(journey), int)
    for row in card.table().itertuples():
        inside = journey.eval(row.rule.replace(",", "")).to_numpy()
        claimed += inside
        assert abs(inside.sum() - row.customers) <= 1  # money borders are printed to the cent
    assert (claimed == 1).mean() > 0.999


def test_a_rule_card_hides_small_rules_and_refuses_a_wrong_length(planted) -> None:
    table = planted.drop(columns="kind")
    assert RuleCard(max_depth=8, min_cell=30).fit(table, planted.kind).table().customers.min() >= 30
    with pytest.raises(TableError, match="one a row"):
        RuleCard().fit(table, [1, 2])


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
