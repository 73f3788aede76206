"""The visual language: colours, type, axes and words that every chart shares.

Nothing is set globally: `styled` applies the style to one figure at a time. Colours are safe for
colour-blind readers (Okabe and Ito); charts sit on paper white so that they read on light and dark
pages alike.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from typing import Any, TypedDict

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import Formatter, MaxNLocator, PercentFormatter

from personalize import glossary
from personalize.plots.descriptions import describe
from personalize.tables import Absent, TableError

INK, SOFT, GRID, PALE, PAPER = "#1c2430", "#5b6470", "#e3e6ea", "#b8bfc8", "#ffffff"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#e69f00", "#56b4e9", "#5b6470")
SEQUENTIAL = ("#f3f7fb", "#9cc4e0", "#3f8dc0", "#0b4f80")
DIVERGING = ("#b34700", "#f0b98d", "#f7f7f5", "#8fc1de", "#00568c")
MIDDLE = "#8a929c"  # lines of reference and what is not sure
WIDTH, DPI, BAR = 7.2, 150, 0.30  # inches, dots an inch, inches a bar
EDGE = 0.09  # inches between the words and the edge of the picture
FONT = "DejaVu Sans"  # comes with matplotlib: the same everywhere
CJK = (
    "Noto Sans CJK",
    "Source Han Sans",
    "WenQuanYi",
    "PingFang",
    "Hiragino",
    "Microsoft YaHei",
    "SimHei",
)
DASHES = ("-", "--")  # of the first four lines, and of the next
BESIDE: dict[str, Any] = {"textcoords": "offset points"}  # of words that stand beside a point
STYLE = {
    "figure.facecolor": PAPER,
    "figure.dpi": DPI,
    "axes.facecolor": PAPER,
    "font.family": [FONT],
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.8,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titley": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.bottom": False,
    "ytick.left": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "text.hinting": "no_hinting",
}


class Labels(TypedDict, total=False):
    """Words around any chart: title, labels of the axes (with the unit), value format, axes."""

    title: str
    xlabel: str
    ylabel: str
    fmt: str
    ax: Axes | None


def styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Return `draw` run under the house style, leaving matplotlib's own settings as they were.

    What is absent is handed on, and a table without rows gives axes that say so.
    """

    @wraps(draw)
    def inside(*args: Any, **kwargs: Any) -> Any:
        table = args[0] if args else None
        with matplotlib.rc_context(STYLE):
            if isinstance(table, Absent):
                if kwargs.get("ax"):
                    say(kwargs, repr(table))
                return table
            if isinstance(table, pd.DataFrame) and table.empty:
                return say(kwargs, "0 rows to draw")
            return draw(*args, **kwargs)

    return inside


def say(labels: Mapping[str, Any], words: str) -> Axes:
    """Axes that hold a sentence in place of a chart."""
    ax = labels.get("ax") or figure(height=1.4)[1]
    ax.set_title(labels.get("title", ""))
    ax.set_axis_off()
    ax.text(0, 0.5, words, color=SOFT, transform=ax.transAxes, wrap=True)
    return describe(ax, words)


@styled
def figure(
    rows: int = 1, columns: int = 1, *, width: float = WIDTH, height: float = 0
) -> tuple[Figure, Any]:
    """An empty figure in the house style and its axes.

    Parameters
    ----------
    rows, columns : number of panels
    width : inches; the default fills a report's column
    height : inches; 0 gives 3.4 for one row of panels and 3.0 a row for several

    Returns
    -------
    tuple : the figure, and its Axes (1 x 1) or array of Axes

    >>> fig, axes = figure(1, 2)
    >>> axes.shape
    (2,)
    """
    size = (width, height or rows * (3.4 if rows == 1 else 3.0))
    fig = Figure(
        figsize=size,
        layout=ConstrainedLayoutEngine(w_pad=EDGE, h_pad=EDGE, wspace=0.05, hspace=0.06),
    )
    return fig, fig.subplots(rows, columns)


def number(value: float, fmt: str | None = None) -> str:
    """A number as a reader wants it: thousands separated, three or four digits that matter.

    >>> number(1234567.8), number(12.345), number(0.01234), number(3.0), number(float("nan"))
    ('1,234,568', '12.3', '0.0123', '3', '–')
    """
    if not np.isfinite(value):
        return "–"
    if fmt:
        return fmt.format(value)
    size = abs(value)
    if value == int(value) or size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3g}"


def written(values: pd.Series, fmt: str | None = None) -> list[str]:
    """Every number of a column as a reader wants it (see `number`)."""
    return values.astype(float).map(lambda value: number(value, fmt)).tolist()


def short(value: Any, longest: int = 44) -> str:
    """A name short enough for an axis; sets are joined, dollar signs stay dollar signs.

    >>> short(("BEER", "CHIPS"))
    'BEER + CHIPS'
    """
    joined = isinstance(value, tuple | list | set | frozenset)
    text = " + ".join(map(str, value)) if joined else str(value)
    if len(text) > longest:
        text = text[: longest - 1].rstrip() + "…"
    return text.replace("$", r"\$")


def names_of(values: Iterable[Any]) -> list[str]:
    """Every name short enough for an axis (see `short`)."""
    return list(map(short, values))


def hue(colors: Sequence[str]) -> LinearSegmentedColormap:
    """A colour map that runs through the colours."""
    return LinearSegmentedColormap.from_list("house", colors)


def axes(
    labels: Mapping[str, Any], *, x: str = "", y: str = "", percent: str = "", height: float = 0
) -> Axes:
    """The axes to draw on, with their words.

    `x` and `y` name the columns, `percent` the axes that show percentages where `fmt` has a %.
    """
    known = sorted(Labels.__annotations__)
    if unknown := sorted(set(labels) - set(known)):
        raise TypeError(f"unknown argument {unknown}; a chart also takes {known}")
    ax = labels.get("ax") or figure(height=height)[1]
    ax.set_title(labels.get("title", ""))
    ax.set_xlabel(labels.get("xlabel", words(x)))
    ax.set_ylabel(labels.get("ylabel", words(y)))
    if "%" in labels.get("fmt", ""):
        for name in percent:
            getattr(ax, f"{name}axis").set_major_formatter(PercentFormatter(1))
    return ax


def words(column: str, longest: int = 48) -> str:
    """A column's name as an axis label: the glossary's words where they are short, else its own.

    >>> words("net_amount")
    'net amount'
    """
    known = glossary.meaning(column).text
    if 0 < len(known) <= longest:
        return known
    return column.replace("_", " ")


def ends(
    table: pd.DataFrame, value: str, low: str | None, high: str | None
) -> tuple[str | None, str | None]:
    """The columns that hold the interval of a value: those named, else those named after it."""
    own = (f"{value}_low", f"{value}_high")
    if low is None and high is None and set(own) <= set(table.columns):
        return own
    return low, high


def require(
    table: pd.DataFrame,
    what: str,
    *,
    numbers: Sequence[str | None],
    others: Sequence[str | None] = (),
) -> None:
    """Raise TableError unless the columns are there and the numbers are numbers."""
    problems = []
    for name in filter(None, (*numbers, *others)):
        if name not in table.columns:
            problems.append(f"no column '{name}'; present: {list(table.columns)}")
        elif name in numbers and not pd.api.types.is_numeric_dtype(table[name]):
            problems.append(f"column '{name}' must hold numbers, not {table[name].dtype}")
    if problems:
        raise TableError.of(f"plots.{what} cannot draw this table:", problems)


def value_labels(ax: Axes, spots: np.ndarray, ends: np.ndarray, texts: Sequence[str]) -> None:
    """Write each value to the right of where its bar or interval ends."""
    paper = {"facecolor": PAPER, "alpha": 0.8, "pad": 0.6, "linewidth": 0}
    look: dict[str, Any] = {"va": "center", "fontsize": 9, "color": INK, "bbox": paper}
    starts = np.where(np.isfinite(ends), ends, 0)
    for spot, start, text in zip(spots, starts, texts, strict=True):
        ax.annotate(text, (start, spot), xytext=(5, 0), **BESIDE, **look)
    ax.margins(x=0.02)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    number_axes(ax, "x")


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows of a chart of rows, first row on top."""
    ax.set_yticks(np.arange(len(names)), names, color=INK)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)


def end_labels(ax: Axes, tips: Sequence[tuple[Any, float, str, str]], gap: float = 13.0) -> None:
    """Write each line's name at its last point, pushed apart where names would overlap.

    Parameters
    ----------
    tips : x, y, name and colour of each last point
    gap : least distance between two names, in points
    """
    if not tips:
        return
    tips = sorted(tips, key=lambda tip: (tip[1], tip[2]))
    ax.autoscale_view()
    panel = 72 * ax.get_position().height * ax.figure.get_figheight()  # points, about
    ends = np.array([*ax.get_ylim(), *list(zip(*tips, strict=True))[1]], float)
    lower, upper, *places = ax.transScale.transform(np.column_stack([np.ones_like(ends), ends]))[
        :, 1
    ]
    heights = (np.array(places) - lower) / ((upper - lower) or 1) * panel
    placed = heights.copy()
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    shifts = placed - heights - (placed - heights).mean()
    for (end, value, name, color), shift in zip(tips, shifts, strict=True):
        look: dict[str, Any] = {"va": "center", "fontsize": 9, "color": darker(color)}
        ax.annotate(name, (end, value), xytext=(7, shift), **BESIDE, **look)


def darker(color: str) -> str:
    """The colour, dark enough to read as text on paper white."""
    return to_hex(0.62 * np.array(to_rgb(color)))


def format_x(ax: Axes, values: pd.Series) -> None:
    """Ticks for the values of x: calendar steps for dates, plain numbers for numbers."""
    if pd.api.types.is_datetime64_any_dtype(values):
        locator = AutoDateLocator(minticks=4, maxticks=9)
        formats = ["%Y", "%b", "%d", "%H:%M", "%H:%M", "%S"]
        starts = ["", "%b\n%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(
            ConciseDateFormatter(locator, formats=formats, zero_formats=starts, show_offset=False)
        )
    elif pd.api.types.is_numeric_dtype(values):
        number_axes(ax, "x")


def number_axes(ax: Axes, names: str = "xy") -> None:
    """Readable numbers on the axes: 1,200, 35k, 2.5M; shares stay shares."""
    for name in names:
        axis = getattr(ax, f"{name}axis")
        if not isinstance(axis.get_major_formatter(), PercentFormatter):
            axis.set_major_formatter(_Ticks())


class _Ticks(Formatter):
    """1,200, 35k, 2.5M; as many digits as tell the ticks of an axis apart."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The words at all ticks of an axis."""
        texts = list(map(self, values))
        if len(set(texts)) < len(texts):
            texts = [self(value, digits=10) for value in values]
        return texts

    def __call__(self, value: float, _position: int | None = None, digits: int = 4) -> str:
        size = abs(value)
        for unit, scale in (("bn", 1e9), ("M", 1e6), ("k", 1e3)):
            if size >= max(scale, 1e4):
                return f"{value / scale:.{max(6, digits)}g}{unit}"
        return f"{value:,.0f}" if size >= 1000 and digits == 4 else f"{value:.{digits}g}"


@cache
def cjk_family() -> list[str]:
    """The installed font family for Chinese, Japanese and Korean, simplified Chinese first."""
    wanted = [word.replace(" ", "").lower() for word in CJK]
    known = set(map(_file_of, font_manager.fontManager.ttflist))
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        plain = re.sub(r"[-_ ]", "", path).lower()
        if any(map(plain.__contains__, wanted)):
            font_manager.fontManager.addfont(path)
    names = sorted(set(font_manager.fontManager.get_font_names()))
    for ending in (" SC", ""):  # simplified Chinese first
        for word in CJK:
            found = [name for name in names if name.startswith(word) and ending in name]
            if found:
                return found[:1]
    return []


def _file_of(font: Any) -> str:
    return font.fname


def font_hint(names: Iterable[str]) -> str:
    """What to do when names hold Chinese, Japanese or Korean and no font here can draw it, or "".

    Parameters
    ----------
    names : words to be drawn

    Examples
    --------
    >>> font_hint(["tea", "coffee"])
    ''
    """
    if not is_cjk("".join(map(str, names))) or cjk_family():
        return ""
    return (
        "No font on this machine draws Chinese, Japanese or Korean: such words are boxes in the "
        "picture. Install Noto Sans CJK (Debian and Ubuntu: fonts-noto-cjk) and make it again."
    )


def is_cjk(text: str) -> bool:
    """Whether the text needs a Chinese, Japanese or Korean font."""
    return max(text, default="") > "\u2e7f"
