"""Discounting: sums written out, limits, and rates that compound back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import personalize as pz
from tests.clv.helpers import customer


def test_without_interest_the_discounted_sum_is_the_expectation(calibration):
    fit = pz.clv.BetaGeo().fit(calibration)
    sums = pz.clv.discounted_purchases(fit, 39, rate=0.0)
    assert sums.to_numpy() == pytest.approx(fit.expected_purchases(39).to_numpy(), rel=1e-12)


def test_the_infinite_sum_is_the_limit_of_long_horizons():
    fit, one = pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426), customer(7, 35, 39)
    forever = pz.clv.discounted_purchases(
        fit, None, rate=np.expm1(0.2), rate_period="W", summary=one
    ).iloc[0]
    steps = pz.clv.discounted_purchases(
        fit, 150, rate=np.expm1(0.2), rate_period="W", summary=one
    ).iloc[0]
    assert steps < forever < steps * np.exp(0.2)


def test_discounted_sum_is_the_formula_written_out(calibration):
    fit, few = pz.clv.ParetoNBD().fit(calibration), calibration.head(3)
    r = 1.10 ** (7 / 365.25) - 1
    steps = [
        fit.expected_purchases(t, few) - fit.expected_purchases(t - 1, few) for t in range(1, 9)
    ]
    by_hand = sum(step / (1 + r) ** t for t, step in enumerate(steps, start=1))
    found = pz.clv.discounted_purchases(fit, 8, rate=0.10, summary=few)
    assert found.to_numpy() == pytest.approx(by_hand.to_numpy(), rel=1e-12)


@given(st.floats(-0.02, 0.05), st.sampled_from("DWMY"), st.sampled_from("DWMY"))
def test_rates_compound_back_to_themselves(rate, period, unit):
    there = pz.clv.period_rate(rate, rate_period=period, unit=unit)
    assert pz.clv.period_rate(there, rate_period=unit, unit=period) == pytest.approx(
        rate, rel=1e-6, abs=1e-9
    )
