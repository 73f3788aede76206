"""Chart forms: each takes a table and returns Axes, all in one visual language (see `plots.style`).

Series are named where they end, values are written where they are, intervals are drawn. The functions
know tables, never models. Words around a chart are the same everywhere: `title`, `xlabel`, `ylabel`,
`fmt` and `ax`, see `Labels`. Every chart leaves a description of itself on its axes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from personalize.plots import style
from personalize.plots.descriptions import describe, rows, span
from personalize.plots.style import INK, PALE, PALETTE, PAPER, Labels, number, short, styled
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
    """Horizontal bars in the order of the table, each with its value and, where given, its interval.

    Parameters
    ----------
    table : one row a bar
    x : column of values (numbers)
    y : column of names
    low, high : columns with the ends of the interval, drawn as whiskers
    highlight : names of the bars to colour, the others turn grey; default: all in one colour
    **labels : see `Labels`; `fmt` formats the values, e.g. "{:.1%}" or "{:,.0f}"
    """
    low, high = style.ends(table, x, low, high)
    style.require(table, "bars", numbers=(x, low, high), others=(y,))
    ax = style.axes(labels, x=x, percent="x", height=0.95 + style.BAR * max(len(table), 2))
    values, spots = table[x].to_numpy(float), np.arange(len(table))
    marked = {short(name) for name in highlight}
    names = [short(name) for name in table[y]]
    ax.barh(
        spots,
        values,
        height=0.68,
        color=[PALETTE[0] if not marked or n in marked else PALE for n in names],
    )
    ends = np.fmax(values, 0)
    if low and high:
        ax.hlines(
            spots,
            table[low].to_numpy(float),
            table[high].to_numpy(float),
            color=INK,
            lw=1.3,
            zorder=3,
        )
        ends = np.fmax(ends, table[high].to_numpy(float))
    style.value_labels(ax, spots, ends, [number(value, labels.get("fmt")) for value in values])
    style.name_rows(ax, names)
    ax.axvline(0, color="#8a929c", lw=0.8)
    return describe(ax, _values(table, y, x, (low, high), labels.get("fmt")))


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
    """Lines over an ordered x (numbers or dates), one a value of `by`, named where they end, with interval bands.

    Parameters
    ----------
    table : one row a point
    x, y : columns
    by : column that splits the rows into lines; the first seen is drawn first
    low, high : columns with the ends of the interval, drawn as a band
    **labels : see `Labels`; `fmt` with a % shows y as percentages
    """
    low, high = style.ends(table, y, low, high)
    style.require(table, "lines", numbers=(y, low, high), others=(x, by))
    ax = style.axes(labels, x=x, y=y, percent="y")
    tips = []
    for i, (name, part) in enumerate(
        [("", table)] if by is None else table.groupby(by, sort=False, observed=True)
    ):
        part, color = part.sort_values(x), PALETTE[i % len(PALETTE)]
        at = part[x].to_numpy()
        ax.plot(at, part[y].to_numpy(float), color=color, ls="-" if i < 4 else "--", zorder=3)
        if low and high:
            ax.fill_between(
                at,
                part[low].to_numpy(float),
                part[high].to_numpy(float),
                color=color,
                alpha=0.16,
                lw=0,
            )
        last = part.dropna(subset=[y]).tail(1)
        tips += [
            (at_end, value, short(name), color)
            for at_end, value in zip(last[x], last[y], strict=True)
        ]
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
    log : ranges of equal ratio on a log axis; values at or below 0 have no place there: the axis says how many
    bins : number of ranges
    marks : name -> place of the upright lines; {} for none
    """
    style.require(table, "histogram", numbers=(x,))
    ax = style.axes(labels, x=x, y="rows", percent="x")
    values = table[x].dropna().to_numpy(float)
    shown = values[values > 0] if log else values
    if len(shown) == 0:
        raise TableError(
            f"plots.histogram: column '{x}' has no values to draw ({len(table):,} rows)"
        )
    ax.hist(shown, bins=_edges(shown, bins, log), color=PALETTE[0], edgecolor=PAPER, linewidth=0.5)
    if log:
        ax.set_xscale("log")
        hidden = (
            f"; {len(values) - len(shown):,} at or below 0 not shown"
            if len(shown) < len(values)
            else ""
        )
        ax.set_xlabel(f"{ax.get_xlabel()} (log scale{hidden})")
    style.number_axes(ax)
    marks = {"median": float(np.median(values))} if marks is None else marks
    _mark(ax, marks)
    ax.grid(axis="x", visible=False)
    named = rows(list(marks), [number(value) for value in marks.values()]) if marks else ""
    said = f"{len(values):,} values of {style.words(x)} from {span(pd.Series(values), number)}"
    return describe(ax, f"{said}, {named}".removesuffix(", "))


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
    """One point a row, with optional area (`size`), colour (`color`: names or numbers) and written names (`label`).

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
    area = (
        pd.Series(22.0, table.index)
        if size is None
        else 12 + 320 * table[size].abs() / (table[size].abs().max() or 1)
    )
    _points(ax, table.assign(x_=table[x], y_=table[y], area_=area), color)
    for axis in "xy" if log is True else log or "":
        getattr(ax, f"set_{axis}scale")("log")
    style.number_axes(ax)
    for name, *place in (
        table.dropna(subset=[label])[[label, x, y]].itertuples(index=False) if label else ()
    ):
        ax.annotate(
            short(name), place, xytext=(6, 4), textcoords="offset points", fontsize=8.5, color=INK
        )
    spans = f"{style.words(x)} {span(table[x], number)}, {style.words(y)} {span(table[y], number)}"
    return describe(ax, f"{len(table):,} points, {spans}")


@styled
def heatmap(
    table: pd.DataFrame, *, diverging: bool | float = False, **labels: Unpack[Labels]
) -> Axes:
    """A grid of numbers, rows by columns of the table, each cell coloured and, up to 400 cells, written out.

    Parameters
    ----------
    table : numbers; the index names the rows; empty cells stay blank
    diverging : True for two colours around 0, a number for around that number (1 for lift), False for one hue
    **labels : see `Labels`; `fmt` formats the cells, default "{:.2f}"
    """
    values = table.to_numpy(float)
    if not np.isfinite(values).any():
        raise TableError(
            f"plots.heatmap: no number to draw in a table of {table.shape[0]} x {table.shape[1]} cells"
        )
    ax = style.axes(labels, height=1.1 + 0.34 * len(table))
    low, high = _limits(values, diverging)
    hues = LinearSegmentedColormap.from_list(
        "house", style.SEQUENTIAL if diverging is False else style.DIVERGING
    )
    image = ax.pcolormesh(values, cmap=hues, vmin=low, vmax=high, edgecolors=PAPER, linewidth=1.2)
    names = [short(name) for name in table.columns]
    turn = 0 if sum(map(len, names)) < 80 else 90
    ax.set_xticks(np.arange(len(names)) + 0.5, names, color=INK, rotation=turn)
    ax.set_yticks(np.arange(len(table)) + 0.5, [short(name) for name in table.index], color=INK)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    if values.size > 400:
        ax.figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02).outline.set_visible(False)
    else:
        _write_cells(ax, image, values, labels.get("fmt", "{:.2f}"))
    return describe(ax, _extremes(table, labels.get("fmt", "{:.2f}")))


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
    low, high : columns with the ends of the interval; default: `<estimate>_low` and `<estimate>_high`
    reference : value of no difference; rows whose interval holds it are grey
    """
    low, high = style.ends(table, estimate, low, high)
    if low is None or high is None:
        raise TableError(
            f"plots.intervals: name the columns low= and high=, or give the table {estimate}_low and "
            f"{estimate}_high; present: {list(table.columns)}"
        )
    style.require(table, "intervals", numbers=(estimate, low, high), others=(label,))
    ax = style.axes(labels, x=estimate, percent="x", height=1.0 + style.BAR * max(len(table), 2))
    spots = np.arange(len(table))
    value, left, right = (table[name].to_numpy(float) for name in (estimate, low, high))
    unsure = (
        np.zeros(len(table), bool)
        if reference is None
        else (left <= reference) & (reference <= right)
    )
    colors = np.where(unsure, "#8a929c", PALETTE[0]).tolist()
    ax.hlines(spots, left, right, color=colors, lw=2.4)
    ax.scatter(value, spots, color=colors, s=34, zorder=3)
    if reference is not None:
        ax.axvline(reference, color=PALETTE[1], lw=1.2, ls=(0, (4, 3)))
    style.value_labels(
        ax, spots, np.fmax(right, value), [number(v, labels.get("fmt")) for v in value]
    )
    style.name_rows(ax, [short(name) for name in table[label]])
    said = _values(table, label, estimate, (low, high), labels.get("fmt"))
    return describe(ax, said if reference is None else f"{said}; reference {number(reference)}")


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
    x : column of what was said; y : column of what was seen, in the same unit
    low, high : columns with the ends of the interval of y, drawn as whiskers; default: `<y>_low`, `<y>_high`
    by : column that splits the rows into series, each in its colour with a key
    **labels : see `Labels`; `fmt` with a % shows both axes as percentages
    """
    low, high = style.ends(table, y, low, high)
    style.require(table, "agreement", numbers=(x, y, low, high), others=(by,))
    ax = style.axes(labels, x=x, y=y, percent="xy", height=4.2)
    highest = table[[column for column in (x, y, high) if column]]
    top = float(np.nanmax(highest.to_numpy(float)))
    ax.plot([0, top], [0, top], color=PALE, lw=1.4, ls=(0, (4, 3)), zorder=1)
    for i, (name, part) in enumerate(
        [("", table)] if by is None else table.groupby(by, sort=False, observed=True)
    ):
        at, color = part[x].to_numpy(float), PALETTE[i % len(PALETTE)]
        if low and high:
            ends = part[low].to_numpy(float), part[high].to_numpy(float)
            ax.vlines(at, *ends, color=color, lw=1.4, alpha=0.6)
        ax.scatter(at, part[y].to_numpy(float), color=color, s=26, zorder=3, label=short(name))
    style.number_axes(ax)
    if by is not None:
        ax.legend(loc="upper left")
    return describe(ax, _courses(table, x, y, by, labels.get("fmt")))


def _values(
    table: pd.DataFrame,
    name: str,
    value: str,
    ends: tuple[str | None, str | None],
    fmt: str | None,
) -> str:
    """Every row in words: its name, value and interval."""
    names = [short(one) for one in table[name]]
    columns = [value, *(end for end in ends if end)]
    written = [[number(one, fmt) for one in table[column].astype(float)] for column in columns]
    return rows(names, *written)


def _courses(table: pd.DataFrame, x: str, y: str, by: str | None, fmt: str | None) -> str:
    """Every line in words: where it begins and ends, and its range."""
    parts = []
    lines_of = [("", table)] if by is None else table.groupby(by, sort=False, observed=True)
    for name, part in lines_of:
        known = part.dropna(subset=[y]).sort_values(x)
        if known.empty:
            continue
        first, last = (_point(known.iloc[place], x, y, fmt) for place in (0, -1))
        low, high = number(known[y].min(), fmt), number(known[y].max(), fmt)
        parts.append(f"{name} {first} to {last}, between {low} and {high}".strip())
    return "; ".join(parts) or "0 points"


def _point(row: pd.Series, x: str, y: str, fmt: str | None) -> str:
    at = row[x]
    place = f"{at:%Y-%m-%d}" if isinstance(at, pd.Timestamp) else str(at)
    return f"{number(row[y], fmt)} at {place}"


def _extremes(table: pd.DataFrame, fmt: str) -> str:
    """The smallest and the largest cell of a grid in words."""
    cells = table.stack()
    cells = cells[np.isfinite(cells.to_numpy(float))]
    parts = [f"{len(table)} x {len(table.columns)} cells"]
    for word, place in (("from", cells.idxmin()), ("to", cells.idxmax())):
        parts.append(f"{word} {fmt.format(cells[place])} ({place[0]}, {place[1]})")
    return " ".join(parts)


def _edges(values: np.ndarray, bins: int, log: bool) -> np.ndarray:
    low, high = values.min(), values.max()
    high = high if high > low else low + max(abs(low) * 0.01, 1e-9)
    return np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)


def _mark(ax: Axes, marks: Mapping[str, float]) -> None:
    for i, (name, value) in enumerate(marks.items()):
        color = PALETTE[1 + i % 3]
        place, text = (value, 1 - 0.08 * i), f"{name} {number(value)}"
        ax.axvline(value, color=color, lw=1.5)
        ax.annotate(
            text, place, xycoords=("data", "axes fraction"), xytext=(4, -3), textcoords="offset points",
            va="top", fontsize=9, color=style.darker(color), weight="bold",
            bbox={"facecolor": PAPER, "alpha": 0.8, "pad": 1, "linewidth": 0},
        )  # fmt: skip


def _points(ax: Axes, table: pd.DataFrame, color: str | None) -> None:
    look = {"alpha": 0.75, "linewidths": 0.5, "edgecolors": PAPER}
    if color is None:
        ax.scatter(table.x_, table.y_, s=table.area_, color=PALETTE[0], **look)
    elif pd.api.types.is_numeric_dtype(table[color]) and not pd.api.types.is_bool_dtype(
        table[color]
    ):
        hue = LinearSegmentedColormap.from_list("house", style.SEQUENTIAL[1:])
        points = ax.scatter(
            table.x_, table.y_, s=table.area_, c=table[color].to_numpy(float), cmap=hue, **look
        )
        bar = ax.figure.colorbar(points, ax=ax, shrink=0.7, pad=0.02, label=color.replace("_", " "))
        bar.outline.set_visible(False)
    else:
        for i, (name, part) in enumerate(table.groupby(color, sort=False, observed=True)):
            ax.scatter(
                part.x_,
                part.y_,
                s=part.area_,
                color=PALETTE[i % len(PALETTE)],
                label=short(name),
                **look,
            )
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(1, 1),
            handletextpad=0.2,
            title=color.replace("_", " "),
        )


def _limits(values: np.ndarray, diverging: bool | float) -> tuple[float, float]:
    if diverging is False:
        return float(np.nanmin(values)), float(np.nanmax(values))
    middle = 0.0 if diverging is True else float(diverging)
    spread = float(np.nanmax(np.abs(values - middle))) or 1.0
    return middle - spread, middle + spread


def _write_cells(ax: Axes, image: Any, values: np.ndarray, fmt: str) -> None:
    light = image.to_rgba(values)[..., :3].sum(axis=-1)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ink = PAPER if light[row, column] < 1.5 else INK
            said = ax.text(
                column + 0.5,
                row + 0.5,
                fmt.format(value),
                ha="center",
                va="center",
                size=8.5,
                color=ink,
            )
            said.set_in_layout(False)  # inside the cell: nothing to make room for
