"""Raw rows cast to the kit's names and types; what cannot be cast is told with its place in the file."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from personalize.engine import DuckDB, ticked
from personalize.sources import reading
from personalize.sources.spec import SourceSpec, TableSpec
from personalize.tables import CONTRACTS

TYPES = {"quantity": "decimal(18, 3)", "money": "decimal(18, 4)", "number": "double", "time": "timestamp"}
_BLANK = "'', 'nan', 'null', 'none', 'na', 'n/a', '#n/a', 'nat', '<na>'"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_YEARS = (1970, 2100)
_SAME_ID = {"other_id": "customer_id"}


def kind(table: str, column: str) -> str:
    """The kind of a column of a table; further attributes are text."""
    if column == "unit_price":
        return "money"
    known = CONTRACTS[table].columns.get(column)
    return known.kind if known else "text"


def columns(engine: DuckDB, stage: str) -> list[str]:
    """The columns of a stage that hold values, not failed casts."""
    return [column for column in engine.columns(stage) if not column.startswith("bad_")]


def stage(
    engine: DuckDB, spec: SourceSpec, table: TableSpec, frame: pd.DataFrame | None, *, scratch: Path
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
    origin = replace(spec.tables["orders"], name=table.name) if table.derived else table
    raw = reading.relation(engine, origin, scratch) if frame is None else engine.register(f"raw_{table.name}", frame)
    types = engine.types(raw)
    if missing := {key: name for key, name in table.columns.items() if name not in types}:
        wanted = ", ".join(f"{name!r} (for {key})" for key, name in missing.items())
        present = f"Present: {', '.join(types)}. Correct 'columns' in the source file"
        return [f"table '{table.name}': column(s) not in the file: {wanted}. {present}"]
    casts = {
        key: _cast(engine, origin, kind(table.name, key), name, types[name]) for key, name in table.columns.items()
    }
    if spec.timezone and "time" in casts:
        text, time = casts["time"]
        casts["time"] = text, engine.to_zone(time, spec.timezone["from"], spec.timezone["to"])
    bad = [key for key in casts if kind(table.name, key) in TYPES]
    made = [f"{value} as {ticked(key)}" for key, (_, value) in casts.items()] + _ids_of_whole_orders(table)
    made += [
        f"case when {casts[k][0]} is not null and {casts[k][1]} is null then {casts[k][0]} end as bad_{k}" for k in bad
    ]
    engine.table(f"stage_{table.name}", f"select {', '.join(made)} from {raw}")
    if engine.frame(f"select 1 as x from stage_{table.name} limit 1").empty:
        return [f"table '{table.name}': there is a header but not one row of data: export it again"]
    return _uncast(engine, table, origin, bad)


def _cast(engine: DuckDB, table: TableSpec, kind: str, raw: str, raw_type: str) -> tuple[str, str]:
    """Two pieces of SQL: the value as text (NULL where blank), and the value in its type."""
    column = ticked(raw)
    plain = f"trim(cast({column} as varchar))"
    text = f"case when lower({plain}) in ({_BLANK}) then null else {plain} end"
    if kind == "id":
        return text, f"cast({column} as bigint)" if raw_type in _INTEGERS else text
    if kind == "time":
        return text, _time(engine, table, column, text, raw_type)
    if kind in TYPES:
        typed = raw_type in (*_INTEGERS, "DOUBLE", "FLOAT") or raw_type.startswith("DECIMAL")
        number = f"replace(replace({text}, '.', ''), ',', '.')" if table.decimal == "," else text
        return text, f"try_cast({column if typed else number} as {TYPES[kind]})"
    return text, text


def _time(engine: DuckDB, table: TableSpec, column: str, text: str, raw_type: str) -> str:
    if raw_type.startswith(("TIMESTAMP", "DATE")):
        time = f"cast({column} as timestamp)"
    else:
        time = engine.parse_time(text, table.time_format) if table.time_format else f"try_cast({text} as timestamp)"
    return f"case when year({time}) between {_YEARS[0]} and {_YEARS[1]} then {time} end"


def _ids_of_whole_orders(table: TableSpec) -> list[str]:
    """What a file with one row an order lacks: a number for the order, and a product."""
    if table.name != "orders" or table.one_row_is == "line":
        return []
    made = {"order_id": "row_number() over ()", "product_id": "'all'", "quantity": "cast(1 as decimal(18, 3))"}
    return [f"{value} as {key}" for key, value in made.items() if key not in table.columns]


def _uncast(engine: DuckDB, table: TableSpec, origin: TableSpec, bad: list[str]) -> list[str]:
    """What could not be cast: how many values, and the first three with their lines."""
    if not bad:
        return []
    counts = engine.frame(f"select {', '.join(f'count(bad_{c}) as {ticked(c)}' for c in bad)} from stage_{table.name}")
    return [
        f"table '{table.name}': {counts[column][0]:,} value(s) of {column} (column {table.columns[column]!r}) "
        f"{_cannot(kind(table.name, column), origin)}; first: {_places(engine, table, origin, column)}"
        for column in bad
        if counts[column][0]
    ]


def _places(engine: DuckDB, table: TableSpec, origin: TableSpec, column: str) -> str:
    values = engine.frame(
        f"select distinct bad_{column} as v from stage_{table.name} where bad_{column} is not null order by 1"
    ).v
    found = reading.lines_with(origin, table.columns[column], set(values)) if origin.path else []
    lines = [f"{value!r} (line {line} of {file})" for file, line, value in found]
    return ", ".join(lines or [repr(value) for value in values[:3]])


def _cannot(kind: str, table: TableSpec) -> str:
    if kind != "time":
        hint = "correct them: no currency signs or thousands separators; set 'decimal: \",\"' where 12,50 is meant"
        return f"are no numbers ({hint})"
    form = f"time_format {table.time_format!r}" if table.time_format else "ISO form (2017-09-30 14:05)"
    hint = 'correct them, or set e.g. time_format: "%d/%m/%Y %H:%M"'
    return f"do not fit {form} or lie outside {_YEARS[0]} to {_YEARS[1]}; {hint}"


def unify_ids(engine: DuckDB, names: list[str]) -> None:
    """Give every id one type over all stages: integers where all values are, else text; 17850.0 becomes 17850."""
    where: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        for column in columns(engine, f"stage_{name}"):
            if kind(name, column) == "id":
                where.setdefault(_SAME_ID.get(column, column), []).append((f"stage_{name}", column))
    for places in where.values():
        values = {place: _without_point_zero(engine, *place) for place in places}
        numeric = all(_all_integers(engine, stage, value) for (stage, _), value in values.items())
        for (stage, column), value in values.items():
            _retype(engine, stage, column, value, "BIGINT" if numeric else "VARCHAR")


def _retype(engine: DuckDB, stage: str, column: str, value: str, wanted: str) -> None:
    if value != column or engine.types(stage)[column] != wanted:
        chosen = [f"cast({value} as {wanted}) as {c}" if c == column else ticked(c) for c in engine.columns(stage)]
        engine.table(stage, f"select {', '.join(chosen)} from {stage}")


def _without_point_zero(engine: DuckDB, stage: str, column: str) -> str:
    """The column, without the '.0' that a spreadsheet adds to whole numbers."""
    if engine.types(stage)[column] != "VARCHAR":
        return column
    all_so = engine.frame(f"select bool_and({column} like '%.0') as x from {stage} where {column} is not null").x[0]
    return f"left({column}, length({column}) - 2)" if not pd.isna(all_so) and all_so else column


def _all_integers(engine: DuckDB, stage: str, value: str) -> bool:
    if engine.types(stage).get(value) == "BIGINT":
        return True
    other = f"{value} is not null and coalesce(cast(try_cast({value} as bigint) as varchar) <> {value}, true)"
    return not engine.frame(f"select count_if({other}) as n from {stage}").n[0]
