"""A network: names joined by lines, each group of joined names laid out on its own."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.ticker import LogLocator, NullLocator

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
    Each connected part is laid out so that distances come close to shortest paths (Kamada and Kawai 1989, solved by
    stress majorization from a circle: nothing is random); the parts are set side by side, the largest first.

    References
    ----------
    Gansner, Koren, North (2004), Graph drawing by stress majorization, GD 2004, LNCS 3383.
    """
    style.require(table, "network", numbers=(width, color), others=(source, target))
    ax = style.axes(labels, height=5.2)
    place = _places(table[source], table[target])
    ends = np.array(
        [[place[a], place[b]] for a, b in zip(table[source], table[target], strict=True)]
    )
    size = table[width].to_numpy(float) / table[width].max()
    look = {"colors": PALETTE[0]} if color is None else _shade(table[color])
    drawn = ax.add_collection(LineCollection(ends, linewidths=0.8 + 4.5 * size, zorder=1, **look))
    if color is not None:
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.6, pad=0.01, label=color.replace("_", " "))
        bar.outline.set_visible(False)
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        bar.ax.yaxis.set_minor_locator(NullLocator())
    _name_points(
        ax, place, ends, pd.concat([table.groupby(side)[width].sum() for side in (source, target)])
    )
    ax.margins(0.09, 0.06)
    ax.set_axis_off()
    parts = f"{len(place)} names, {len(table)} lines, {style.words(width)} "
    said = parts + span(table[width], number)
    if color is not None:
        said += f", {style.words(color)} {span(table[color], number)}"
    return describe(ax, said)


def _places(sources: Sequence[Any], targets: Sequence[Any]) -> dict[Any, tuple[float, float]]:
    """Where each name stands: its part of the network laid out alone, the parts in rows."""
    names, far = _steps(sources, targets)
    parts = sorted(
        {tuple(np.flatnonzero(row)) for row in np.isfinite(far)},
        key=lambda part: (-len(part), part),
    )
    rooms = [len(part) ** 0.6 + 0.8 for part in parts]
    across = max(WIDE * np.sqrt(sum(room**2 for room in rooms)) * 0.8, rooms[0] * WIDE)
    place, x, y, row = {}, 0.0, 0.0, 0.0
    for part, room in zip(parts, rooms, strict=True):
        if x > 0 and x + room * WIDE > across * 1.02:
            x, y, row = 0.0, y - row, 0.0
        for k, (right, up) in zip(part, _laid_out(far[np.ix_(part, part)]).tolist(), strict=True):
            place[names[k]] = (x + room * WIDE * (0.5 + right), y - room * (0.5 - up))
        x, row = x + room * WIDE, max(row, room)
    return place


def _steps(sources: Sequence[Any], targets: Sequence[Any]) -> tuple[list[Any], np.ndarray]:
    """The names, and how many lines the shortest way between each two has (Floyd); inf where there is none."""
    code = {
        name: k for k, name in enumerate(dict.fromkeys(chain(*zip(sources, targets, strict=True))))
    }
    ends = [[code[name] for name in side] for side in (sources, targets)]
    far = np.full((len(code), len(code)), np.inf)
    far[ends, ends[::-1]] = 1
    np.fill_diagonal(far, 0)
    for k in range(len(code)):
        np.minimum(far, far[:, k, None] + far[k], out=far)
    return list(code), far


def _laid_out(far: np.ndarray) -> np.ndarray:
    """One part within 0.36 of its middle, by stress majorization; two names stand one above the other."""
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
    """The points turned, and stretched up to twice, so that names stay apart: one is four times as wide as high."""
    turns = np.exp(1j * np.pi * np.arange(36) / 36)[:, None] * (place @ [1, 1j])
    ways = np.stack([turns.real, turns.imag], axis=2)
    fill = np.array([0.36, 0.3]) / np.maximum(np.abs(ways).max(axis=1, keepdims=True), 1e-9)
    ways *= np.minimum(fill, 2 * fill.min(axis=2, keepdims=True))
    gaps = np.abs(ways[:, :, None] - ways[:, None]) / [4, 1]
    return ways[np.argmax(np.where(np.eye(len(place)), np.inf, gaps.max(axis=3)).min(axis=(1, 2)))]


def _shade(values: pd.Series) -> dict[str, Any]:
    hue = LinearSegmentedColormap.from_list("house", style.SEQUENTIAL[1:])
    low, high = float(values.min()), float(values.max())
    return {
        "array": values.to_numpy(float),
        "cmap": hue,
        "norm": LogNorm(low, max(high, low * 1.01)),
    }


def _name_points(
    ax: Axes, place: dict[Any, tuple[float, float]], ends: np.ndarray, sizes: pd.Series
) -> None:
    """The points, each name on the side where fewer of its lines go."""
    total = sizes.groupby(level=0).sum()
    spots = np.array([place[name] for name in total.index])
    ax.scatter(
        *spots.T,
        s=14 + 130 * total / total.max(),
        color=PALETTE[1],
        edgecolors=PAPER,
        linewidths=0.8,
        zorder=2,
    )
    halo = [patheffects.withStroke(linewidth=2.2, foreground=PAPER)]
    for name, spot in zip(total.index, spots, strict=True):
        others = np.concatenate([ends[(ends[:, i] == spot).all(axis=1), 1 - i] for i in (0, 1)])
        above = (others[:, 1] - spot[1]).sum() <= 0
        ax.annotate(
            short(name, 24), spot, xytext=(0, 5 if above else -5), textcoords="offset points", ha="center",
            va="bottom" if above else "top", fontsize=7.2, color=INK, zorder=3, path_effects=halo,
        )  # fmt: skip
