"""Chart forms: values, intervals and order as in the table."""

import numpy as np
import pandas as pd
import pytest

from personalize import plots
from personalize.tables import TableError
from tests.plots.samples import CHARTS, SERIES, TABLE


def test_bars_write_each_value_and_keep_the_order_of_the_table():
    ax = CHARTS["bars"]()
    assert [text.get_text() for text in ax.texts] == ["3", "-1", "2"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "first row on top"
    assert ax.get_xlabel() == "gain, USD"


def test_bars_draw_the_interval_they_are_given():
    (whiskers,) = CHARTS["bars"]().collections
    assert [tuple(segment[:, 0]) for segment in whiskers.get_segments()] == [
        (2.0, 4.0),
        (-2.0, 0.5),
        (1.0, 3.0),
    ]


def test_lines_are_named_where_they_end_without_overlap():
    close = SERIES.assign(y=np.where(SERIES.who == "old", 1.0, 1.001))
    far = pd.concat([close, close.query("who == 'old'").assign(who="far", y=90.0)])
    ax = plots.lines(far, x="day", y="y", by="who")
    shifts = {text.get_text(): text.xyann[1] for text in ax.texts}
    assert shifts["new"] - shifts["old"] > 10


def test_a_log_histogram_says_how_many_values_have_no_place():
    ax = plots.histogram(pd.DataFrame({"x": [0.0, -1.0, 1.0, 10.0]}), x="x", log=True)
    assert "2 at or below 0 not shown" in ax.get_xlabel()


def test_a_histogram_counts_every_value():
    ax = plots.histogram(SERIES, x="y", bins=7, marks={})
    assert sum(patch.get_height() for patch in ax.patches) == len(SERIES)


def test_intervals_that_hold_the_reference_are_grey():
    ax = CHARTS["intervals"]()
    colours = ax.collections[0].get_colors()
    assert not np.allclose(colours[0], colours[1]) and np.allclose(colours[0], colours[2])


def test_a_diverging_heatmap_is_symmetric_around_its_middle():
    image = plots.heatmap(pd.DataFrame({"a": [0.5, 3.0]}), diverging=1).collections[0]
    assert image.get_clim() == (-1.0, 3.0)


def test_shares_are_shown_in_percent_on_the_axis_they_belong_to():
    ax = plots.bars(TABLE, x="value", y="name", fmt="{:.0%}")
    assert ax.texts[0].get_text() == "300%"
    assert ax.xaxis.get_major_formatter()(0.5).endswith("%")


def test_intervals_are_found_by_the_name_of_the_value():
    named = TABLE.rename(columns={"low": "value_low", "high": "value_high"})
    (whiskers,) = plots.bars(named, x="value", y="name").collections
    assert len(whiskers.get_segments()) == 3
    plots.intervals(named, label="name", estimate="value")
    with pytest.raises(TableError, match="value_low.*present"):
        plots.intervals(TABLE, label="name", estimate="value")


def test_what_holds_no_number_says_so_in_place_of_the_chart():
    empty = pd.DataFrame({"a": [np.nan, np.nan]})
    for ax in (plots.heatmap(empty), plots.histogram(empty, x="a")):
        assert plots.description(ax).startswith("0 values to draw in 2")
