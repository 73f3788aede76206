"""Descriptions: the numbers of the table that was drawn, with names and intervals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from personalize import plots
from tests.plots.samples import CHARTS, PAIRS, SERIES, TABLE


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_describes_itself_with_numbers(name):
    assert any(sign.isdigit() for sign in plots.description(CHARTS[name]()))


def test_bars_and_intervals_tell_every_row_with_its_interval_and_the_reference():
    told = "a 3 (2 to 4), b -1 (-2 to 0.5), c 2 (1 to 3)"
    assert plots.description(CHARTS["bars"]()) == told
    assert plots.description(CHARTS["intervals"]()) == f"{told}; reference 0"


def test_numbers_are_told_in_the_format_in_which_they_are_drawn():
    ax = plots.bars(TABLE, x="value", y="name", fmt="{:.0%}", title="Gain")
    assert plots.description(ax) == "Gain: a 300%, b -100%, c 200%"


def test_of_many_rows_a_dozen_are_told_and_the_last():
    many = pd.DataFrame({"name": list("abcdefghijklmnop"), "value": range(16)})
    told = plots.description(plots.bars(many, x="value", y="name"))
    assert told.endswith("l 11, and 4 more, the last p 15")


def test_lines_tell_where_each_begins_and_ends_and_its_range():
    told = plots.description(plots.lines(SERIES, x="day", y="y", by="who"))
    first = "old 0 at 2017-01-01 to 58 at 2017-01-30, between 0 and 58"
    assert told == f"{first}; new 1 at 2017-01-01 to 59 at 2017-01-30, between 1 and 59"


def test_a_grid_tells_its_smallest_and_largest_cell_and_a_network_its_size():
    grid = pd.DataFrame({"x": [1.0, 5.0], "y": [np.nan, 2.0]}, index=["a", "b"])
    told = plots.description(plots.heatmap(grid, fmt="{:.0f}"))
    assert told == "2 x 2 cells from 1 (a, x) to 5 (b, x)"
    chart = plots.network(PAIRS, source="first", target="second", width="n")
    assert plots.description(chart).startswith("5 names, 3 lines, n 1 to 3")


def test_panels_are_told_one_after_the_other():
    fig, (left, right) = plots.figure(1, 2)
    plots.bars(TABLE.head(1), x="value", y="name", ax=left, title="One")
    plots.bars(TABLE.tail(1), x="value", y="name", ax=right, title="Other")
    assert plots.description(fig) == "One: a 3; Other: c 2"


def test_axes_drawn_by_hand_are_told_from_their_lines_points_and_bars():
    fig, ax = plt.subplots()
    ax.plot([1, 2, 3], [4.0, 9.0, 2.0], label="sales")
    ax.scatter([1, 2], [7, 8])
    ax.bar(["a", "b"], [3, 6])
    ax.set_title("By hand")
    told = plots.description(fig)
    plt.close(fig)
    assert told == "By hand: line sales from 2 to 9, 2 points from 7 to 8, 2 bars from 3 to 6"


def test_a_picture_of_counts_tells_the_counts_and_places_have_as_many_digits_as_matter():
    fig, ax = plt.subplots()
    ax.hexbin([1, 1, 10], [1, 1, 10], xscale="log", yscale="log", gridsize=4)
    ax.plot([1, 2], [77_694.2, 113_200.0], label="spend")
    told = plots.description(fig)
    plt.close(fig)
    assert "cells that hold from 0 to 2" in told and "from 77,694 to 113,200" in told
    course = pd.DataFrame({"x": [0.002341542837, 0.4097072419], "y": [1.0, 2.0]})
    assert "1 at 0.00234 to 2 at 0.41" in plots.description(plots.lines(course, x="x", y="y"))


def test_a_label_of_ones_own_is_in_the_description_too():
    drawn = plots.scatter(TABLE, x="value", y="value", xlabel="plain lift")
    assert "points, plain lift" in plots.description(drawn)
    drawn = plots.histogram(TABLE, x="value", xlabel="items a basket")
    assert "values of items a basket from" in plots.description(drawn)
