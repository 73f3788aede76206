"""Charts: the same bytes for the same table, labels with units, intervals drawn, and clear refusals."""

import io
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from personalize import plots
from personalize.plots import style
from personalize.tables import TableError

TABLE = pd.DataFrame(
    {
        "name": ["a", "b", "c"],
        "value": [3.0, -1.0, 2.0],
        "low": [2.0, -2.0, 1.0],
        "high": [4.0, 0.5, 3.0],
    }
)
SERIES = pd.DataFrame(
    {
        "day": pd.date_range("2017-01-01", periods=30).repeat(2),
        "who": ["old", "new"] * 30,
        "y": np.arange(60.0),
    }
)
CHARTS = {
    "bars": lambda: plots.bars(
        TABLE, x="value", y="name", low="low", high="high", xlabel="gain, USD"
    ),
    "lines": lambda: plots.lines(
        SERIES, x="day", y="y", by="who", xlabel="day", ylabel="sales, USD"
    ),
    "histogram": lambda: plots.histogram(SERIES, x="y", log=True, xlabel="amount, USD"),
    "scatter": lambda: plots.scatter(
        TABLE, x="low", y="high", size="value", color="name", label="name"
    ),
    "heatmap": lambda: plots.heatmap(TABLE.set_index("name"), diverging=True),
    "intervals": lambda: plots.intervals(
        TABLE, label="name", estimate="value", low="low", high="high", reference=0
    ),
}
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


LONG = pd.DataFrame(
    {"name": [f"{word} " * 9 for word in ("SOFT", "台历", "a")], "value": [1.0, 12_345.6, 7.0]}
)
WORDY = {
    "names": lambda: plots.bars(LONG, x="value", y="name", fmt="{:,.2f}", title="Long names " * 4),
    "columns": lambda: plots.heatmap(
        pd.DataFrame(np.eye(12), columns=[f"PRODUCT GROUP {i}" for i in range(12)])
    ),
    "ends": lambda: plots.lines(
        SERIES.assign(who="a rather long " + SERIES.who), x="day", y="y", by="who"
    ),
    "scale": lambda: plots.scatter(TABLE, x="low", y="high", color="value", label="name"),
}


@pytest.mark.parametrize("draw", [*CHARTS.values(), *WORDY.values()], ids=[*CHARTS, *WORDY])
def test_all_words_of_a_chart_have_room_in_the_picture(draw):
    dark = np.asarray(Image.open(io.BytesIO(plots.png(draw()))).convert("L")) < 240
    rows, columns = (np.flatnonzero(dark.any(axis=axis)) for axis in (1, 0))
    height, width = dark.shape
    edges = rows[0], height - 1 - rows[-1], columns[0], width - 1 - columns[-1]
    assert min(edges) >= 5, f"white at top, bottom, left and right: {edges}"
    assert max(edges) <= 40, "and no room is wasted"


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


def test_chinese_names_are_drawn_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.png(plots.bars(TABLE.assign(name=["牛奶", "面包", "c"]), x="value", y="name"))


def test_money_signs_in_names_are_not_formulas():
    plots.png(plots.bars(TABLE.assign(name=["$5 OFF $", "a$", "b"]), x="value", y="name"))


def test_every_problem_of_a_table_is_told_at_once():
    with pytest.raises(
        TableError,
        match="(?s)'name' must hold numbers.*no column 'nothing'|no column 'nothing'.*'name' must",
    ):
        plots.bars(TABLE, x="name", y="nothing")


def test_an_empty_table_draws_that_there_are_no_rows():
    ax = plots.bars(TABLE.head(0), x="value", y="name", title="Bars")
    assert plots.description(ax) == "Bars: 0 rows"
    assert [text.get_text() for text in ax.texts] == ["no rows to draw"]


def test_a_grid_without_a_number_is_refused():
    with pytest.raises(TableError, match="no number to draw"):
        plots.heatmap(pd.DataFrame({"a": [np.nan]}))


def test_a_misspelt_argument_is_refused():
    with pytest.raises(TypeError, match="xlable"):
        plots.bars(TABLE, x="value", y="name", xlable="x")


def test_several_panels_share_a_figure():
    fig, axes = plots.figure(1, 2)
    assert plots.bars(TABLE, x="value", y="name", ax=axes[0]) is axes[0]
    assert axes[0].figure is fig


def _luminance(colour):
    parts = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in matplotlib.colors.to_rgb(colour)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("colour", [style.INK, style.SOFT, *map(style.darker, style.PALETTE[:4])])
def test_words_in_charts_have_the_contrast_that_wcag_asks_for(colour):
    assert 1.05 / (_luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (1.0, 1.001, {"1.0002", "1.0004"}),
        (0, 3000, {"1,000", "2,000"}),
        (0, 60_000, {"20k", "40k"}),
        (0, 1, {"0.2"}),
    ],
)
def test_the_ticks_of_an_axis_are_told_apart_and_easy_to_read(low, high, wanted):
    ax = plots.lines(pd.DataFrame({"x": [1, 2], "y": [low, high]}), x="x", y="y")
    plots.png(ax)
    shown = [label.get_text() for label in ax.get_yticklabels()]
    assert len(set(shown)) == len(shown) and wanted <= set(shown)


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


@every_chart
def test_every_chart_describes_itself_with_numbers(name):
    assert any(sign.isdigit() for sign in plots.description(CHARTS[name]()))
