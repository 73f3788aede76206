"""Chart forms: each takes a table and returns Axes, in one visual language."""

from personalize.plots.charts import (
    agreement,
    bars,
    heatmap,
    histogram,
    intervals,
    lines,
    scatter,
)
from personalize.plots.descriptions import description
from personalize.plots.node_link import network
from personalize.plots.picture import png
from personalize.plots.style import Labels, figure, font_hint, number

__all__ = [
    "Labels",
    "agreement",
    "bars",
    "description",
    "figure",
    "font_hint",
    "heatmap",
    "histogram",
    "intervals",
    "lines",
    "network",
    "number",
    "png",
    "scatter",
]
