"""The tables behind the figures, and the check against print."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.tables import TableError


def test_every_printed_number_of_cdnow_agrees_and_a_wrong_table_does_not(cdnow):
    check = pz.clv.cdnow_check(cdnow)
    assert len(check) == 15
    assert check.agrees.all()
    assert not pz.clv.cdnow_check(cdnow, as_of="1997-09-23").agrees[:14].any()


def test_tracking_counts_what_the_log_holds_and_expects_a_like_number(cdnow, calibration):
    path = pz.clv.tracking(cdnow, pz.clv.BetaGeo().fit(calibration), as_of="1997-09-30")
    table = path.pivot(index="week", columns="kind", values="purchases")
    assert table.counted[39] == calibration.frequency.sum() == 2457
    assert table.counted[78] == 2457 + 1882
    assert table.expected[39] == pytest.approx(2457, rel=0.03)
    assert (table.diff().dropna() >= 0).all().all()


def test_means_by_frequency_leave_small_groups_out():
    customers = pd.DataFrame({"frequency": [0] * 12 + [1] * 3 + [8] * 10 + [9] * 10})
    table = pz.clv.by_frequency(customers, np.arange(35.0), np.ones(35))
    assert table.before.tolist() == [0, 7, 0, 7]
    assert table.query("kind == 'forecast'").purchases.tolist() == [5.5, 24.5]
    assert table.customers.tolist() == [12, 20, 12, 20]


def test_a_silent_frequent_buyer_is_worth_less_than_a_silent_rare_one():
    grid = pz.clv.frequency_recency(
        pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426), t=39, age=39
    )
    assert grid.shape == (10, 10)
    assert grid.iloc[9, 0] < grid.iloc[0, 0]
    assert (np.diff(grid.to_numpy(), axis=1) > 0).all()
    assert (np.diff(grid.iloc[:, -1]) > 0).all()


def test_p_alive_falls_in_silence_and_jumps_at_a_purchase():
    model = pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426)
    path = pz.clv.alive_history(model, [0, 3, 5, 20], until=40)
    change = path.p_alive.diff()
    bought = path.purchases.diff() > 0
    assert bought.sum() == 3
    assert (change[bought & (path.purchases > 1)] > 0).all()
    assert (change[~bought].dropna() <= 1e-12).all()
    for wrong in ([0, 3, 3], [0, 50]):
        with pytest.raises(TableError, match="ascending times"):
            pz.clv.alive_history(model, wrong, until=40)
