"""Pictures: the same bytes for the same table, room for all words, the words kept in the file."""

import io
import warnings

import matplotlib
import numpy as np
import pytest
from PIL import Image

from personalize import plots
from tests.plots.samples import CHARTS, TABLE, WORDY

every_chart = pytest.mark.parametrize("name", CHARTS)


@every_chart
def test_the_same_table_gives_the_same_bytes(name):
    first, second = plots.png(CHARTS[name]()), plots.png(CHARTS[name]())
    assert first == second and first.startswith(b"\x89PNG") and b"Software" not in first
    assert len(first) < 120_000


@every_chart
def test_drawing_leaves_matplotlib_as_it_was(name):
    before = dict(matplotlib.rcParams)
    plots.png(CHARTS[name]())
    assert dict(matplotlib.rcParams) == before


def test_a_chart_drawn_twice_from_one_axes_is_the_same():
    ax = CHARTS["bars"]()
    assert plots.png(ax) == plots.png(ax)


@pytest.mark.parametrize("draw", [*CHARTS.values(), *WORDY.values()], ids=[*CHARTS, *WORDY])
def test_all_words_of_a_chart_have_room_in_the_picture(draw):
    dark = np.asarray(Image.open(io.BytesIO(plots.png(draw()))).convert("L")) < 240
    rows, columns = (np.flatnonzero(dark.any(axis=axis)) for axis in (1, 0))
    height, width = dark.shape
    edges = rows[0], height - 1 - rows[-1], columns[0], width - 1 - columns[-1]
    assert min(edges) >= 5, f"white at top, bottom, left and right: {edges}"
    assert max(edges) <= 40, "and no room is wasted"


def test_chinese_names_are_drawn_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.png(plots.bars(TABLE.assign(name=["牛奶", "面包", "c"]), x="value", y="name"))


def test_money_signs_in_names_are_not_formulas():
    plots.png(plots.bars(TABLE.assign(name=["$5 OFF $", "a$", "b"]), x="value", y="name"))


def test_a_title_starts_where_the_figure_does():
    ax = plots.bars(
        TABLE.assign(name=["a rather long name of a product", "b", "c"]),
        x="value",
        y="name",
        title="Gain",
    )
    plots.png(ax)
    assert ax._left_title.get_window_extent().x0 < ax.get_window_extent().x0 - 50


def test_the_words_of_a_picture_are_in_its_file():
    picture = Image.open(
        io.BytesIO(plots.png(plots.bars(TABLE, x="value", y="name", title="牛奶 gain")))
    )
    assert {"a", "b", "c", "牛奶 gain", "3"} <= set(picture.text["Description"].splitlines())
