"""A network: names joined by lines, each group of joined names laid out on its own."""

from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, shortest_path

from personalize.plots import style
from personalize.plots.descriptions import describe, span
from personalize.plots.style import INK, PALETTE, PAPER, Labels, number, short, styled

WIDE = 1.9  # how much wider than high the picture is


@styled
def network(
    table: pd.DataFrame,
    *,
    source: str,
    target: str,
    width: str,
    color: str | None = None,
    **labels: Unpack[Labels],
) -> Axes:
    """Names as points, joined by the rows of the table: the wider a line, the larger its `width`.

    Parameters
    ----------
    table : one row a line
    source, target : columns of names, the two ends of the line
    width : column of positive numbers; a point is as large as its lines together
    color : column of positive numbers, shown as the shade of the line, on a log scale
    **labels : see `Labels`

    Notes
    -----
    Each connected part is laid out so that distances come close to shortest paths (Kamada and Kawai
    1989, solved by stress majorization from a circle: nothing is random); the parts are set side by
    side, the largest first.

    References
    ----------
    Gansner, Koren, North (2004), Graph drawing by stress majorization, GD 2004, LNCS 3383.
    """
    style.require(table, "network", numbers=(width, color), others=(source, target))
    ax = style.axes(labels, height=5.2)
    place = _places(table[source], table[target])
    ends = np.array([table[source].map(place).tolist(), table[target].map(place).tolist()])
    ends = ends.transpose(1, 0, 2)  # lines, their two ends, x and y
    look: dict[str, Any] = {"colors": PALETTE[0]} if color is None else _shade(table[color])
    thick = 0.8 + 4.5 * table[width].to_numpy(float) / table[width].max()
    drawn = ax.add_collection(LineCollection(ends, linewidths=thick, zorder=1, **look))
    if color is not None:
        _scale(ax, drawn, style.words(color))
    sizes = table.groupby(source)[width].sum().add(table.groupby(target)[width].sum(), fill_value=0)
    _name_points(ax, place, ends, sizes)
    ax.margins(0.09, 0.06)
    ax.set_axis_off()
    parts = f"{len(place)} names, {len(table)} lines, {style.words(width)} "
    said = parts + span(table[width], number)
    if color is not None:
        said += f", {style.words(color)} {span(table[color], number)}"
    return describe(ax, said)


def _scale(ax: Axes, drawn: LineCollection, label: str) -> None:
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.6, pad=0.01, label=label)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())


def _places(sources: pd.Series, targets: pd.Series) -> dict[Any, tuple[float, float]]:
    """Where each name stands: its part of the network laid out alone, the parts in rows."""
    codes, names = pd.factorize(np.column_stack([sources, targets]).ravel())
    ends = codes[::2].astype(np.int32), codes[1::2].astype(np.int32)
    lines = coo_array((np.ones(len(sources)), ends), shape=[len(names)] * 2)
    far = shortest_path(lines, directed=False, unweighted=True)
    _, part_of = connected_components(lines, directed=False)
    parts = []
    for code in np.unique(part_of):
        parts.append(np.flatnonzero(part_of == code))
    parts.sort(key=lambda part: (-len(part), part[0]))
    rooms = np.array(list(map(len, parts))) ** 0.6 + 0.8
    across = max(WIDE * np.sqrt((rooms**2).sum()) * 0.8, rooms[0] * WIDE)
    place, x, y, row = {}, 0.0, 0.0, 0.0
    for part, room in zip(parts, rooms.tolist(), strict=True):
        if x > 0 and x + room * WIDE > across * 1.02:
            x, y, row = 0.0, y - row, 0.0
        spots = _laid_out(far[np.ix_(part, part)]).tolist()
        for name, (right, up) in zip(names[part], spots, strict=True):
            place[name] = (x + room * WIDE * (0.5 + right), y - room * (0.5 - up))
        x, row = x + room * WIDE, max(row, room)
    return place


def _laid_out(far: np.ndarray) -> np.ndarray:
    """One part within 0.36 of its middle, by stress majorization; two names stand upright."""
    if len(far) == 2:
        return np.array([[0.0, 0.14], [0.0, -0.14]])
    same = np.eye(len(far))
    weight = (far + same) ** -2.0 - same
    pull = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    angle = 2 * np.pi * np.arange(len(far)) / len(far)
    place = np.column_stack([np.cos(angle), np.sin(angle)])
    for _ in range(300):
        push = weight * far / (np.hypot(*(place[:, None] - place).transpose(2, 0, 1)) + same)
        place = pull @ (place * push.sum(axis=1)[:, None] - push @ place)
    return _turned(place - place.mean(axis=0))


def _turned(place: np.ndarray) -> np.ndarray:
    """The points turned, and stretched up to twice, so that names stay apart.

    A name is taken to be four times as wide as high.
    """
    turns = np.exp(1j * np.pi * np.arange(36) / 36)[:, None] * (place @ [1, 1j])
    ways = np.stack([turns.real, turns.imag], axis=2)
    fill = np.array([0.36, 0.3]) / np.maximum(np.abs(ways).max(axis=1, keepdims=True), 1e-9)
    ways *= np.minimum(fill, 2 * fill.min(axis=2, keepdims=True))
    gaps = np.abs(ways[:, :, None] - ways[:, None]) / [4, 1]
    return ways[np.argmax(np.where(np.eye(len(place)), np.inf, gaps.max(axis=3)).min(axis=(1, 2)))]


def _shade(values: pd.Series) -> dict[str, Any]:
    low, high = float(values.min()), float(values.max())
    norm = LogNorm(low, max(high, low * 1.01))
    return {"array": values.to_numpy(float), "cmap": style.hue(style.SEQUENTIAL[1:]), "norm": norm}


def _name_points(
    ax: Axes, place: dict[Any, tuple[float, float]], ends: np.ndarray, sizes: pd.Series
) -> None:
    """The points, each name on the side where fewer of its lines go."""
    spots = np.array(list(map(place.get, sizes.index)))
    area = 14 + 130 * sizes / sizes.max()
    look: dict[str, Any] = {"color": PALETTE[1], "edgecolors": PAPER, "linewidths": 0.8}
    ax.scatter(*spots.T, s=area, zorder=2, **look)
    halo = [patheffects.withStroke(linewidth=2.2, foreground=PAPER)]
    words: dict[str, Any] = {
        "ha": "center",
        "fontsize": 7.2,
        "color": INK,
        "zorder": 3,
        "path_effects": halo,
    }
    for name, spot in zip(sizes.index, spots, strict=True):
        begins, stops = (ends[:, 0] == spot).all(axis=1), (ends[:, 1] == spot).all(axis=1)
        others = np.concatenate([ends[begins, 1], ends[stops, 0]])
        above = (others[:, 1] - spot[1]).sum() <= 0
        side: dict[str, Any] = (
            {"xytext": (0, 5), "va": "bottom"} if above else {"xytext": (0, -5), "va": "top"}
        )
        ax.annotate(short(name, 24), spot, **style.BESIDE, **side, **words)
