"""What a notebook cell ends in: tables, readings, figures, headline numbers and exports that show themselves.

Each function returns a `Shown`, which JupyterLab renders, the report lays out, and the notebook test compares: every
kind has a plain text form that holds its numbers. Text that comes from data (product names) is escaped.
"""

import base64
import html
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from personalize import glossary, plots
from personalize.tables import Absent, TableError, Unavailable

EMPTY = "–"
Digits = int | Mapping[str, int] | None


@dataclass(frozen=True)
class Shown:
    """Something a cell shows: `data` by MIME type, and `metadata` that the report reads."""

    data: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        return self.data, self.metadata

    def __repr__(self) -> str:
        return self.data["text/plain"]


def optional(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `function(*args, **kwargs)` returns, or an `Absent` that says why the data do not allow it.

    Only `tables.Unavailable` counts: a missing table, too short a time, too few of something. Any other error is
    raised, wrong input too. Of an argument that is absent itself nothing is asked: it is what comes back.

    Examples
    --------
    >>> import personalize as pz
    >>> tables = pz.load("cdnow")
    >>> text(optional(getattr, tables, "reviews"))
    Not available here: source 'cdnow' has no table 'reviews'. To add it, give columns: ...
    """
    for given in (*args, *kwargs.values()):
        if isinstance(given, Absent):
            return given
    try:
        return function(*args, **kwargs)
    except Unavailable as refusal:
        return Absent(str(refusal))


def table(
    frame: Any,
    caption: str = "",
    *,
    currency: str = "",
    units: Mapping[str, str] | None = None,
    digits: Digits = None,
    max_rows: int = 20,
) -> Shown:
    """A table with a caption, numbers aligned and separated by thousands, the unit under each column's name.

    Units and decimals come from the glossary (`personalize.glossary`) by the names of the columns.

    Parameters
    ----------
    frame : the rows to show; a named index becomes the first columns. Or a result with `.table()`.
    caption : what the table holds, one line; default: the `caption` of the result, where it has one.
    currency : unit of the columns that hold money.
    units : column -> unit written under its name; comes before the glossary. "%" means the column holds shares:
        0.25 is shown as 25.0.
    digits : decimals, for all columns or by column; default: those of the glossary, else as many as matter, the same
        for a whole column.
    max_rows : rows shown; the caption says when there are more.
    """
    if isinstance(frame, Absent):
        return text(frame)
    if not isinstance(frame, pd.DataFrame | pd.Series):
        frame, caption = frame.table(), caption or getattr(frame, "caption", "")
    flat = _flat(frame)
    _refuse_unknown(flat, caption, units, digits)
    head = flat.head(max_rows)
    cells, shown_units = {}, {}
    for name in head.columns:
        known = glossary.meaning(name)
        unit = (units or {}).get(name, known.unit)
        unit = (currency or "money") if unit == "money" else unit
        given = digits.get(name) if isinstance(digits, Mapping) else digits
        cells[name] = _column(head[name], unit, known.digits if given is None else given)
        if unit:
            shown_units[name] = unit
    if len(flat) > max_rows:
        caption = f"{caption} (first {max_rows} of {len(flat):,} rows)"
    numeric = {name for name in head.columns if _is_number(head[name])}
    markup = _table_html(caption, cells, shown_units, numeric)
    return Shown({"text/html": markup, "text/plain": _table_text(caption, cells, shown_units)})


def _refuse_unknown(
    flat: pd.DataFrame, caption: str, units: Mapping[str, str] | None, digits: Digits
) -> None:
    named = {*(units or {}), *(digits if isinstance(digits, Mapping) else {})}
    if unknown := sorted(named - set(flat.columns)):
        raise TableError(
            f"show.table '{caption}': units or digits for columns {unknown} that the table lacks; "
            f"present: {list(flat.columns)}"
        )


def with_intervals(frame: Any) -> Any:
    """The table with every `x`, `x_low`, `x_high` in one column of text, which takes less room.

    Parameters
    ----------
    frame : a table, or a result with `.table()`; decimals are those of the glossary, else two

    Examples
    --------
    >>> with_intervals(pd.DataFrame({"x": [0.5], "x_low": [0.25], "x_high": [0.75]})).x.tolist()
    ['0.50 (0.25 to 0.75)']
    """
    if isinstance(frame, Absent):
        return frame
    folded = frame.copy() if isinstance(frame, pd.DataFrame) else frame.table()
    for name in folded.columns:
        ends = [f"{name}_low", f"{name}_high"]
        if set(ends) <= set(folded.columns):
            known = glossary.meaning(name)
            scale, places = (100, 1) if known.unit == "%" else (1, 2)
            places = places if known.digits is None else known.digits
            say = f"{{:,.{places}f}} ({{:,.{places}f}} to {{:,.{places}f}})".format
            numbers = folded[[name, *ends]] * scale
            text = [say(*row) for row in numbers.itertuples(index=False)]
            folded[name] = np.where(folded[name].isna(), "–", text)
            folded = folded.drop(columns=ends)
    return folded


def text(markdown: Any) -> Shown:
    """A reading: Markdown whose numbers come from the data. Money signs and tags in it are shown, never interpreted.

    Parameters
    ----------
    markdown : the words, or a result with `.reading()`

    >>> text("Lift of **2.1** for <b>MILK</b>")
    Lift of **2.1** for \\<b>MILK\\</b>
    """
    if isinstance(markdown, Absent):
        markdown = repr(markdown)
    elif not isinstance(markdown, str):
        markdown = markdown.reading()
    safe = _markdown(markdown)
    return Shown({"text/markdown": safe, "text/plain": safe})


def answer(sentence: Any) -> Shown:
    """The notebook's answer in one sentence, shown here and on the card of the index page."""
    if isinstance(sentence, Absent):
        sentence = repr(sentence)
    safe = _markdown(" ".join(sentence.split()))
    return Shown({"text/markdown": f"**Answer.** {safe}", "text/plain": f"Answer: {safe}"},
                 {"personalize": {"kind": "answer", "text": safe}})  # fmt: skip


def figure(ax: Axes | Figure | Absent, alt: str = "") -> Shown:
    """A figure as PNG with its description: readers hear it and the tests compare it.

    Parameters
    ----------
    ax : what a function of `plots` returned, or axes or a figure of your own.
    alt : one or two sentences with the numbers the picture shows; default: made from the table that was drawn, or from
        the lines, points and bars of axes drawn by hand.
    """
    if isinstance(ax, Absent):
        return text(ax)
    alt = " ".join((alt or plots.description(ax)).split())
    if not re.search(r"\d", alt):
        raise TableError(
            f"show.figure: the description holds no number: '{alt}'. Say what the picture shows, e.g. "
            "'Bars of 5 segments: largest 1,204 customers, smallest 88'"
        )
    picture = base64.b64encode(plots.png(ax)).decode()
    metadata = {"image/png": {"alt": alt}}
    return Shown({"image/png": picture, "text/plain": f"[figure] {alt}"}, metadata)


def headline(
    name: str,
    value: float,
    *,
    low: float | None = None,
    high: float | None = None,
    baseline: float | None = None,
    unit: str = "",
) -> Shown:
    """A headline number with its interval and the baseline it must beat; at most three a notebook, all on the index.

    Parameters
    ----------
    name : what the number is, a few words.
    value, low, high, baseline : numbers in the same unit; `unit` "%" means shares: 0.25 is shown as 25%.
    """
    if isinstance(value, Absent):
        return text(value)
    shown = _quantity(value, unit)
    interval = (
        "" if low is None or high is None else f"{_quantity(low, unit)} to {_quantity(high, unit)}"
    )
    against = "" if baseline is None else f"baseline {_quantity(baseline, unit)}"
    note = "; ".join(part for part in (interval, against) if part)
    numbers = {
        "value": _plain(value),
        "low": _plain(low),
        "high": _plain(high),
        "baseline": _plain(baseline),
    }
    facts = {
        "kind": "headline",
        "name": name,
        **numbers,
        "unit": unit,
        "shown": shown,
        "note": note,
    }
    plain = f"{name}: {shown}" + (f" ({note})" if note else "")
    big = f'<b style="font-size:1.7em">{html.escape(shown)}</b> {html.escape(name)}'
    small = f"<br><small>{html.escape(note)}</small>" if note else ""
    return _shown(f'<div class="headline mathjax_ignore">{big}{small}</div>', plain, facts)


def export(frame: pd.DataFrame, name: str, *, about: Mapping[str, str] | None = None) -> Shown:
    """Write `tables/<name>.csv` and `.parquet` when a report is being made; always shows the same line.

    Parameters
    ----------
    frame : the rows; a named index becomes the first columns. With a column `customer_id` the files are readable
        by their owner only.
    name : file name without ending: lower-case letters, digits and underscores.
    about : column -> what it holds, shown beside the link on the index page; default: the words of the glossary.
    """
    if isinstance(frame, Absent):
        return text(frame)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise TableError(
            f"show.export: '{name}' is no table name; use lower-case letters, digits and underscores"
        )
    flat, about = _flat(frame), dict(about or {})
    unknown = sorted(set(about) - set(flat.columns))
    if unknown:
        raise TableError(
            f"show.export '{name}': describes columns {unknown} that the table lacks; present: {list(flat.columns)}"
        )
    folder = os.environ.get("PERSONALIZE_TABLES")
    if folder:
        _write(flat, Path(folder) / name)
    size = f"{len(flat):,} rows, {len(flat.columns)} columns"
    columns = {}
    for column in flat.columns:
        columns[column] = about.get(column) or glossary.meaning(column, table=name).text
    listed = "".join(
        f"<dt>{html.escape(c)}</dt><dd>{html.escape(text)}</dd>" for c, text in columns.items()
    )
    heading = f"<summary>Table <b>{name}</b>: {size}</summary>"
    facts = {
        "kind": "export",
        "name": name,
        "rows": len(flat),
        "columns": columns,
        "customers": _personal(flat),
    }
    plain = f"Table {name}: {size} ({', '.join(flat.columns)})"
    return _shown(
        f'<details class="export mathjax_ignore">{heading}<dl>{listed}</dl></details>', plain, facts
    )


def load_ipython_extension(shell: Any) -> None:
    """Let every result of the kit show itself as its table, in JupyterLab and in reports.

    Importing this module in a running Jupyter or IPython does it; `%load_ext personalize.show` does it again.

    Parameters
    ----------
    shell : the running IPython
    """
    shell.display_formatter.formatters["text/html"].for_type(object, _own_html)
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type_by_name("sklearn.base", "BaseEstimator", _estimator_bundle)


def _estimator_bundle(thing: Any) -> Any:
    """scikit-learn's drawing of an estimator, but for those of this kit, which show their tables."""
    ours = type(thing).__module__.startswith("personalize.")
    return {} if ours else thing._repr_mimebundle_()


def _own_html(thing: Any) -> str | None:
    """The table of a result of this kit; of anything else, and of what is not fitted yet, its own form."""
    from IPython.utils.dir2 import get_real_method

    kind = type(thing)
    if not kind.__module__.startswith("personalize.") or not callable(getattr(kind, "table", None)):
        own = get_real_method(thing, "_repr_html_")
        return own() if own else None
    try:
        frame = _flat(thing.table())
    except (TypeError, ValueError, AttributeError):  # not fitted yet, or a table that needs a name
        return None
    caption = f"{kind.__name__}: {(kind.__doc__ or '').strip().splitlines()[0] if kind.__doc__ else 'a table'}"
    if _personal(frame):
        return f"<p>{html.escape(caption)} {len(frame):,} rows, one a customer or more: see <code>.table()</code>.</p>"
    return table(frame, caption).data["text/html"]


def neutral(value: Any) -> Any:
    """The value, with an apostrophe before text that a spreadsheet would run as a formula.

    >>> neutral("=cmd()"), neutral("-5.2"), neutral("- 5%"), neutral(-5)
    ("'=cmd()", '-5.2', "'- 5%", -5)
    """
    risky = (
        isinstance(value, str)
        and value[:1] in "=+-@\t\r"
        and value
        and not re.fullmatch(r"[-+]?\d+([.,]\d+)?", value)
    )
    return "'" + value if risky else value


def _shown(markup: str, plain: str, facts: dict[str, Any] | None = None) -> Shown:
    return Shown(
        {"text/html": markup, "text/plain": plain}, {"personalize": facts} if facts else {}
    )


def _personal(flat: pd.DataFrame) -> bool:
    return "customer_id" in flat.columns


def _write(flat: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {neutral(name): _words(flat[name]) for name in flat.columns}
    content = pd.DataFrame(words, index=flat.index).to_csv(index=False, lineterminator="\n")
    files = {
        ".csv": content.encode("utf-8" if content.isascii() else "utf-8-sig"),
        ".parquet": flat.to_parquet(index=False),
    }
    for ending, data in files.items():
        half = path.with_name(f".{path.name}{ending}.part")
        half.touch(mode=0o600 if _personal(flat) else 0o644)
        half.write_bytes(data)
        half.replace(path.with_name(path.name + ending))


def _words(values: pd.Series) -> pd.Series:
    """A column as it is written to CSV; numbers with a fraction as objects, which pandas writes faster, and alike."""
    if pd.api.types.is_float_dtype(values.dtype):
        return values.astype(object)
    if _is_number(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    if (
        isinstance(values.dtype, pd.StringDtype)
        and not values.str.match(r"[=+\-@\t\r]", na=False).any()
    ):
        return values
    return pd.Series(
        [neutral(_joined(value)) for value in values.astype(object)], values.index, dtype=object
    )


def _joined(value: Any) -> Any:
    return (
        " + ".join(map(str, value))
        if isinstance(value, tuple | list | set | frozenset | np.ndarray)
        else value
    )


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    named = [name for name in frame.index.names if name is not None]
    plain = frame.reset_index() if named else frame.reset_index(drop=True)
    names = [
        " ".join(map(str, c)).strip() if isinstance(c, tuple) else str(c) for c in plain.columns
    ]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TableError(f"a table to show has columns of the same name: {twice}; rename them")
    return plain.set_axis(names, axis=1)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _digits(digits: Digits, name: str) -> int | None:
    return digits.get(name) if isinstance(digits, Mapping) else digits


def _column(values: pd.Series, unit: str, digits: int | None) -> list[str]:
    """The cells of one column as text, numbers with the same decimals all the way down."""
    if not _is_number(values) or re.search(r"(^|_)id$", str(values.name)):
        return [_cell(value) for value in values]
    numbers = values.astype(float).to_numpy() * (100 if unit == "%" else 1)
    whole = pd.api.types.is_integer_dtype(values) and unit != "%"
    places = (
        digits if digits is not None else 0 if whole else 1 if unit == "%" else _places(numbers)
    )
    return [f"{value:,.{places}f}" if math.isfinite(value) else EMPTY for value in numbers]


def _places(numbers: np.ndarray) -> int:
    sizes = np.abs(numbers[np.isfinite(numbers)])
    top = sizes.max(initial=0)
    if top == 0 or (sizes == np.round(sizes)).all():
        return 0
    return (
        0
        if top >= 10_000
        else 1
        if top >= 100
        else 2
        if top >= 1
        else min(6, 2 - math.floor(math.log10(top)))
    )


def _cell(value: Any) -> str:
    value = _joined(value)
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return EMPTY
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d" if value == value.normalize() else "%Y-%m-%d %H:%M")
    return str(value)


def _table_html(
    caption: str, cells: dict[str, list[str]], units: Mapping[str, str], numeric: set[str]
) -> str:
    kind = {name: ' class="n"' if name in numeric else "" for name in cells}
    unit = {
        name: f"<small>{html.escape(units[name])}</small>" if name in units else ""
        for name in cells
    }
    heads = "".join(
        f'<th scope="col"{kind[c]}>{html.escape(c.replace("_", " "))}{unit[c]}</th>' for c in cells
    )
    columns = [
        [f"<td{kind[c]}>{html.escape(value)}</td>" for value in values]
        for c, values in cells.items()
    ]
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
    opening = f'<table class="shown mathjax_ignore"><caption>{html.escape(caption)}</caption>'
    return f"{opening}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _table_text(caption: str, cells: dict[str, list[str]], units: Mapping[str, str]) -> str:
    heads = [f"{c} ({units[c]})" if c in units else c for c in cells]
    frame = pd.DataFrame(
        {
            head: pd.Series(values, dtype=object)
            for head, values in zip(heads, cells.values(), strict=True)
        }
    )
    return (
        f"{caption}\n{frame.to_string(index=False)}"
        if len(frame)
        else f"{caption}\n(no rows) {', '.join(heads)}"
    )


def _markdown(words: str) -> str:
    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", re.sub(r"(?<!\\)\$", r"\\$", words))


def _quantity(value: float, unit: str) -> str:
    if unit == "%":
        return EMPTY if not math.isfinite(value) else f"{100 * value:.1f}%"
    return plots.number(float(value)) + (f" {unit}" if unit else "")


def _plain(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


if "IPython" in sys.modules and (_shell := sys.modules["IPython"].get_ipython()) is not None:
    load_ipython_extension(_shell)
