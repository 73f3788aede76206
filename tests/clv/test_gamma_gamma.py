"""Gamma-gamma: who counts."""

import pytest

import personalize as pz


def test_customers_without_money_are_left_out_since_a_cent_in_its_place_would_decide_the_fit(
    calibration,
):
    fit = pz.clv.GammaGamma(purchases="all").fit(calibration)
    assert (fit.left_out_, round(fit.params_["p"], 1)) == (8, 9.9)
    cent = calibration.assign(first_value=calibration.first_value.clip(lower=0.01))
    assert pz.clv.GammaGamma(purchases="all").fit(cent).params_["p"] == pytest.approx(3.0, abs=0.1)
