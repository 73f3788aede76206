"""What a notebook cell ends in: tables, readings, figures, headlines and exports.

Each function returns a `Shown`, which JupyterLab renders, the report lays out, and the notebook
test compares: every kind has a plain text form that holds its numbers. Text that comes from data
(product names) is escaped.
"""

import base64
import html
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
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
FORMULA = re.compile(r"[=+\-@\t\r]")  # what a spreadsheet runs begins so
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
    """What `function(*args, **kwargs)` returns, or an `Absent` that says what the data lack.

    Only `tables.Unavailable` counts: a missing table, too short a time, too few of something. Any
    other error is raised, wrong input too. An argument that is absent itself is what comes back.

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
    """A table with a caption, numbers aligned, thousands separated, units under the names.

    Units and decimals come from the glossary (`personalize.glossary`) by the names of the columns.

    Parameters
    ----------
    frame : the rows to show; a named index becomes the first columns. Or a result with `.table()`.
    caption : what the table holds, one line; default: the `caption` of the result or of the `attrs`
        of the table.
    currency : unit of the columns that hold money.
    units : column -> unit written under its name; comes before the glossary. "%" means the column
        holds shares: 0.25 is shown as 25.0.
    digits : decimals, for all columns or by column; default: those of the glossary, else as many as
        matter, the same for a whole column.
    max_rows : rows shown; the caption says when there are more.
    """
    if isinstance(frame, Absent):
        return text(frame)
    caption = (caption or _caption(frame)).replace("**", "")  # a reading; a caption has no bold
    if not isinstance(frame, pd.DataFrame | pd.Series):
        frame = frame.table()
    flat = _flat(frame)
    units = dict(units or {})
    places = digits if isinstance(digits, Mapping) else dict.fromkeys(flat.columns, digits)
    _refuse_unknown(f"show.table '{caption}'", flat, {*units, *places})
    if len(flat) > max_rows:
        caption = f"{caption} (first {max_rows} of {len(flat):,} rows)"
    columns = []
    for name in flat.columns:
        known = glossary.meaning(name)
        unit = units.get(name, known.unit)
        if unit == "money":
            unit = currency or unit
        given = places.get(name)
        decimals = known.digits if given is None else given
        columns.append(_Column(name, unit, flat[name].head(max_rows), decimals))
    html_form, plain = _table_html(caption, columns), _table_text(caption, columns)
    return Shown({"text/html": html_form, "text/plain": plain})


def _caption(shown: Any) -> str:
    """The caption of a result, or the one that a table carries in its `attrs`."""
    if isinstance(shown, pd.DataFrame | pd.Series):
        return shown.attrs.get("caption", "")
    return getattr(shown, "caption", "")


def _refuse_unknown(what: str, flat: pd.DataFrame, named: set[str]) -> None:
    unknown = sorted(named - set(flat.columns))
    if unknown:
        raise TableError(
            f"{what}: names columns {unknown} that the table lacks; present: {list(flat.columns)}"
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
    if not isinstance(frame, pd.DataFrame):
        frame = frame.table()
    folded = frame.copy()
    for name in folded.columns:
        ends = [f"{name}_low", f"{name}_high"]
        if set(ends) <= set(folded.columns):
            folded[name] = _in_one(folded[[name, *ends]], glossary.meaning(name))
            folded = folded.drop(columns=ends)
    return folded


def _in_one(numbers: pd.DataFrame, known: glossary.Meaning) -> np.ndarray:
    """A value and the ends of its interval as one text a row."""
    scale, places = 1, 2
    if known.unit == "%":
        scale, places = 100, 1
    if known.digits is not None:
        places = known.digits
    say = f"{{:,.{places}f}} ({{:,.{places}f}} to {{:,.{places}f}})".format
    texts = list(map(say, *(numbers * scale).to_numpy(float).T))
    return np.where(numbers.iloc[:, 0].isna(), EMPTY, texts)


def text(markdown: Any) -> Shown:
    """A reading: Markdown with numbers from the data; money signs and tags in it are shown as such.

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
    data = {"text/markdown": f"**Answer.** {safe}", "text/plain": f"Answer: {safe}"}
    return Shown(data, {"personalize": {"kind": "answer", "text": safe}})


def figure(ax: Axes | Figure | Absent, alt: str = "") -> Shown:
    """A figure as PNG with its description: readers hear it and the tests compare it.

    Parameters
    ----------
    ax : what a function of `plots` returned, or axes or a figure of your own.
    alt : one or two sentences with the numbers the picture shows; default: made from the table that
        was drawn, or from the lines, points and bars of axes drawn by hand. Where the names need a
        font that this machine lacks, it ends with what to do.
    """
    if isinstance(ax, Absent):
        return text(ax)
    alt = " ".join((alt or plots.description(ax)).replace("**", "").split())
    if not re.search(r"\d", alt) and "Not available here" not in alt:
        raise TableError(
            f"show.figure: the description holds no number: '{alt}'. Say what the picture shows, "
            "e.g. 'Bars of 5 segments: largest 1,204 customers, smallest 88'"
        )
    alt = f"{alt} {plots.font_hint([alt])}".rstrip()
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
    """A headline number with its interval and the baseline it must beat; at most three a notebook.

    Parameters
    ----------
    name : what the number is, a few words.
    value, low, high, baseline : numbers in the same unit; "%" means shares: 0.25 is shown as 25%.
    """
    numbers = {"value": value, "low": low, "high": high, "baseline": baseline}
    for given in numbers.values():
        if isinstance(given, Absent):
            return text(given)
    shown = _quantity(value, unit)
    notes = []
    if low is not None and high is not None:
        notes.append(f"{_quantity(low, unit)} to {_quantity(high, unit)}")
    if baseline is not None:
        notes.append(f"baseline {_quantity(baseline, unit)}")
    note = "; ".join(notes)
    facts: dict[str, Any] = {"kind": "headline", "name": name, "unit": unit}
    facts |= {"shown": shown, "note": note}
    for key, number in numbers.items():
        facts[key] = _plain(number)
    markup = f'<b style="font-size:1.7em">{html.escape(shown)}</b> {html.escape(name)}'
    plain = f"{name}: {shown}"
    if note:
        markup += f"<br><small>{html.escape(note)}</small>"
        plain += f" ({note})"
    return _shown(f'<div class="headline mathjax_ignore">{markup}</div>', plain, facts)


def export(frame: pd.DataFrame, name: str, *, about: Mapping[str, str] | None = None) -> Shown:
    """Write `tables/<name>.csv` and `.parquet` when a report is made; always shows the same line.

    Explored in JupyterLab (`personalize lab`), it writes beside the copy and says where.

    Parameters
    ----------
    frame : the rows; a named index becomes the first columns. With a column `customer_id` the files
        are readable by their owner only.
    name : file name without ending: lower-case letters, digits and underscores.
    about : column -> what it holds, shown on the index page; default: the words of the glossary.
    """
    if isinstance(frame, Absent):
        return text(frame)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise TableError(
            f"show.export: '{name}' is no table name; use lower-case letters, digits, underscores"
        )
    flat, about = _flat(frame), dict(about or {})
    _refuse_unknown(f"show.export '{name}'", flat, set(about))
    size = f"{len(flat):,} rows, {len(flat.columns)} columns"
    folder = os.environ.get("PERSONALIZE_TABLES")
    lab = os.environ.get("PERSONALIZE_LAB_TABLES")  # where one explores, it is said where they go
    if folder or lab:
        _write(flat, Path(folder or lab or "") / name)
    if lab:
        size += f", written to {os.path.relpath(Path(lab) / name)}.csv and .parquet"
    columns, listed = {}, ""
    for column in flat.columns:
        held = about.get(column) or glossary.meaning(column, table=name).text
        columns[column] = held
        listed += f"<dt>{html.escape(column)}</dt><dd>{html.escape(held)}</dd>"
    facts: dict[str, Any] = {"kind": "export", "name": name, "rows": len(flat)}
    facts |= {"columns": columns, "customers": _personal(flat)}
    plain = f"Table {name}: {size} ({', '.join(flat.columns)})"
    heading = f"<summary>Table <b>{name}</b>: {size}</summary>"
    markup = f'<details class="export mathjax_ignore">{heading}<dl>{listed}</dl></details>'
    return _shown(markup, plain, facts)


def load_ipython_extension(shell: Any) -> None:
    """Let every result of the kit show itself as its table, in JupyterLab and in reports.

    Importing this module in a running Jupyter or IPython does it; `%load_ext personalize.show` does
    it again.

    Parameters
    ----------
    shell : the running IPython
    """
    shell.display_formatter.formatters["text/html"].for_type(object, _own_html)
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type_by_name("sklearn.base", "BaseEstimator", _estimator_bundle)


def _estimator_bundle(thing: Any) -> Any:
    """scikit-learn's drawing of an estimator; models of this kit show their tables instead."""
    if type(thing).__module__.startswith("personalize."):
        return {}
    return thing._repr_mimebundle_()


def _own_html(thing: Any) -> str | None:
    """The table of a result of this kit; of anything else, and if not fitted yet, its own form."""
    from IPython.utils.dir2 import get_real_method

    kind = type(thing)
    if not kind.__module__.startswith("personalize.") or not callable(getattr(kind, "table", None)):
        own = get_real_method(thing, "_repr_html_")
        return own and own()
    try:
        frame = _flat(thing.table())
    except (TypeError, ValueError, AttributeError):  # not fitted yet, or a table that needs a name
        return None
    first, *_ = (kind.__doc__ or "a table").strip().splitlines()
    caption = f"{kind.__name__}: {first}"
    if _personal(frame):
        size = f"{len(frame):,} rows, one a customer or more"
        return f"<p>{html.escape(caption)} {size}: see <code>.table()</code>.</p>"
    return table(frame, caption).data["text/html"]


def neutral(value: Any) -> Any:
    """The value, with an apostrophe before text that a spreadsheet would run as a formula.

    >>> neutral("=cmd()"), neutral("-5.2"), neutral("- 5%"), neutral(-5)
    ("'=cmd()", '-5.2', "'- 5%", -5)
    """
    if not isinstance(value, str) or not FORMULA.match(value):
        return value
    return value if re.fullmatch(r"[-+]?\d+([.,]\d+)?", value) else "'" + value


def _shown(markup: str, plain: str, facts: dict[str, Any]) -> Shown:
    return Shown({"text/html": markup, "text/plain": plain}, {"personalize": facts})


def _personal(flat: pd.DataFrame) -> bool:
    return "customer_id" in flat.columns


def _write(flat: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = flat.apply(_words).rename(columns=neutral)
    content = words.to_csv(index=False, lineterminator="\n")
    encoding = "utf-8" if content.isascii() else "utf-8-sig"
    files = {".csv": content.encode(encoding), ".parquet": flat.to_parquet(index=False)}
    mode = 0o600 if _personal(flat) else 0o644
    for ending, data in files.items():
        half = path.with_name(f".{path.name}{ending}.part")
        half.touch(mode=mode)
        half.write_bytes(data)
        half.replace(path.with_name(path.name + ending))


def _words(values: pd.Series) -> pd.Series:
    """A column as it is written to CSV.

    Numbers with a fraction become objects, which pandas writes faster, and alike.
    """
    kind = values.dtype
    if pd.api.types.is_float_dtype(kind):
        return values.astype(object)
    if _is_number(values) or pd.api.types.is_datetime64_any_dtype(kind):
        return values
    if isinstance(kind, pd.StringDtype) and not values.str.match(FORMULA, na=False).any():
        return values
    return values.astype(object).map(_joined).map(neutral)


def _joined(value: Any) -> Any:
    if isinstance(value, tuple | list | set | frozenset | np.ndarray):
        return " + ".join(map(str, value))
    return value


def _flat(frame: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """The frame with named index levels as its first columns, and one word for each column."""
    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    unnamed = not any(frame.index.names)
    plain = frame.reset_index(drop=unnamed)
    names = []
    for name in plain.columns:
        parts = name if isinstance(name, tuple) else (name,)
        names.append(" ".join(map(str, parts)).strip())
    flat = plain.set_axis(names, axis=1)
    twice = sorted(set(flat.columns[flat.columns.duplicated()]))
    if twice:
        raise TableError(f"a table to show has columns of the same name: {twice}; rename them")
    return flat


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


class _Column:
    """One column as it is shown: its name, unit and cells as text."""

    def __init__(self, name: str, unit: str, values: pd.Series, digits: int | None) -> None:
        self.name, self.unit, self.numeric = name, unit, _is_number(values)
        if not self.numeric or re.search(r"(^|_)id$", name):
            self.cells = list(map(_cell, values))
            return
        numbers = values.astype(float).to_numpy()
        fixed = 0
        if unit == "%":
            numbers, fixed = 100 * numbers, 1
        elif not pd.api.types.is_integer_dtype(values):
            fixed = _places(numbers)
        if digits is None:
            digits = fixed
        form = f"{{:,.{digits}f}}"
        self.cells = np.where(np.isfinite(numbers), list(map(form.format, numbers)), EMPTY).tolist()


def _places(numbers: np.ndarray) -> int:
    sizes = np.abs(numbers[np.isfinite(numbers)])
    top = sizes.max(initial=0)
    if top == 0 or (sizes == np.round(sizes)).all():
        return 0
    if top >= 1:
        return 2 - int(top >= 100) - int(top >= 10_000)
    return min(6, 2 - math.floor(math.log10(top)))


def _cell(value: Any) -> str:
    value = _joined(value)
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return EMPTY
    if isinstance(value, bool | np.bool_):
        return ["no", "yes"][int(value)]
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return str(value)


def _table_html(caption: str, columns: Sequence[_Column]) -> str:
    heads, cells = "", []
    for column in columns:
        kind = ' class="n"' if column.numeric else ""
        name = html.escape(column.name.replace("_", " "))
        if column.unit:
            name += f"<small>{html.escape(column.unit)}</small>"
        heads += f'<th scope="col"{kind}>{name}</th>'
        cells.append([f"<td{kind}>{html.escape(cell)}</td>" for cell in column.cells])
    rows = []
    for row in zip(*cells, strict=True):
        rows.append(f"<tr>{''.join(row)}</tr>")
    opening = '<table class="shown mathjax_ignore">'
    if caption:
        opening += f"<caption>{html.escape(caption)}</caption>"
    body = "\n".join(rows)
    return f"{opening}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _table_text(caption: str, columns: Sequence[_Column]) -> str:
    cells = {}
    for column in columns:
        head = column.name
        if column.unit:
            head += f" ({column.unit})"
        cells[head] = pd.Series(column.cells, dtype=object)
    frame = pd.DataFrame(cells)
    body = f"(no rows) {', '.join(cells)}"
    if len(frame):
        body = frame.to_string(index=False)
    return f"{caption}\n{body}".lstrip("\n")


def _markdown(words: str) -> str:
    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", re.sub(r"(?<!\\)\$", r"\\$", words))


def _quantity(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.1f}%" if math.isfinite(value) else EMPTY
    return f"{plots.number(float(value))} {unit}".rstrip()


def _plain(value: Any) -> int | float | None:
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    return None


if "IPython" in sys.modules and (_shell := sys.modules["IPython"].get_ipython()) is not None:
    load_ipython_extension(_shell)
