"""What the data allow, and whether leaving is identified."""

import numpy as np
import pytest

import personalize as pz
from tests.clv.helpers import shop


def test_dropout_is_identified_on_cdnow_and_not_on_complete_journey(known, cdnow):
    music = pz.clv.dropout(cdnow, as_of="1997-09-30")
    grocery = pz.clv.dropout(known, as_of="2017-09-24")
    assert (music.identified, grocery.identified) == (True, False)
    assert grocery.sentence.startswith(
        "Dropout is not identified: leaving after a purchase has a chance of 0.1"
    )


@pytest.mark.parametrize(("shape", "tolerance"), [(1, 0.25), (4, 0.8)])
def test_regularity_finds_the_shape_of_the_gaps(shape, tolerance):
    rng = np.random.default_rng(4)
    gaps = np.ceil(rng.gamma(shape, 40 / shape, (1500, 3)) * rng.gamma(3, 1 / 3, (1500, 1)) + 0.001)
    days = np.cumsum(np.column_stack([np.zeros(1500), gaps]), axis=1)
    tables = shop([(i, d, 1) for i, row in enumerate(days) for d in row])
    assert pz.clv.regularity(tables, as_of=tables.end) == pytest.approx(shape, abs=tolerance)


def test_shape_says_that_cdnow_has_no_training_window_for_39_weeks(cdnow):
    table = pz.clv.shape(cdnow, as_of="1997-09-30", horizon=39).set_index("fact")
    assert "too short for a regression" in table.says["weeks to look back from the training day"]
    assert table.value["bought on one day only, share"] == pytest.approx(1411 / 2357)
