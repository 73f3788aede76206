"""Contracts: sBG against arithmetic and against print."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.tables import TableError


def test_survival_is_the_product_of_retention_and_starts_at_one():
    model = pz.clv.ShiftedBetaGeo.at(alpha=0.668, beta=3.806)
    assert model.survival(range(6)) == pytest.approx(
        np.cumprod([1.0, *model.retention(range(1, 6))])
    )
    assert (np.diff(model.retention(range(1, 30))) > 0).all()


def test_the_high_end_contracts_are_projected_five_years_beyond_the_fit():
    fit = pz.clv.ShiftedBetaGeo().fit(pz.clv.contracts([1000, 869, 743, 653, 593, 551, 517, 491]))
    actual = [0.468, 0.445, 0.427, 0.409, 0.394]  # years 8 to 12, which the fit has not seen
    assert fit.survival(range(8, 13)) == pytest.approx(actual, abs=0.02)


def test_expected_renewals_are_the_discounted_sum_of_survival():
    model = pz.clv.ShiftedBetaGeo.at(alpha=0.7, beta=1.2)
    t = np.arange(1, 400)
    by_hand = (model.survival(3 + t) / model.survival([3]) / 1.1**t).sum()
    assert model.expected_renewals([3], rate=0.1)[0] == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pz.clv.contracts([10, 12]), "never rising"),
        (lambda: pz.clv.ShiftedBetaGeo().fit(pd.DataFrame({"T": [1]})), "contracts lack"),
        (
            lambda: pz.clv.ShiftedBetaGeo().fit(pz.clv.contracts([9, 9])),
            "0 customer.s. left: at least 3",
        ),
        (
            lambda: pz.clv.ShiftedBetaGeo.at(alpha=1, beta=1).expected_renewals([0], rate=0),
            "must be above 0",
        ),
    ],
)
def test_wrong_input_is_refused_in_words(call, words):
    with pytest.raises(TableError, match=words):
        call()
