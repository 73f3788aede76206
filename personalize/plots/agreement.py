"""Said beside seen: points that should lie on the diagonal."""

from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from personalize.plots import style
from personalize.plots.style import PALE, PALETTE, Labels, short, styled


@styled
def agreement(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    low: str,
    high: str,
    by: str | None = None,
    **labels: Unpack[Labels],
) -> Axes:
    """Points with their intervals against the diagonal, on which x equals y: a calibration plot.

    Parameters
    ----------
    table : one row a point
    x : column of what was said; y : column of what was seen, in the same unit
    low, high : columns with the ends of the interval of y, drawn as whiskers
    by : column that splits the rows into series, each in its colour with a key
    **labels : see `Labels`; `fmt` with a % shows both axes as percentages
    """
    style.require(table, "agreement", numbers=(x, y, low, high), others=(by,))
    ax = style.axes(labels, x=x, y=y, percent="xy", height=4.2)
    top = float(np.nanmax(table[[x, y, high]].to_numpy(float)))
    ax.plot([0, top], [0, top], color=PALE, lw=1.4, ls=(0, (4, 3)), zorder=1)
    for i, (name, part) in enumerate(
        [("", table)] if by is None else table.groupby(by, sort=False, observed=True)
    ):
        at, color = part[x].to_numpy(float), PALETTE[i % len(PALETTE)]
        ax.vlines(
            at,
            part[low].to_numpy(float),
            part[high].to_numpy(float),
            color=color,
            lw=1.4,
            alpha=0.6,
        )
        ax.scatter(at, part[y].to_numpy(float), color=color, s=26, zorder=3, label=short(name))
    style.number_axes(ax)
    if by is not None:
        ax.legend(loc="upper left")
    return ax
