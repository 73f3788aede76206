"""What a chart shows, in words: made from the table that was drawn, kept on its axes, read by `show.figure`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MOST = 12  # names listed before the rest is summed up


def describe(ax: Axes, words: str) -> Axes:
    """The axes, with the description of what was drawn on them added to any that is there.

    It is kept as the label of the axes, which matplotlib neither draws nor uses.
    """
    parts = [ax.get_title(loc="left") or ax.get_title(), words]
    said = ": ".join(part for part in parts if part)
    before = ax.get_label()
    ax.set_label(f"{before}; {said}" if before else said)
    return ax


def description(drawn: Axes | Figure) -> str:
    """The description of a chart or of every chart in a figure; made from lines and bars where none was given."""
    every = drawn.axes if isinstance(drawn, Figure) else [drawn]
    said = [ax.get_label() or _from_artists(ax) for ax in every if ax.get_label() != "<colorbar>"]
    return "; ".join(text for text in said if text)


def rows(
    names: Sequence[Any], values: Sequence[str], low: Sequence[str] = (), high: Sequence[str] = ()
) -> str:
    """Names with their values and intervals, the first dozen of them.

    >>> rows(["a", "b"], ["1.5", "2"], ["1", "1.2"], ["2", "2.8"])
    'a 1.5 (1 to 2), b 2 (1.2 to 2.8)'
    """
    if len(names) == 0:
        return "0 rows"
    parts = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        interval = f" ({low[i]} to {high[i]})" if len(low) else ""
        parts.append(f"{name} {value}{interval}")
    if len(parts) > MOST:
        parts[MOST:] = [f"and {len(names) - MOST} more, the last {parts[-1]}"]
    return ", ".join(parts)


def span(values: pd.Series, text: Any) -> str:
    """The range of a column in words.

    >>> span(pd.Series([3, 1, 2]), str)
    '1 to 3'
    """
    known = values.dropna()
    return f"{text(known.min())} to {text(known.max())}" if len(known) else "0 values"


def _from_artists(ax: Axes) -> str:
    """A description of axes that were drawn by hand: their words, lines, points and bars."""
    parts = []
    for line in ax.get_lines():
        parts.append(_range(f"line {line.get_label()}", np.asarray(line.get_ydata(), float)))
    for points in ax.collections:
        place = np.asarray(points.get_offsets(), float)
        parts.append(_range(f"{len(place)} points", place[:, 1]))
    if ax.patches:
        heights = [
            max(bar.get_height(), bar.get_width())
            for bar in ax.patches
            if hasattr(bar, "get_height")
        ]
        parts.append(_range(f"{len(heights)} bars", np.asarray(heights, float)))
    words = [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
    return ": ".join(
        [", ".join(word for word in words if word), ", ".join(part for part in parts if part)]
    )


def _range(what: str, values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{what} from {known.min():.4g} to {known.max():.4g}" if len(known) else what
