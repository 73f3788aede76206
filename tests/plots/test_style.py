"""The visual language: contrast, ticks, words, and clear refusals."""

import matplotlib
import pandas as pd
import pytest

from personalize import plots
from personalize.plots import style
from personalize.tables import Absent, TableError
from tests.plots.samples import TABLE


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


def test_every_problem_of_a_table_is_told_at_once():
    with pytest.raises(
        TableError,
        match="(?s)'name' must hold numbers.*no column 'nothing'|no column 'nothing'.*'name' must",
    ):
        plots.bars(TABLE, x="name", y="nothing")


def test_a_misspelt_argument_is_refused():
    with pytest.raises(TypeError, match="xlable"):
        plots.bars(TABLE, x="value", y="name", xlable="x")


def test_several_panels_share_a_figure():
    fig, axes = plots.figure(1, 2)
    assert plots.bars(TABLE, x="value", y="name", ax=axes[0]) is axes[0]
    assert axes[0].figure is fig


def test_an_empty_table_draws_that_there_are_no_rows():
    ax = plots.bars(TABLE.head(0), x="value", y="name", title="Bars")
    assert plots.description(ax) == "Bars: 0 rows to draw"
    assert [text.get_text() for text in ax.texts] == ["0 rows to draw"]


def test_what_is_absent_is_handed_on_and_a_panel_for_it_says_why():
    nothing = Absent("needs 3 weeks")
    fig, (left, right) = plots.figure(1, 2)
    assert plots.bars(nothing.weeks, x="value", y="name", ax=left) is nothing
    plots.bars(TABLE, x="value", y="name", ax=right)
    assert plots.description(fig).startswith("Not available here: needs 3 weeks.; a 3")


def test_an_axis_is_named_by_the_glossary_else_by_the_column():
    named = TABLE.rename(columns={"value": "customer_id", "low": "net_worth"})
    ax = plots.scatter(named, x="customer_id", y="net_worth")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("the customer", "net worth")
