"""Chart forms: each takes a table and returns Axes, all in one visual language (see `plots.style`).

Series are named where they end, values are written where they are, intervals are drawn. The
functions know tables, never models. Words around a chart are the same everywhere: `title`,
`xlabel`, `ylabel`, `fmt` and `ax`, see `Labels`. A chart describes itself on its axes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from personalize.plots import style
from personalize.plots.descriptions import describe, rows, span
from personalize.plots.style import (
    INK,
    MIDDLE,
    PALE,
    PALETTE,
    PAPER,
    Labels,
    names_of,
    number,
    short,
    styled,
    written,
)
from personalize.tables import TableError


@styled
def bars(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    highlight: Sequence[Any] = (),
    **labels: Unpack[Labels],
) -> Axes:
    """Horizontal bars in the order of the table, each with its value and, where known, interval.

    Parameters
    ----------
    table : one row a bar
    x : column of values (numbers)
    y : column of names
    low, high : columns with the ends of the interval, drawn as whiskers; default: `<x>_low` and
        `<x>_high` where the table has them
    highlight : names of the bars to colour, the others turn grey; default: all in one colour
    **labels : see `Labels`; `fmt` formats the values, e.g. "{:.1%}" or "{:,.0f}"
    """
    low, high = style.ends(table, x, low, high)
    style.require(table, "bars", numbers=(x, low, high), others=(y,))
    ax = style.axes(labels, x=x, percent="x", height=0.95 + style.BAR * max(len(table), 2))
    values = table[x].to_numpy(float)
    spots = np.arange(len(table))
    colors = np.full(len(table), PALETTE[0], dtype=object)
    if len(highlight):
        colors[~table[y].isin(highlight)] = PALE
    ax.barh(spots, values, height=0.68, color=colors.tolist())
    ends = np.fmax(values, 0)
    if low and high:
        left, right = table[low].to_numpy(float), table[high].to_numpy(float)
        ax.hlines(spots, left, right, color=INK, lw=1.3, zorder=3)
        ends = np.fmax(ends, right)
    fmt = labels.get("fmt")
    style.value_labels(ax, spots, ends, written(table[x], fmt))
    style.name_rows(ax, names_of(table[y]))
    ax.axvline(0, color=MIDDLE, lw=0.8)
    return describe(ax, _values(table, y, (x, low, high), fmt))


@styled
def lines(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    by: str | None = None,
    low: str | None = None,
    high: str | None = None,
    **labels: Unpack[Labels],
) -> Axes:
    """Lines over an ordered x, one a value of `by`, named where they end, with interval bands.

    Parameters
    ----------
    table : one row a point
    x : column of numbers or dates
    y : column of numbers
    by : column that splits the rows into lines; the first seen is drawn first
    low, high : columns with the ends of the interval, drawn as a band; default: `<y>_low` and
        `<y>_high` where the table has them
    **labels : see `Labels`; `fmt` with a % shows y as percentages
    """
    low, high = style.ends(table, y, low, high)
    style.require(table, "lines", numbers=(y, low, high), others=(x, by))
    ax = style.axes(labels, x=x, y=y, percent="y")
    tips = []
    for i, (name, part) in enumerate(_parts(table, by)):
        part = part.sort_values(x)
        color = PALETTE[i % len(PALETTE)]
        at = part[x].to_numpy()
        ax.plot(at, part[y].to_numpy(float), color=color, ls=style.DASHES[i // 4 % 2], zorder=3)
        if low and high:
            band = part[low].to_numpy(float), part[high].to_numpy(float)
            ax.fill_between(at, *band, color=color, alpha=0.16, lw=0)
        known = part.dropna(subset=[y])
        if len(known):
            tips.append((known[x].iloc[-1], known[y].iloc[-1], short(name), color))
    style.format_x(ax, table[x])
    style.number_axes(ax, "y")
    if by is not None:
        style.end_labels(ax, tips)
    return describe(ax, _courses(table, x, y, by, labels.get("fmt")))


@styled
def histogram(
    table: pd.DataFrame,
    *,
    x: str,
    log: bool = False,
    bins: int = 40,
    marks: Mapping[str, float] | None = None,
    **labels: Unpack[Labels],
) -> Axes:
    """How many rows fall into each range of `x`, with named upright lines (by default the median).

    Parameters
    ----------
    table : one row a counted thing
    x : column of numbers; empty ones are left out
    log : ranges of equal ratio on a log axis; values at or below 0 have no place there: the axis
        says how many
    bins : number of ranges
    marks : name -> place of the upright lines; {} for none
    """
    style.require(table, "histogram", numbers=(x,))
    values = table[x].dropna()
    shown = values[values > 0] if log else values
    if shown.empty:
        return style.say(labels, f"0 values to draw in {len(table):,} rows")
    ax = style.axes(labels, x=x, y="rows", percent="x")
    what = ax.get_xlabel() or style.words(x)
    ranges = _ranges(shown.to_numpy(float), bins, log)
    ax.hist(shown, bins=ranges, color=PALETTE[0], edgecolor=PAPER, linewidth=0.5)
    if log:
        ax.set_xscale("log")
        hidden = len(values) - len(shown)
        hidden_note = f"; {hidden:,} at or below 0 not shown" if hidden else ""
        ax.set_xlabel(f"{ax.get_xlabel()} (log scale{hidden_note})")
    style.number_axes(ax)
    ax.grid(axis="x", visible=False)
    if marks is None:
        marks = {"median": values.median()}
    marked = pd.Series(marks, dtype=float)
    _mark(ax, marked)
    said = f"{len(values):,} values of {what} from {span(values, number)}"
    if len(marked):
        said += ", " + rows(list(marked.index), written(marked))
    return describe(ax, said)


@styled
def scatter(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    size: str | None = None,
    color: str | None = None,
    label: str | None = None,
    log: bool | str = False,
    **labels: Unpack[Labels],
) -> Axes:
    """One point a row, with optional area (`size`), colour (`color`) and written names (`label`).

    Parameters
    ----------
    table : one row a point
    x, y : columns of numbers
    size : column of numbers, shown as area
    color : column of names (colours of the palette with a key) or of numbers (one hue with a scale)
    label : column of names to write; missing ones are not written
    log : True for both axes, "x" or "y" for one
    """
    style.require(table, "scatter", numbers=(x, y, size), others=(color, label))
    ax = style.axes(labels, x=x, y=y, percent="xy", height=4.2)
    area = pd.Series(22.0, table.index)
    if size is not None:
        sizes = table[size].abs()
        area = 12 + 320 * sizes / (sizes.max() or 1)
    _points(ax, table.assign(x_=table[x], y_=table[y], area_=area), color)
    if log in (True, "x"):
        ax.set_xscale("log")
    if log in (True, "y"):
        ax.set_yscale("log")
    style.number_axes(ax)
    if label is not None:
        for name, *place in table.dropna(subset=[label])[[label, x, y]].itertuples(index=False):
            ax.annotate(short(name), place, xytext=(6, 4), **style.BESIDE, fontsize=8.5, color=INK)
    across, up = ax.get_xlabel() or style.words(x), ax.get_ylabel() or style.words(y)
    spans = f"{across} {span(table[x], number)}, {up} {span(table[y], number)}"
    return describe(ax, f"{len(table):,} points, {spans}")


@styled
def heatmap(
    table: pd.DataFrame, *, diverging: bool | float = False, **labels: Unpack[Labels]
) -> Axes:
    """A grid of numbers, each cell coloured and, up to 400 cells, written out.

    Parameters
    ----------
    table : numbers; the index names the rows; empty cells stay blank
    diverging : True for two colours around 0, a number for around that number (1 for lift), False
        for one hue
    **labels : see `Labels`; `fmt` formats the cells, default "{:.2f}"
    """
    values = table.to_numpy(float)
    if not np.isfinite(values).any():
        cells = f"{len(table)} x {len(table.columns)} cells"
        return style.say(labels, f"0 values to draw in {cells}")
    ax = style.axes(labels, height=1.1 + 0.34 * len(table))
    low, high = _limits(values, diverging)
    hues = style.SEQUENTIAL if diverging is False else style.DIVERGING
    image = ax.pcolormesh(
        values, cmap=style.hue(hues), vmin=low, vmax=high, edgecolors=PAPER, linewidth=1.2
    )
    names = names_of(table.columns)
    turn = 90 * (len("".join(names)) >= 80)
    ax.set_xticks(np.arange(len(names)) + 0.5, names, color=INK, rotation=turn)
    ax.set_yticks(np.arange(len(table)) + 0.5, names_of(table.index), color=INK)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    fmt = labels.get("fmt", "{:.2f}")
    if values.size > 400:
        ax.figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02).outline.set_visible(False)
    else:
        _write_cells(ax, image, values, fmt)
    return describe(ax, _extremes(table, fmt))


@styled
def intervals(
    table: pd.DataFrame,
    *,
    label: str,
    estimate: str,
    low: str | None = None,
    high: str | None = None,
    reference: float | None = None,
    **labels: Unpack[Labels],
) -> Axes:
    """Estimates with their intervals, one a row, against a reference line (a forest plot).

    Parameters
    ----------
    table : one row an estimate
    label, estimate : columns
    low, high : columns with the ends of the interval; default: `<estimate>_low`, `<estimate>_high`
    reference : value of no difference; rows whose interval holds it are grey
    """
    low, high = style.ends(table, estimate, low, high)
    if low is None or high is None:
        raise TableError(
            f"plots.intervals: name the columns low= and high=, or give the table {estimate}_low "
            f"and {estimate}_high; present: {list(table.columns)}"
        )
    style.require(table, "intervals", numbers=(estimate, low, high), others=(label,))
    ax = style.axes(labels, x=estimate, percent="x", height=1.0 + style.BAR * max(len(table), 2))
    spots = np.arange(len(table))
    value, left, right = table[[estimate, low, high]].to_numpy(float).T
    colors = np.full(len(table), PALETTE[0], dtype=object)
    if reference is not None:
        colors[(left <= reference) & (reference <= right)] = MIDDLE
        ax.axvline(reference, color=PALETTE[1], lw=1.2, ls=(0, (4, 3)))
    ax.hlines(spots, left, right, color=colors.tolist(), lw=2.4)
    ax.scatter(value, spots, color=colors.tolist(), s=34, zorder=3)
    fmt = labels.get("fmt")
    style.value_labels(ax, spots, np.fmax(right, value), written(table[estimate], fmt))
    style.name_rows(ax, names_of(table[label]))
    said = _values(table, label, (estimate, low, high), fmt)
    if reference is not None:
        said += f"; reference {number(reference)}"
    return describe(ax, said)


@styled
def agreement(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    by: str | None = None,
    **labels: Unpack[Labels],
) -> Axes:
    """Points with their intervals against the diagonal, on which x equals y: a calibration plot.

    Parameters
    ----------
    table : one row a point
    x : column of what was said
    y : column of what was seen, in the same unit
    low, high : columns with the ends of the interval of y, drawn as whiskers; default: `<y>_low`
        and `<y>_high` where the table has them
    by : column that splits the rows into series, each in its colour with a key
    **labels : see `Labels`; `fmt` with a % shows both axes as percentages
    """
    low, high = style.ends(table, y, low, high)
    style.require(table, "agreement", numbers=(x, y, low, high), others=(by,))
    ax = style.axes(labels, x=x, y=y, percent="xy", height=4.2)
    top = float(table[[x, y, high or y]].max(axis=None))
    ax.plot([0, top], [0, top], color=PALE, lw=1.4, ls=(0, (4, 3)), zorder=1)
    for i, (name, part) in enumerate(_parts(table, by)):
        at = part[x].to_numpy(float)
        color = PALETTE[i % len(PALETTE)]
        if low and high:
            whiskers = part[low].to_numpy(float), part[high].to_numpy(float)
            ax.vlines(at, *whiskers, color=color, lw=1.4, alpha=0.6)
        ax.scatter(at, part[y].to_numpy(float), color=color, s=26, zorder=3, label=short(name))
    style.number_axes(ax)
    if by is not None:
        ax.legend(loc="upper left")
    return describe(ax, _courses(table, x, y, by, labels.get("fmt")))


def _parts(table: pd.DataFrame, by: str | None) -> Iterable[tuple[Any, pd.DataFrame]]:
    """The rows of each series, in the order in which the series are first seen."""
    return [("", table)] if by is None else table.groupby(by, sort=False, observed=True)


def _values(table: pd.DataFrame, name: str, columns: Sequence[str | None], fmt: str | None) -> str:
    """Every row in words: its name, value and interval."""
    texts = []
    for column in filter(None, columns):
        texts.append(written(table[column], fmt))
    return rows(names_of(table[name]), *texts)


def _courses(table: pd.DataFrame, x: str, y: str, by: str | None, fmt: str | None) -> str:
    """Every line in words: where it begins and ends, and its range."""
    said = []
    for name, part in _parts(table.dropna(subset=[y]).sort_values(x, kind="stable"), by):
        if part.empty:
            continue
        values = written(part[y], fmt)
        first, last = _place(part[x].iloc[0]), _place(part[x].iloc[-1])
        course = f"{values[0]} at {first} to {values[-1]} at {last}"
        low, high = number(part[y].min(), fmt), number(part[y].max(), fmt)
        said.append(f"{name} {course}, between {low} and {high}".strip())
    return "; ".join(said) or "0 points"


def _place(at: Any) -> str:
    if isinstance(at, pd.Timestamp):
        return f"{at:%Y-%m-%d}"
    if isinstance(at, float | np.floating):
        return number(float(at))
    return str(at)


def _extremes(table: pd.DataFrame, fmt: str) -> str:
    """The smallest and the largest cell of a grid in words."""
    cells = table.astype(float).stack().dropna()
    low, high = cells.idxmin(), cells.idxmax()
    return (
        f"{len(table)} x {len(table.columns)} cells from {fmt.format(cells[low])} "
        f"({low[0]}, {low[1]}) to {fmt.format(cells[high])} ({high[0]}, {high[1]})"
    )


def _ranges(values: np.ndarray, bins: int, log: bool) -> np.ndarray:
    low, high = values.min(), values.max()
    if high <= low:
        high = low + max(abs(low) * 0.01, 1e-9)
    return np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)


def _mark(ax: Axes, marks: pd.Series) -> None:
    """Named upright lines."""
    for i, (name, value) in enumerate(marks.items()):
        color = PALETTE[1 + i % 3]
        ax.axvline(value, color=color, lw=1.5)
        ax.annotate(
            f"{name} {number(value)}",
            (value, 1 - 0.08 * i),
            xycoords=("data", "axes fraction"),
            xytext=(4, -3),
            va="top",
            fontsize=9,
            color=style.darker(color),
            weight="bold",
            bbox={"facecolor": PAPER, "alpha": 0.8, "pad": 1, "linewidth": 0},
            **style.BESIDE,
        )


def _points(ax: Axes, table: pd.DataFrame, color: str | None) -> None:
    look: dict[str, Any] = {"alpha": 0.75, "linewidths": 0.5, "edgecolors": PAPER}
    if color is None:
        ax.scatter(table.x_, table.y_, s=table.area_, color=PALETTE[0], **look)
        return
    kind = table[color].dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        shade: dict[str, Any] = {
            "c": table[color].to_numpy(float),
            "cmap": style.hue(style.SEQUENTIAL[1:]),
        }
        points = ax.scatter(table.x_, table.y_, s=table.area_, **shade, **look)
        bar = ax.figure.colorbar(points, ax=ax, shrink=0.7, pad=0.02, label=style.words(color))
        bar.outline.set_visible(False)
        return
    for i, (name, part) in enumerate(_parts(table, color)):
        named: dict[str, Any] = {"color": PALETTE[i % len(PALETTE)], "label": short(name)}
        ax.scatter(part.x_, part.y_, s=part.area_, **named, **look)
    title = color.replace("_", " ")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.2, title=title)


def _limits(values: np.ndarray, diverging: bool | float) -> tuple[float, float]:
    if diverging is False:
        return float(np.nanmin(values)), float(np.nanmax(values))
    middle = 0.0
    if diverging is not True:
        middle = float(diverging)
    spread = float(np.nanmax(np.abs(values - middle))) or 1.0
    return middle - spread, middle + spread


def _write_cells(ax: Axes, image: Any, values: np.ndarray, fmt: str) -> None:
    light = image.to_rgba(values)[..., :3].sum(axis=-1)
    centred: dict[str, Any] = {"ha": "center", "va": "center", "size": 8.5}
    for row, column in np.argwhere(np.isfinite(values)):
        ink = PAPER if light[row, column] < 1.5 else INK
        said = ax.text(
            column + 0.5, row + 0.5, fmt.format(values[row, column]), color=ink, **centred
        )
        said.set_in_layout(False)  # inside the cell: nothing to make room for
