"""Raw rows cast to the kit's names and types; what cannot be cast is told with its place in the
file.
"""

from pathlib import Path

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
    raw = (
        reading.relation(engine, origin, scratch)
        if frame is None
        else engine.register(f"raw_{table.name}", frame)
    )
    types = engine.types(raw)
    if missing := {key: name for key, name in table.columns.items() if name not in types}:
        wanted = ", ".join(f"{name!r} (for {key})" for key, name in missing.items())
        present = f"Present: {', '.join(types)}. Correct 'columns' in the source file"
        return [f"table '{table.name}': column(s) not in the file: {wanted}. {present}"]
    casts = {
        key: _cast(engine, origin, kind(table.name, key), name, types[name])
        for key, name in table.columns.items()
    }
    bad = [key for key in casts if kind(table.name, key) in TYPES]
    made = [*_values(engine, spec, casts), *_ids_of_whole_orders(table)]
    made += [f"case when {casts[k][1]} is null then {casts[k][0]} end as bad_{k}" for k in bad]
    text = f"select {', '.join(made)} from {raw}"
    if frame is not None or reading.is_typed(origin):  # cheap to read again, costly to copy
        engine.view(f"cast_{table.name}", text)
    else:
        engine.table(f"cast_{table.name}", text, temporary=True)
    engine.view(f"stage_{table.name}", f"select * from cast_{table.name}")
    return _uncast(engine, table, origin, bad)


def unstage(engine: Engine, table: str) -> None:
    """Forget the cast rows of a table."""
    engine.drop(f"stage_{table}")
    engine.drop(f"cast_{table}")


def _values(engine: Engine, spec: SourceSpec, casts: dict[str, tuple[str, str]]) -> list[str]:
    """The columns of a stage; a time that fits moves to the shop's own zone."""
    values = {key: value for key, (_, value) in casts.items()}
    if spec.timezone and "time" in casts:
        values["time"] = engine.to_zone(values["time"], spec.timezone["from"], spec.timezone["to"])
    return [f"{value} as {ticked(key)}" for key, value in values.items()]


def _cast(engine: Engine, table: TableSpec, kind: str, raw: str, raw_type: str) -> tuple[str, str]:
    """Two pieces of SQL: the value as text (NULL where blank), and the value in its type."""
    column = ticked(raw)
    plain = f"trim(cast({column} as string))"
    text = _unless_blank(plain)
    if kind == "id":
        return text, f"cast({column} as bigint)" if raw_type in _INTEGERS else text
    typed = raw_type in (*_INTEGERS, "DOUBLE", "FLOAT") or raw_type.startswith(
        ("DECIMAL", "TIMESTAMP", "DATE")
    )
    if kind in TYPES and typed:
        text = f"nullif(lower(cast({column} as string)), 'nan')"
    if kind == "time":
        return text, _time(engine, table, column, text, raw_type)
    if kind in TYPES:
        number = f"replace(replace({text}, '.', ''), ',', '.')" if table.decimal == "," else text
        return text, f"try_cast({column if typed else number} as {TYPES[kind]})"
    return text, text


def _unless_blank(plain: str) -> str:
    """The text, NULL where it says that there is none; branches, since a long IN becomes a join
    that shuffles rows.
    """
    longest = max(map(len, _BLANK))
    blank = " ".join(f"when {quoted(word)} then null" for word in _BLANK)
    return f"case when length({plain}) > {longest} then {plain} else case lower({plain}) {blank} else {plain} end end"


def _time(engine: Engine, table: TableSpec, column: str, text: str, raw_type: str) -> str:
    if raw_type.startswith(("TIMESTAMP", "DATE")):
        time = f"cast({column} as timestamp)"
    else:
        time = (
            engine.parse_time(text, table.time_format)
            if table.time_format
            else f"try_cast({text} as timestamp)"
        )
    first, last = (
        f"timestamp '{_YEARS[0]}-01-01 00:00:00'",
        f"timestamp '{_YEARS[1] + 1}-01-01 00:00:00'",
    )
    return f"case when {time} >= {first} and {time} < {last} then {time} end"


def _ids_of_whole_orders(table: TableSpec) -> list[str]:
    """What a file with one row an order lacks: a number for the order, and a product."""
    if table.name != "orders" or table.one_row_is == "line":
        return []
    made = {
        "order_id": "row_number() over ()",
        "product_id": "'all'",
        "quantity": "cast(1 as decimal(18, 3))",
    }
    return [f"{value} as {key}" for key, value in made.items() if key not in table.columns]


def _uncast(engine: Engine, table: TableSpec, origin: TableSpec, bad: list[str]) -> list[str]:
    """What could not be cast: how many values, and the first three with their lines."""
    failed = [f"count(bad_{column}) as {ticked(column)}" for column in bad]
    counts = engine.frame(
        f"select {', '.join(['count(*) as n_rows', *failed])} from stage_{table.name}"
    ).iloc[0]
    if not counts.n_rows:
        empty = "there is a header but not one row of data: export it again"
        if not origin.path:
            empty = "the DataFrame has columns but not one row: give at least one"
        return [f"table '{table.name}': {empty}"]
    return [
        f"table '{table.name}': {counts[column]:,} value(s) of {column} (column "
        f"{table.columns[column]!r}) "
        f"{_cannot(kind(table.name, column), origin)}; first: "
        f"{_places(engine, table, origin, column)}"
        for column in bad
        if counts[column]
    ]


def _places(engine: Engine, table: TableSpec, origin: TableSpec, column: str) -> str:
    values = engine.frame(
        f"select distinct bad_{column} as v from stage_{table.name} where bad_{column} is not null "
        "order by 1"
    ).v
    found = reading.lines_with(origin, table.columns[column], set(values)) if origin.path else []
    lines = [f"{value!r} (line {line} of {file})" for file, line, value in found]
    return ", ".join(lines or [repr(value) for value in values[:3]])


def _cannot(kind: str, table: TableSpec) -> str:
    if kind != "time":
        hint = "correct them: no currency signs or thousands separators; set 'decimal: \",\"' where 12,50 is meant"
        return f"are no numbers ({hint})"
    form = (
        f"time_format {table.time_format!r}" if table.time_format else "ISO form (2017-09-30 14:05)"
    )
    hint = 'correct them, or set e.g. time_format: "%d/%m/%Y %H:%M"'
    return f"do not fit {form} or lie outside {_YEARS[0]} to {_YEARS[1]}; {hint}"


def unify_ids(engine: Engine, names: list[str]) -> None:
    """Give every id one type over all stages: integers where all values are, else text; 17850.0
    becomes 17850.
    """
    values: dict[tuple[str, str], str] = {}
    whole: dict[str, bool] = {}
    for name in names:
        found = _as_text(engine, name)
        values |= {(name, column): value for column, (value, _) in found.items()}
        for column, (_, numeric) in found.items():
            same = _SAME_ID.get(column, column)
            whole[same] = whole.get(same, True) and numeric
    for name in names:
        mine = {column: value for (of, column), value in values.items() if of == name}
        _retype(
            engine,
            name,
            {c: (v, "bigint" if whole[_SAME_ID.get(c, c)] else "string") for c, v in mine.items()},
        )


def _retype(engine: Engine, name: str, wanted: dict[str, tuple[str, str]]) -> None:
    types = engine.types(f"cast_{name}")
    chosen = [
        f"cast({wanted[c][0]} as {wanted[c][1]}) as {c}" if c in wanted else ticked(c)
        for c in types
    ]
    engine.view(f"stage_{name}", f"select {', '.join(chosen)} from cast_{name}")


def _as_text(engine: Engine, name: str) -> dict[str, tuple[str, bool]]:
    """For each id of a stage: its value, without the '.0' that a spreadsheet adds, and whether all
    are integers.
    """
    types = {c: t for c, t in engine.types(f"stage_{name}").items() if kind(name, c) == "id"}
    texts = [column for column, of in types.items() if of == "VARCHAR"]
    values = {column: column for column in types} | _without_point_zero(engine, name, texts)
    integers = _all_integers(engine, name, {column: values[column] for column in texts})
    return {
        column: (value, integers.get(column, types[column] == "BIGINT"))
        for column, value in values.items()
    }


def _without_point_zero(engine: Engine, name: str, texts: list[str]) -> dict[str, str]:
    tests = ", ".join(f"coalesce(bool_and({c} like '%.0'), false) as {c}" for c in texts)
    found = engine.frame(f"select {tests} from stage_{name}").iloc[0] if texts else {}
    return {c: f"left({c}, length({c}) - 2)" for c in texts if found[c]}


def _all_integers(engine: Engine, name: str, values: dict[str, str]) -> dict[str, bool]:
    other = "{0} is not null and coalesce(cast(try_cast({0} as bigint) as string) <> {0}, true)"
    counts = ", ".join(
        f"count_if({other.format(value)}) as {column}" for column, value in values.items()
    )
    found = engine.frame(f"select {counts} from stage_{name}").iloc[0] if values else {}
    return {column: not found[column] for column in values}
