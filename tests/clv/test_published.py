"""Every published number of the field that the data in the lifetimes wheel can feed, to the printed
digit.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from tests.clv.helpers import customer

DATASETS = Path(find_spec("lifetimes").origin).parent / "datasets"


@pytest.fixture(scope="module")
def master():
    """The whole CDNOW cohort, 23,570 customers, from its raw log."""
    names = ["customer_id", "day", "quantity", "amount"]
    log = pd.read_csv(DATASETS / "CDNOW_master.txt", sep=r"\s+", names=names, dtype=str, skiprows=1)
    log["time"] = pd.to_datetime(log.pop("day"), format="%Y%m%d")
    log = log.astype({"quantity": float, "amount": float}).assign(order_id=np.arange(len(log)))
    return pz.clv.summary(pz.load({"orders": log.assign(product_id=1)}), as_of="1997-09-30")


@pytest.fixture(scope="module")
def donations():
    """The donors of Fader, Hardie and Shang (2010), one row a donor."""
    cells = pd.read_csv(DATASETS / "donations.csv").rename(columns={"periods": "T"})
    rows = cells.loc[cells.index.repeat(cells.weights)].reset_index(drop=True)
    return rows.assign(customer_id=rows.index)


@pytest.mark.parametrize(
    ("model", "printed", "log_likelihood"),
    [
        pytest.param(
            pz.clv.BetaGeo,
            [0.243, 4.414, 0.793, 2.426],
            -9582.4,
            id="BG/NBD, Fader Hardie Lee 2005 table 2",
        ),
        pytest.param(
            pz.clv.ParetoNBD,
            [0.553, 10.578, 0.606, 11.669],
            -9595.0,
            id="Pareto/NBD, Fader Hardie Lee 2005 table 2",
        ),
    ],
)
def test_cdnow_table_2_of_fader_hardie_lee_2005_to_the_printed_digit(
    calibration, model, printed, log_likelihood
):
    fit = model().fit(calibration)
    assert fit.params_.round(3).tolist() == printed
    assert round(fit.log_likelihood_, 1) == log_likelihood


def test_gamma_gamma_matches_note_025_to_the_printed_digit(calibration):
    fit = pz.clv.GammaGamma().fit(calibration)
    assert fit.params_.round(2).tolist() == [6.25, 3.74, 15.44]
    assert round(fit.log_likelihood_, 4) == -4055.9177
    assert (fit.n_customers_, fit.left_out_) == (946, 0)


def test_gamma_gamma_expected_spend_matches_note_025(calibration):
    model = pz.clv.GammaGamma.at(p=6.25, q=3.74, gamma=15.44)
    printed = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert model.expected_spend(calibration.head(10)).to_numpy() == pytest.approx(printed, abs=0.06)


def test_pareto_nbd_standard_errors_match_clvtools(calibration):
    errors = pz.clv.ParetoNBD().fit(calibration).standard_errors_
    assert errors.to_numpy() == pytest.approx(
        [0.0476264, 0.8427222, 0.1872594, 6.2105448], rel=5e-4
    )


def test_btyd_78_week_pareto_nbd(cdnow):
    fit = pz.clv.ParetoNBD().fit(pz.clv.summary(cdnow, as_of="1998-06-30"))
    assert fit.params_.to_numpy() == pytest.approx(
        [0.5629966, 12.5590370, 0.4081095, 10.5148048], rel=1e-4
    )
    assert fit.params_.round(6).tolist() == [0.563004, 12.559169, 0.408107, 10.514545]
    assert round(fit.log_likelihood_, 4) == -17135.8359


@pytest.mark.parametrize(
    ("model", "golden", "errors", "log_likelihood"),
    [
        (
            pz.clv.BetaGeo,
            [0.2426, 4.4136, 0.7929, 2.4259],
            [0.0126, 0.3782, 0.1857, 0.7054],
            -9582.4292,
        ),
        (
            pz.clv.ParetoNBD,
            [0.5533, 10.5777, 0.6062, 11.6687],
            [0.0476, 0.8427, 0.1873, 6.2111],
            -9594.9762,
        ),
    ],
)
def test_the_cdnow_sample_has_its_golden_fit_to_four_decimals(
    calibration, model, golden, errors, log_likelihood
):
    fit = model().fit(calibration)
    assert fit.params_.round(4).tolist() == golden
    assert fit.standard_errors_.round(4).tolist() == errors
    assert round(fit.log_likelihood_, 4) == log_likelihood


def test_the_rounded_summary_in_the_wheel_gives_the_paper_to_three_digits_and_its_own_likelihood():
    rounded = pd.read_csv(DATASETS / "cdnow_customers_summary.csv").rename(
        columns={"ID": "customer_id"}
    )
    fit = pz.clv.BetaGeo().fit(rounded)
    assert fit.params_.round(3).tolist() == [0.243, 4.414, 0.793, 2.426]
    assert round(fit.log_likelihood_, 4) == -9582.4256


# Percent of two cohorts still there after 0 to 12 years, of which seven are fitted: Fader and
# Hardie (2007). Data and parameters stand in an sBG notebook of pymc-marketing, too
# (docs/source/notebooks/clv/dev/sBG_marimo.py).
HIGH_END = [100.0, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4]


REGULAR = [100.0, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3]


def contract_model(percent):
    return pz.clv.ShiftedBetaGeo().fit(
        pz.clv.contracts([round(10 * share) for share in percent[:8]])
    )


@pytest.mark.parametrize(
    ("percent", "printed"),
    [
        pytest.param(HIGH_END, [0.668, 3.806], id="high end"),
        pytest.param(REGULAR, [0.704, 1.182], id="regular"),
    ],
)
def test_contracts_match_fader_hardie_2007_to_the_printed_digit(percent, printed):
    fit = contract_model(percent)
    assert fit.params_.round(3).tolist() == printed
    assert 100 * fit.survival(range(13)) == pytest.approx(
        percent, abs=1.9
    )  # years 8 to 12 were not fitted


def test_contracts_project_and_value_the_high_end_cohort_as_a_public_implementation_does():
    fit = contract_model(
        HIGH_END
    )  # the README of shifted_beta_geometric_py prints these; it counts a renewal due now
    assert fit.survival(range(8, 13)).round(3).tolist() == [0.460, 0.436, 0.414, 0.395, 0.378]
    assert round(1.1 * float(fit.expected_renewals([7])[0]), 3) == 7.530
    assert round(fit.log_likelihood_, 2) == -1611.16


def test_bg_bb_donations_match_fader_hardie_shang_2010(donations):
    fit = pz.clv.BetaGeoBetaBinom().fit(donations)
    assert fit.params_.round(3).tolist() == [1.204, 0.750, 0.657, 2.783]
    assert round(fit.log_likelihood_, 2) == -33225.58
    assert round(float(fit.expected_purchases(5).sum()), 1) == 12884.2
    printed = pz.clv.BetaGeoBetaBinom.at(
        alpha=1.20352083, beta=0.74971616, gamma=0.65667178, delta=2.78341801
    )
    assert printed.expected_purchases(5, donations).sum() == pytest.approx(12884.2, abs=0.5)


def test_expectation_and_p_alive_match_hardies_spreadsheet():
    model, one = (
        pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426),
        customer(2, 30.43, 38.86),
    )
    assert model.expected_purchases(39, one).iloc[0] == pytest.approx(1.22602817, abs=5e-8)
    assert model.p_alive(one).iloc[0] == pytest.approx(0.72657857, abs=5e-9)


def test_pareto_nbd_expectation_matches_r_btyd():
    model, one = (
        pz.clv.ParetoNBD.at(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6562),
        customer(26, 30.86, 31),
    )
    assert model.expected_purchases(52, one).iloc[0] == pytest.approx(25.4549, abs=5e-5)
    assert model.p_alive(one).iloc[0] == pytest.approx(0.997918, abs=5e-7)


@pytest.mark.parametrize(
    ("model", "golden", "log_likelihood"),
    [
        (pz.clv.BetaGeo, [0.251624, 4.788940, 0.723435, 2.161090], -95368.4439),
        (pz.clv.ParetoNBD, [0.597420, 11.585658, 0.522186, 8.827759], -95415.1186),
        (pz.clv.GammaGamma, [6.275359, 3.624450, 14.983687], -40763.4763),
    ],
)
def test_the_whole_cdnow_cohort_has_its_golden_fit(master, model, golden, log_likelihood):
    fit = model().fit(master)
    assert fit.params_.to_numpy() == pytest.approx(golden, rel=2e-6)
    assert fit.log_likelihood_ == pytest.approx(log_likelihood, abs=1e-4)


def test_modified_bg_nbd_has_its_golden_fit(calibration):
    fit = pz.clv.ModifiedBetaGeo().fit(calibration)
    assert fit.params_.to_numpy() == pytest.approx(
        [0.524843, 6.183085, 0.891359, 1.614002], abs=1e-5
    )
    assert round(fit.log_likelihood_, 4) == -9582.1357


def test_derts_of_the_78_week_pareto_nbd_rise_and_fall_with_frequency():
    model = pz.clv.ParetoNBD.at(r=0.5629966, alpha=12.5590370, s=0.4081095, beta=10.5148048)
    x = [7, *range(1, 11)]
    rows = pd.DataFrame(
        {"customer_id": range(11), "frequency": x, "recency": [35.0, *[30.0] * 10], "T": 77.86}
    )
    found = pz.clv.discounted_purchases(
        model, None, rate=np.expm1(0.0027), rate_period="W", summary=rows
    ).to_numpy()
    assert found[0] == pytest.approx(1.864183, abs=5e-7)
    expected = [2.199, 2.844, 2.867, 2.445, 1.841, 1.262, 0.810, 0.495, 0.292, 0.168]
    assert found[1:].round(3).tolist() == expected


def test_the_bg_nbd_dert_is_the_discounted_sum():
    fit, one = pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426), customer(7, 35, 39)
    found = pz.clv.discounted_purchases(
        fit, None, rate=np.expm1(0.0027), rate_period="W", summary=one
    ).iloc[0]
    assert found == pytest.approx(16.5697, abs=5e-5)


def test_the_whole_cdnow_cohort_has_the_published_facts(master):
    assert (len(master), int(master.frequency.sum())) == (23_570, 24_337)
    repeat = pz.clv.GammaGamma().fit(master)
    assert (repeat.n_customers_, repeat.left_out_) == (9450, 1)
