"""What a chart shows, in words: made from the table that was drawn, kept on its axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

MOST = 12  # names listed before the rest is summed up


def describe(ax: Axes, words: str) -> Axes:
    """The axes, with the description of what was drawn on them added to any that is there.

    It is kept as the label of the axes, which matplotlib neither draws nor uses.
    """
    parts = [ax.get_title(loc="left") or ax.get_title(), words]
    said = ": ".join(filter(None, parts))
    ax.set_label("; ".join(filter(None, (ax.get_label(), said))))
    return ax


def description(drawn: Axes | Figure) -> str:
    """What a chart, or every chart of a figure, shows; drawn by hand: from its lines and bars."""
    said: list[str] = []
    for ax in drawn.axes if isinstance(drawn, Figure) else [drawn]:
        if ax.get_label() != "<colorbar>":
            said.append(ax.get_label() or _from_artists(ax))
    return "; ".join(filter(None, said))


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
    if known.empty:
        return "0 values"
    return f"{text(known.min())} to {text(known.max())}"


def _from_artists(ax: Axes) -> str:
    """A description of axes that were drawn by hand: their words, lines, points and bars."""
    parts = []
    for line in ax.get_lines():
        parts.append(_range(f"line {line.get_label()}", line.get_ydata()))
    for points in ax.collections:
        place = np.asarray(points.get_offsets(), float)
        if isinstance(points, PolyCollection) and (held := points.get_array()) is not None:
            parts.append(_range(f"{len(place):,} cells that hold", held))  # hexagons of counts
        else:
            parts.append(_range(f"{len(place):,} points", place[:, 1]))
    bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    if bars:
        sizes = np.array([(bar.get_width(), bar.get_height()) for bar in bars])
        along = sizes.std(axis=0).argmax()  # bars differ in length, not in width
        parts.append(_range(f"{len(bars)} bars", sizes[:, along]))
    words = ", ".join(filter(None, (ax.get_title(), ax.get_xlabel(), ax.get_ylabel())))
    return ": ".join(filter(None, (words, ", ".join(parts))))


def _range(what: str, values: Any) -> str:
    known = pd.Series(np.asarray(values, float)).dropna()
    if known.empty:
        return what
    return f"{what} from {_four(known.min())} to {_four(known.max())}"


def _four(value: float) -> str:
    """Four digits that matter, thousands separated.

    >>> _four(77694.2), _four(0.25), _four(7.0)
    ('77,694', '0.25', '7')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
