"""Raw rows cast to the kit's names and types; what cannot be cast is told with its place in the
file.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.engine import Engine, quoted, ticked
from personalize.sources import reading
from personalize.sources.spec import SourceSpec, TableSpec
from personalize.tables import CONTRACTS

TYPES = {
    "quantity": "decimal(18, 3)",
    "money": "decimal(18, 4)",
    "number": "double",
    "time": "timestamp",
}
_BLANK = ("", "nan", "null", "none", "na", "n/a", "#n/a", "nat", "<na>")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_TYPED = re.compile(rf"({'|'.join(_INTEGERS)}|DOUBLE|FLOAT)$|DECIMAL|TIMESTAMP|DATE")
_WHOLE_ORDER = {  # what a file with one row an order lacks
    "order_id": "row_number() over ()",
    "product_id": "'all'",
    "quantity": "cast(1 as decimal(18, 3))",
}
_NO_INTEGER = (
    "count_if({0} is not null and coalesce(cast(try_cast({0} as bigint) as string) <> {0}, true))"
)
_YEARS = (1970, 2100)
_SAME_ID = {"other_id": "customer_id"}


def kind(table: str, column: str) -> str:
    """The kind of a column of a table; further attributes are text."""
    if column == "unit_price":
        return "money"
    known = CONTRACTS[table].columns.get(column)
    return known.kind if known else "text"


def columns(engine: Engine, stage: str) -> list[str]:
    """The columns of a stage that hold values, not failed casts."""
    return [column for column in engine.columns(stage) if not column.startswith("bad_")]


def stage(
    engine: Engine, spec: SourceSpec, table: TableSpec, frame: pd.DataFrame | None, *, scratch: Path
) -> list[str]:
    """Cast the raw rows of one table into `stage_<table>`.

    Parameters
    ----------
    engine : where to write
    spec : the source
    table : the table to cast
    frame : its rows where they are in memory already; None to read its files
    scratch : folder for temporary files

    Returns
    -------
    list of str : what could not be read, in words; empty when all is well.
    """
    origin = table
    if table.derived:
        origin = spec.tables["orders"].model_copy(update={"name": table.name})
    if frame is not None:
        raw, cheap = engine.register(f"raw_{table.name}", frame), True
    else:
        raw, cheap = reading.relation(engine, origin, scratch), reading.is_typed(origin)
    types = engine.types(raw)
    missing = []
    for key, name in table.columns.items():
        if name not in types:
            missing.append(f"{name!r} (for {key})")
    if missing:
        present = f"Present: {', '.join(types)}. Correct 'columns' in the source file"
        return [f"table '{table.name}': column(s) not in the file: {', '.join(missing)}. {present}"]
    text = f"select {', '.join(_made(engine, spec, table, origin, types))} from {raw}"
    if cheap:  # to read again, and costly to copy
        engine.view(f"cast_{table.name}", text)
    else:
        engine.table(f"cast_{table.name}", text, temporary=True)
    engine.view(f"stage_{table.name}", f"select * from cast_{table.name}")
    return _uncast(engine, table, origin)


def unstage(engine: Engine, table: str) -> None:
    """Forget the cast rows of a table."""
    engine.drop(f"stage_{table}")
    engine.drop(f"cast_{table}")


def _made(
    engine: Engine,
    spec: SourceSpec,
    table: TableSpec,
    origin: TableSpec,
    types: Mapping[str, str],
) -> list[str]:
    """The columns of a stage: values, what a whole order lacks, and texts that do not fit."""
    values, bad = [], []
    for key, name in table.columns.items():
        of = kind(table.name, key)
        text, value = _cast(engine, origin, of, name, types[name])
        if of in TYPES:
            bad.append(f"case when {value} is null then {text} end as bad_{key}")
        if key == "time" and spec.timezone:  # a time that fits moves to the shop's own zone
            value = engine.to_zone(value, spec.timezone["from"], spec.timezone["to"])
        values.append(f"{value} as {ticked(key)}")
    if table.name == "orders" and table.one_row_is == "order":
        for key, value in _WHOLE_ORDER.items():
            if key not in table.columns:
                values.append(f"{value} as {key}")
    return values + bad


def _cast(engine: Engine, table: TableSpec, kind: str, raw: str, raw_type: str) -> tuple[str, str]:
    """Two pieces of SQL: the value as text (NULL where blank), and the value in its type."""
    column = ticked(raw)
    text = _unless_blank(f"trim(cast({column} as string))")
    if kind == "id":
        return text, f"cast({column} as bigint)" if raw_type in _INTEGERS else text
    if kind not in TYPES:
        return text, text
    typed = _TYPED.match(raw_type) is not None
    if typed:
        text = f"nullif(lower(cast({column} as string)), 'nan')"
    if kind == "time":
        return text, _time(engine, table, column, text, raw_type)
    number = text
    if typed:
        number = column
    elif table.decimal == ",":
        number = f"replace(replace({text}, '.', ''), ',', '.')"
    return text, f"try_cast({number} as {TYPES[kind]})"


def _unless_blank(plain: str) -> str:
    """The text, NULL where it says that there is none.

    Branches, since a long IN becomes a join that shuffles rows.
    """
    longest = max(map(len, _BLANK))
    blank = " ".join(f"when {quoted(word)} then null" for word in _BLANK)
    short = f"case lower({plain}) {blank} else {plain} end"
    return f"case when length({plain}) > {longest} then {plain} else {short} end"


def _time(engine: Engine, table: TableSpec, column: str, text: str, raw_type: str) -> str:
    time = f"try_cast({text} as timestamp)"
    if raw_type.startswith(("TIMESTAMP", "DATE")):
        time = f"cast({column} as timestamp)"
    elif table.time_format:
        time = engine.parse_time(text, table.time_format)
    first = f"timestamp '{_YEARS[0]}-01-01 00:00:00'"
    last = f"timestamp '{_YEARS[1] + 1}-01-01 00:00:00'"
    return f"case when {time} >= {first} and {time} < {last} then {time} end"


def _uncast(engine: Engine, table: TableSpec, origin: TableSpec) -> list[str]:
    """What could not be cast: how many values, and the first three with their lines."""
    bad = [column for column in table.columns if kind(table.name, column) in TYPES]
    counted = ["count(*) as n_rows"]
    for column in bad:
        counted.append(f"count(bad_{column}) as {ticked(column)}")
    counts = engine.frame(f"select {', '.join(counted)} from stage_{table.name}").iloc[0]
    if not counts.n_rows:
        empty = "there is a header but not one row of data: export it again"
        if not origin.path:
            empty = "the DataFrame has columns but not one row: give at least one"
        return [f"table '{table.name}': {empty}"]
    problems = []
    for column in bad:
        if counts[column]:
            cannot = _cannot(kind(table.name, column), origin)
            problems.append(
                f"table '{table.name}': {counts[column]:,} value(s) of {column} "
                f"(column {table.columns[column]!r}) {cannot}; "
                f"first: {_places(engine, table, origin, column)}"
            )
    return problems


def _places(engine: Engine, table: TableSpec, origin: TableSpec, column: str) -> str:
    values = engine.frame(
        f"select distinct bad_{column} as v from stage_{table.name} "
        f"where bad_{column} is not null order by 1"
    ).v
    lines = []
    if origin.path:
        for file, line, value in reading.lines_with(origin, table.columns[column], set(values)):
            lines.append(f"{value!r} (line {line} of {file})")
    return ", ".join(lines or map(repr, values[:3]))


def _cannot(kind: str, table: TableSpec) -> str:
    if kind != "time":
        return (
            "are no numbers (correct them: no currency signs or thousands separators; "
            "set 'decimal: \",\"' where 12,50 is meant)"
        )
    form = "ISO form (2017-09-30 14:05)"
    if table.time_format:
        form = f"time_format {table.time_format!r}"
    hint = 'correct them, or set e.g. time_format: "%d/%m/%Y %H:%M"'
    return f"do not fit {form} or lie outside {_YEARS[0]} to {_YEARS[1]}; {hint}"


def unify_ids(engine: Engine, names: list[str]) -> None:
    """Give every id one type over all stages: integers where all values are, else text.

    What a spreadsheet made of them is undone: 17850.0 becomes 17850.
    """
    known = pd.concat([_ids(engine, name) for name in names], ignore_index=True)
    whole = known.groupby("id").integer.transform("all")
    known["type"] = whole.map({True: "bigint", False: "string"})
    for name in names:
        chosen = dict.fromkeys(engine.types(f"cast_{name}"), "")
        for row in known[known.table == name].itertuples():
            chosen[row.column] = f"cast({row.value} as {row.type}) as {row.column}"
        found = ", ".join(text or ticked(column) for column, text in chosen.items())
        engine.view(f"stage_{name}", f"select {found} from cast_{name}")


def _ids(engine: Engine, name: str) -> pd.DataFrame:
    """A row an id column of a stage: its value without '.0', and whether all are integers."""
    types = {c: t for c, t in engine.types(f"stage_{name}").items() if kind(name, c) == "id"}
    texts = [column for column, of in types.items() if of == "VARCHAR"]
    ends = _asked(engine, name, "coalesce(bool_and({0} like '%.0'), false)", texts)
    values = {}
    for column in types:
        cut = column in texts and ends[column]
        values[column] = f"left({column}, length({column}) - 2)" if cut else column
    others = _asked(engine, name, _NO_INTEGER, [values[column] for column in texts])
    rows = []
    for column, of in types.items():
        integer = of == "BIGINT"
        if column in texts:
            integer = not others[values[column]]
        rows.append((name, column, _SAME_ID.get(column, column), values[column], integer))
    return pd.DataFrame(rows, columns=["table", "column", "id", "value", "integer"])


def _asked(engine: Engine, name: str, test: str, values: list[str]) -> dict[str, Any]:
    """The answer to an aggregate of each value over a stage."""
    if not values:
        return {}
    tests = [f"{test.format(value)} as n{number}" for number, value in enumerate(values)]
    found = engine.frame(f"select {', '.join(tests)} from stage_{name}")
    return dict(zip(values, found.iloc[0], strict=True))
