"""From raw rows to clean tables: cast, check, clean; every row that changes or goes is counted."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pandas as pd

from personalize.engine import DuckDB, quoted
from personalize.sources import reading
from personalize.sources.spec import SourceSpec, TableSpec
from personalize.tables import CONTRACTS, TableError, problems

_TYPES = {"quantity": "decimal(18, 3)", "money": "decimal(18, 4)", "number": "double", "time": "timestamp"}
_BLANK = "'', 'nan', 'null', 'none', 'na', 'n/a', '#n/a', 'nat', '<na>'"
_ALIASES = {"customer_id": "customer_id", "other_id": "customer_id"}
LOG = ("table", "step", "reason", "rows", "consequence")


@dataclass
class Log:
    """The rows of every step: read, dropped, changed, kept although odd, result."""

    rows: list[tuple] = field(default_factory=list)

    def add(self, table: str, step: str, reason: str, count: int, consequence: str = "") -> None:
        """Note one step; steps that touch no row are noted only for 'read' and 'result'."""
        if count or step in ("read", "result"):
            self.rows.append((table, step, reason, int(count), consequence))

    def frame(self) -> pd.DataFrame:
        """One row a step."""
        return pd.DataFrame(self.rows, columns=list(LOG)).astype({"rows": "int64"})


def clean(engine: DuckDB, spec: SourceSpec, frames: dict[str, pd.DataFrame], scratch: Path) -> Log:
    """Write the clean tables of a source into the engine, with `order_totals` beside them.

    Parameters
    ----------
    engine : where to write
    spec : the source
    frames : rows already in memory, by table, instead of files
    scratch : folder for temporary files

    Raises
    ------
    TableError : every problem of every table in one message.
    """
    log, found = Log(), []
    stages = {}
    for name, table in sorted(spec.tables.items(), key=lambda item: item[1].derived):
        try:
            found += _stage(engine, spec, table, frames.get(name), scratch)
            stages[name] = f"stage_{name}"
        except TableError as error:
            found.append(str(error))
        except duckdb.Error as error:
            found.append(f"table '{name}': {_reading_error(error)}")
    if found:
        raise TableError.of(f"source '{spec.name}' cannot be read:", found)
    _unify_ids(engine, stages)
    for name in stages:
        _write(engine, spec, name, log)
        engine.drop(f"stage_{name}")
    if breaches := problems(engine, {name: name for name in stages}):
        raise TableError.of(f"source '{spec.name}' does not meet its contract:", breaches + _what_was_dropped(log))
    _order_totals(engine, spec, log)
    _findings(engine, spec, log)
    if "products" in stages:
        _fill_names(engine)
    return log


def _reading_error(error: duckdb.Error) -> str:
    """DuckDB's words in ours: damaged archives, wrong encodings and ragged lines are the usual cases."""
    text = str(error)
    first = " ".join(text.split("\n\n")[0].split())
    if "GZIP" in text or "gzip" in text:
        return f"the gzip file is damaged or cut short: copy it again ({first})"
    if "unicode" in text.lower():
        return "the file is not UTF-8 text: set 'encoding: latin-1' (or cp1252, utf-16, ...) for it in the source file"
    return f"a line does not fit the header: {first.replace('Invalid Input Error: ', '')}"


def _stage(
    engine: DuckDB, spec: SourceSpec, table: TableSpec, frame: pd.DataFrame | None, scratch: Path
) -> list[str]:
    """Cast the raw rows of one table into `stage_<name>`; returns what could not be cast, in words."""
    origin = replace(spec.tables["orders"], name=table.name) if table.derived else table
    if frame is not None:
        raw = engine.register(f"raw_{table.name}", frame)
    else:
        raw = reading.relation(engine, origin, scratch)
    types = engine.types(raw)
    if missing := {key: name for key, name in table.columns.items() if name not in types}:
        wanted = ", ".join(f"{name!r} (for {key})" for key, name in missing.items())
        return [f"table '{table.name}': column(s) not in the file: {wanted}. Present: {', '.join(types)}"]
    casts = {key: _cast(engine, origin, _kind(table.name, key), name, types[name])
             for key, name in table.columns.items()}  # fmt: skip
    if spec.timezone and "time" in casts:
        text, time = casts["time"]
        casts["time"] = text, engine.to_zone(time, spec.timezone["from"], spec.timezone["to"])
    bad = {key: f"case when {text} is not null and {value} is null then {text} end as bad_{key}"
           for key, (text, value) in casts.items() if _kind(table.name, key) in _TYPES}  # fmt: skip
    made = [f"{value} as {key}" for key, (_, value) in casts.items()] + _made(table)
    engine.table(f"stage_{table.name}", f"select {', '.join([*made, *bad.values()])} from {raw}")
    if engine.frame(f"select 1 as x from stage_{table.name} limit 1").empty:
        return [f"table '{table.name}': there is a header but not one row of data"]
    return _uncast(engine, table, origin, list(bad))


def _kind(table: str, column: str) -> str:
    if column == "unit_price":
        return "money"
    known = CONTRACTS[table].columns.get(column)
    return known.kind if known else "text"


def _cast(engine: DuckDB, table: TableSpec, kind: str, name: str, raw_type: str) -> tuple[str, str]:
    """Two pieces of SQL: the value as text (NULL where blank), and the value in its type."""
    column = "`" + name.replace("`", "``") + "`"
    plain = f"trim(cast({column} as varchar))"
    text = f"case when lower({plain}) in ({_BLANK}) then null else {plain} end"
    integer = raw_type in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
    if kind == "id":
        return text, f"cast({column} as bigint)" if integer else text
    if kind == "time":
        if raw_type.startswith(("TIMESTAMP", "DATE")):
            return text, f"cast({column} as timestamp)"
        return text, engine.parse_time(text, table.time_format) if table.time_format else f"try_cast({text} as timestamp)"
    if kind in _TYPES:
        number = column if raw_type in ("DOUBLE", "FLOAT") or integer else text
        if number == text and table.decimal == ",":
            number = f"replace(replace({text}, '.', ''), ',', '.')"
        return text, f"try_cast({number} as {_TYPES[kind]})"
    return text, text


def _made(table: TableSpec) -> list[str]:
    """Columns the kit makes itself: the amount of a line, and the ids of a file with one row an order."""
    if table.name != "orders":
        return []
    made = []
    if table.one_row_is == "order":
        ids = {"order_id": "row_number() over ()", "product_id": "'all'", "quantity": "cast(1 as decimal(18, 3))"}
        made = [f"{value} as {key}" for key, value in ids.items() if key not in table.columns]
    return made


def _uncast(engine: DuckDB, table: TableSpec, origin: TableSpec, columns: list[str]) -> list[str]:
    """What could not be cast: how many values, and the first three with their lines."""
    if not columns:
        return []
    counts = engine.frame(f"select {', '.join(f'count(bad_{c}) as {c}' for c in columns)} from stage_{table.name}")
    found = []
    for column in columns:
        if count := int(counts[column][0]):
            bad = engine.frame(f"select distinct bad_{column} as v from stage_{table.name} where bad_{column} is not null")
            places = [f"{value!r} (line {line} of {file})" for file, line, value in
                      reading.lines_with(origin, table.columns[column], set(bad.v))] if origin.path else []  # fmt: skip
            places = places or [repr(value) for value in sorted(bad.v)[:3]]
            found.append(
                f"table '{table.name}': {count:,} value(s) of {column} (column {table.columns[column]!r}) "
                f"{_cannot(_kind(table.name, column), origin)}; first: {', '.join(places)}"
            )
    return found


def _cannot(kind: str, table: TableSpec) -> str:
    if kind != "time":
        return f"are no numbers (set 'decimal: \",\"' for 12,50; now {table.decimal!r})"
    form = f"do not fit time_format {table.time_format!r}" if table.time_format else "are no ISO times (2017-09-30 14:05)"
    return f'{form}; set e.g. time_format: "%d/%m/%Y %H:%M"'


def _unify_ids(engine: DuckDB, stages: dict[str, str]) -> None:
    """Give every id one type: integers where all values are integers, text otherwise; 17850.0 becomes 17850."""
    where: dict[str, list[tuple[str, str]]] = {}
    for name, stage in stages.items():
        for column in engine.columns(stage):
            if not column.startswith("bad_") and _kind(name, column) == "id":
                where.setdefault(_ALIASES.get(column, column), []).append((stage, column))
    for places in where.values():
        shortened = {place: _shorten(engine, *place) for place in places}
        numeric = all(_all_integers(engine, stage, shortened[stage, column]) for stage, column in places)
        kind = "bigint" if numeric else "varchar"
        for (stage, column), value in shortened.items():
            if value != column or engine.types(stage)[column].lower() != kind:
                engine.table(stage, f"select * replace (cast({value} as {kind}) as {column}) from {stage}")


def _shorten(engine: DuckDB, stage: str, column: str) -> str:
    """The column, without the '.0' that a spreadsheet adds to whole numbers."""
    if engine.types(stage)[column] != "VARCHAR":
        return column
    decimal = engine.frame(f"select bool_and({column} like '%.0') as x from {stage} where {column} is not null").x[0]
    return f"left({column}, length({column}) - 2)" if decimal is True or decimal == 1 else column


def _all_integers(engine: DuckDB, stage: str, value: str) -> bool:
    odd = f"count_if({value} is not null and coalesce(cast(try_cast({value} as bigint) as varchar) <> {value}, true))"
    return engine.types(stage).get(value) == "BIGINT" or not engine.frame(f"select {odd} as n from {stage}").n[0]


def _write(engine: DuckDB, spec: SourceSpec, name: str, log: Log) -> None:
    """The clean table `name` from its stage: rows without their required values go, and are counted."""
    stage, table = f"stage_{name}", spec.tables[name]
    columns = [c for c in engine.columns(stage) if not c.startswith("bad_") and c != "unit_price"]
    log.add(name, "read", "rows in the file" if not table.derived else "order lines to derive it from",
            engine.frame(f"select count(*) as n from {stage}").n[0])  # fmt: skip
    reasons = _reasons(spec, name, engine.columns(stage))
    if name == "orders" and "amount" not in columns:
        columns.append("cast(quantity * unit_price as decimal(18, 4)) as amount")
    if table.derived:
        _derive(engine, name, stage, columns, reasons)
    else:
        drop = "case " + " ".join(f"when {test} then {quoted(why)}" for why, test in reasons.items()) + " end"
        counts = engine.frame(f"select {drop} as why, count(*) as n from {stage} group by 1")
        for why in reasons:
            log.add(name, "dropped", why, counts.n[counts.why == why].sum(), "not in any figure")
        distinct = "distinct" if name == "orders" and spec.duplicates == "drop" else ""
        engine.table(name, f"select {distinct} {', '.join(columns)} from {stage} where ({drop}) is null")
    if spec.duplicates == "drop" and name == "orders":
        kept = engine.frame(f"select (select count(*) from {stage} where ({drop}) is null) - count(*) as n from {name}").n[0]
        log.add(name, "dropped", "exact repeats of a line", kept, "not in any figure")
    log.add(name, "result", "rows kept" if not table.derived else f"one row a {CONTRACTS[name].row}",
            engine.frame(f"select count(*) as n from {name}").n[0])  # fmt: skip


def _reasons(spec: SourceSpec, name: str, columns: list[str]) -> dict[str, str]:
    """Why a row is dropped: reason -> SQL test; the first that holds counts."""
    needed = [c for c in CONTRACTS[name].required if c in columns and not (name == "orders" and c == "customer_id")]
    if name == "orders" and "unit_price" in columns:
        needed.append("unit_price")
    reasons = {f"no {column}": f"{column} is null" for column in needed}
    for column, values in spec.exclude.items():
        if column in columns:
            listed = ", ".join(quoted(value) for value in values)
            reasons[f"excluded {column}"] = f"coalesce(cast({column} as varchar) in ({listed}), false)"
    if name == "orders" and spec.returns == "drop":
        reasons["return (quantity below 0), by 'returns: drop'"] = "quantity < 0"
    return reasons


def _derive(engine: DuckDB, name: str, stage: str, columns: list[str], reasons: dict[str, str]) -> None:
    """One row a key from the order lines: the most frequent text, the median number."""
    key = CONTRACTS[name].key[0]
    keep = " and ".join(f"not ({test})" for test in reasons.values()) or "true"
    parts = [f"(select distinct {key} from {stage} where {keep}) as k"]
    for column in (c for c in columns if c != key):
        if _kind(name, column) in _TYPES:
            value = f"select {key}, cast(median({column}) as {_TYPES[_kind(name, column)]}) as {column} from {stage} group by {key}"
        else:
            value = (
                f"select {key}, {column} from (select {key}, {column}, count(*) as n from {stage} "
                f"where {column} is not null group by {key}, {column}) "
                f"qualify row_number() over (partition by {key} order by n desc, {column}) = 1"
            )
        parts.append(f"left join ({value}) as t_{column} on t_{column}.{key} = k.{key}")
    chosen = ", ".join(f"t_{c}.{c}" if c != key else f"k.{key}" for c in columns)
    engine.table(name, f"select {chosen} from {' '.join(parts)} order by k.{key}")


def _what_was_dropped(log: Log) -> list[str]:
    return [f"(table '{t}': {n:,} row(s) were dropped before this: {why})"
            for t, step, why, n, _ in log.rows if step == "dropped"]  # fmt: skip


def _order_totals(engine: DuckDB, spec: SourceSpec, log: Log) -> None:
    """One row an order; where lines of one order differ in time or miss its customer, the order decides."""
    returned = "false" if spec.returns == "keep" else "max(case when quantity < 0 then 0 else 1 end) = 0"
    engine.table(
        "order_totals",
        f"""select order_id, max(customer_id) as customer_id, min(time) as time, cast(min(time) as date) as day,
            count(*) as lines, count(distinct case when quantity >= 0 then product_id end) as products,
            cast(sum(quantity) as decimal(18, 3)) as quantity, cast(sum(amount) as decimal(18, 4)) as amount,
            {returned} as is_return, max(time) as last_time, count(customer_id) as named
        from orders group by order_id order by min(time), order_id""",
    )
    mixed = "last_time > time or (named > 0 and named < lines)"
    several = engine.frame(f"select count_if(last_time > time) as times, count_if(named between 1 and lines - 1) as "
                           "customers from order_totals")  # fmt: skip
    log.add("orders", "changed", "orders whose lines differ in time", several.times[0], "take the order's first time")
    log.add("orders", "changed", "orders with some lines lacking the customer", several.customers[0],
            "take the order's customer")  # fmt: skip
    if several.to_numpy().sum():
        engine.table(
            "orders",
            "select o.* replace (coalesce(t.time, o.time) as time, coalesce(t.customer_id, o.customer_id) as customer_id) "
            f"from orders as o left join (select * from order_totals where {mixed}) as t on t.order_id = o.order_id",
        )
    engine.table("order_totals", "select * exclude (last_time, named) from order_totals")


def _findings(engine: DuckDB, spec: SourceSpec, log: Log) -> None:
    """Odd lines that stay, each with what it means for the figures."""
    returns = {"net": "money is net of them; never counted as a visit or a basket item",
               "keep": "counted like any line, by 'returns: keep'", "drop": ""}[spec.returns]  # fmt: skip
    tests = {
        "anonymous lines (no customer)": ("customer_id is null", "kept for baskets, left out of customer tables"),
        "return lines (quantity below 0)": ("quantity < 0", returns),
        "lines with quantity 0": ("quantity = 0", "kept: they count as a visit and as an item of the basket, add no piece"),
        "lines with amount 0": ("amount = 0", "kept: free or fully discounted; they lower means per line"),
        "lines with money below 0 but quantity above 0": ("amount < 0 and quantity > 0", "kept: check what they are"),
    }
    counts = engine.frame("select " + ", ".join(f"count_if({t}) as n{k}" for k, (t, _) in enumerate(tests.values()))
                          + " from orders")  # fmt: skip
    for k, (reason, (_, consequence)) in enumerate(tests.items()):
        log.add("orders", "kept", reason, counts[f"n{k}"][0], consequence)
    repeats = engine.frame("select coalesce(sum(n - 1), 0) as n from (select count(*) as n from orders group by "
                           "order_id, product_id, quantity, amount having count(*) > 1)")  # fmt: skip
    log.add("orders", "kept", "lines repeated exactly within their order", repeats.n[0],
            "kept: scanned twice is bought twice; 'duplicates: drop' removes them")  # fmt: skip
    if "products" in spec.tables:
        unknown = engine.frame("select count(*) as n from orders where product_id not in (select product_id from products)")
        log.add("orders", "kept", "lines whose product is not in 'products'", unknown.n[0],
                "kept: shown by product id, left out of groups")  # fmt: skip


def _fill_names(engine: DuckDB) -> None:
    """Every product gets a name people can read: its own, else its group and id."""
    columns = engine.columns("products")
    groups = [c for c in ("subcategory", "category", "department") if c in columns]
    number = "cast(product_id as varchar)"
    made = [f"{group} || ' #' || {number}" for group in groups] + [f"'product ' || {number}"]
    given = ["name"] if "name" in columns else []
    rest = "* exclude (name)" if given else "*"
    engine.table("products", f"select {rest}, coalesce({', '.join(given + made)}) as name from products")
