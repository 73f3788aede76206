"""From cast rows to clean tables: every row that goes, changes or is odd is counted with its
reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from personalize.engine import Engine, quoted, ticked
from personalize.sources.spec import SourceSpec
from personalize.sources.staging import TYPES, columns, kind, stage, unify_ids, unstage
from personalize.tables import CONTRACTS, MAY_BE_ANONYMOUS, TableError, problems, sql_file

# tables bear their own names while a source is converted
_IN_CONVERSION = {name: name for name in ("orders", "order_repeats", "order_sums")}

_RETURNS = {
    "net": "money is net of them; never a visit or an item of a basket",
    "keep": "counted like any line, by 'returns: keep'",
}
_ODD = {
    "lines with quantity 0": (
        "quantity = 0",
        "kept: a visit and an item of the basket, but no piece",
    ),
    "lines with amount 0": (
        "amount = 0",
        "kept: free or fully discounted; they lower means per line",
    ),
    "lines with money below 0, quantity above 0": (
        "amount < 0 and quantity > 0",
        "kept: look what they are",
    ),
}


_OWNERS = ("customer_id", "other_id", "order_id")


@dataclass
class Log:
    """The rows of every step: read, dropped, changed, kept although odd, result."""

    rows: list[tuple] = field(default_factory=list)

    def add(self, table: str, step: str, reason: str, count: int, consequence: str = "") -> None:
        """Note one step; a step that touches no row is noted only for 'read' and 'result'."""
        if count or step in ("read", "result"):
            self.rows.append((table, step, reason, int(count), consequence))

    def frame(self) -> pd.DataFrame:
        """One row a step: table, step, reason, rows, consequence."""
        names = ["table", "step", "reason", "rows", "consequence"]
        return pd.DataFrame(self.rows, columns=names).astype({"rows": "int64"})


def clean(
    engine: Engine, spec: SourceSpec, frames: Mapping[str, pd.DataFrame], scratch: Path
) -> Log:
    """Write the clean tables of a source into the engine, with `order_totals` beside them.

    Parameters
    ----------
    engine : where to write
    spec : the source
    frames : rows that are in memory already, by table
    scratch : folder for temporary files

    Raises
    ------
    TableError : every problem of every table in one message.
    """
    log = Log()
    names = sorted(spec.tables, key=lambda name: spec.tables[name].derived)
    found: list[str] = []
    for name in names:
        if not (found and spec.tables[name].derived):  # it fails wherever its origin does
            found += _staged(engine, spec, name, frames.get(name), scratch)
    if found:
        raise TableError.of(f"source '{spec.name}' cannot be read:", found)
    unify_ids(engine, names)
    for name in names:
        _write(engine, spec, name, log)
        unstage(engine, name)
    names = [name for name in names if _is_filled(engine, spec, name, log)]
    _add_up(engine)
    if breaches := problems(engine, {name: name for name in names}):
        breaches += _emptied(log, breaches)
        raise TableError.of(f"source '{spec.name}' does not meet its contract:", breaches)
    _order_totals(engine, spec, log)
    _findings(engine, spec, names, log)
    return log


def _emptied(log: Log, breaches: list[str]) -> list[str]:
    """What was dropped before from the tables that are empty now."""
    rows = log.frame().query("step == 'dropped'")
    found = []
    for row in rows.itertuples():
        if f"'{row.table}' is empty" in str(breaches):
            dropped = f"{row.rows:,} row(s) of '{row.table}' were dropped: {row.reason}"
            found.append(f"(before that, {dropped})")
    return found


def _is_filled(engine: Engine, spec: SourceSpec, name: str, log: Log) -> bool:
    """A table derived from lines that know none of its keys is left out, not refused."""
    if not spec.tables[name].derived or _count(engine, name):
        return True
    engine.drop(name)
    log.add(
        name,
        "changed",
        f"the order lines hold no {CONTRACTS[name].key[0]}",
        1,
        "the table is left out",
    )
    return False


def _staged(
    engine: Engine, spec: SourceSpec, name: str, frame: pd.DataFrame | None, scratch: Path
) -> list[str]:
    try:
        return stage(engine, spec, spec.tables[name], frame, scratch=scratch)
    except TableError as error:
        named = f"table '{name}': "
        return [named + str(error).removeprefix(named)]
    except duckdb.Error as error:
        return [f"table '{name}': {_reading_error(error)}"]


def _reading_error(error: duckdb.Error) -> str:
    """DuckDB's words in ours: damaged archives, wrong encodings and ragged lines are the usual
    cases.
    """
    text = str(error)
    first = " ".join(text.split("Possible")[0].split()).removeprefix("Invalid Input Error: ")
    if file := re.search(r"file = (.+)", text):
        first += f" in {Path(file[1]).name}"
    if "gzip" in text.lower():
        return f"the gzip file is damaged or cut short: copy it again ({first})"
    if "unicode" in text.lower():
        return (
            "the file is not UTF-8 text: set 'encoding: latin-1' (or cp1252, utf-16, ...) "
            "in the source file"
        )
    return (
        f"a line does not fit the header ({first}): "
        "put text that holds the separator in quotes, or mend the line"
    )


def _write(engine: Engine, spec: SourceSpec, name: str, log: Log) -> None:
    """The clean table `name` from its stage: rows that must go are counted by reason."""
    derived, source = spec.tables[name].derived, f"stage_{name}"
    read, present = _count(engine, source), columns(engine, source)
    log.add(name, "read", "order lines to derive it from" if derived else "rows in the file", read)
    reasons = _reasons(spec, name, present)
    tests = " ".join(f"when {test} then {quoted(why)}" for why, test in reasons.items())
    case = f"case {tests} end"
    kept = f"(select * from {source} where ({case}) is null)"
    if derived:
        _derive(engine, name, kept, present)
    else:
        engine.table(name, f"select {_chosen(name, present)} from {kept}")
    rows = _count(engine, name)
    if not derived and rows < read:
        counts = engine.frame(f"select {case} as why, count(*) as n from {source} group by 1")
        counts = counts.set_index("why").n
        for why in reasons:
            log.add(name, "dropped", why, counts.get(why, 0), "in no figure")
    if spec.timezone and "time" in present:
        moved = "times moved from {from} to {to}".format(**spec.timezone)
        log.add(name, "changed", moved, rows, "days and hours are the shop's own")
    if name == "orders" and spec.duplicates == "drop":
        engine.table(name, f"select distinct * from {name}")
        before, rows = rows, _count(engine, name)
        log.add(name, "dropped", "exact repeats of a line", before - rows, "in no figure")
    log.add(name, "result", f"one row a {CONTRACTS[name].row}" if derived else "rows kept", rows)


def _count(engine: Engine, relation: str) -> int:
    return int(engine.frame(f"select count(*) as n from {relation}").n[0])


def _chosen(name: str, present: list[str]) -> str:
    chosen = [ticked(column) for column in present if column != "unit_price"]
    if name == "orders" and "amount" not in present:
        chosen.append("cast(quantity * unit_price as decimal(18, 4)) as amount")
    if name == "products":
        chosen = [column for column in chosen if column != "`name`"] + [f"{_name(present)} as name"]
    return ", ".join(chosen)


def _name(present: list[str]) -> str:
    """A name that people can read for every product: its own, else its group and id."""
    number = "cast(product_id as string)"
    found = ["name"] if "name" in present else []
    for group in ("subcategory", "category", "department"):
        if group in present:
            found.append(f"{group} || ' #' || {number}")
    found.append(f"'product ' || {number}")
    return f"coalesce({', '.join(found)})"


def _reasons(spec: SourceSpec, name: str, present: list[str]) -> dict[str, str]:
    """Why a row goes: reason -> SQL test; the first that holds counts."""
    needed = {*CONTRACTS[name].required, "unit_price"}
    if name in MAY_BE_ANONYMOUS:
        needed.remove("customer_id")
    reasons = {}
    for column in present:
        if column in needed:
            reasons[f"no {column}"] = f"{ticked(column)} is null"
    for column, values in spec.exclude.items():
        for value in values:
            if column in present:
                test = f"coalesce(cast({column} as string) = {quoted(value)}, false)"
                reasons[f"{column} '{value}' is excluded"] = test
    owner = [column for column in _OWNERS if column in present]
    if spec.sample < 1 and owner:
        why = f"outside the sample of {spec.sample:.4g} of the customers"
        reasons[why] = _outside(owner, spec.sample)
    if name == "orders" and spec.returns == "drop":
        reasons["return (quantity below 0), by 'returns: drop'"] = "quantity < 0"
    return reasons or {"": "false"}


def _outside(owner: list[str], share: float) -> str:
    """SQL: is the customer, or the order of nobody, outside a sample?

    By their md5, which is the same everywhere.
    """
    edge = f"{round(share * 16**8):08x}"
    keys = [f"cast({column} as string)" for column in owner]
    if "other_id" in owner:  # a tie needs both ends
        return f"md5({keys[0]}) >= '{edge}' or md5({keys[1]}) >= '{edge}'"
    key = f"coalesce({keys[0]}, {keys[1]})" if len(keys) > 1 else keys[0]
    return f"md5({key}) >= '{edge}'"


def _derive(engine: Engine, name: str, kept: str, present: list[str]) -> None:
    """One row a key from the order lines: the most frequent text, the median number."""
    key = CONTRACTS[name].key[0]
    parts = [f"(select distinct {key} from {kept}) as k"]
    found = []
    for column in present:
        if column == key:
            found.append(f"k.{key}")
            continue
        if typed := TYPES.get(kind(name, column)):
            median = f"cast(median({column}) as {typed}) as {column}"
            value = f"select {key}, {median} from {kept} group by {key}"
        else:
            counted = (
                f"select {key}, {column}, count(*) as n from {kept} "
                f"where {column} is not null group by {key}, {column}"
            )
            first = f"row_number() over (partition by {key} order by n desc, {column}) = 1"
            value = f"select {key}, {column} from ({counted}) qualify {first}"
        parts.append(f"left join ({value}) as t_{column} on t_{column}.{key} = k.{key}")
        found.append(f"t_{column}.{column}")
    rows = f"(select {', '.join(found)} from {' '.join(parts)}) as derived"
    engine.table(name, f"select {_chosen(name, present)} from {rows} order by {key}")


def _add_up(engine: Engine) -> None:
    """One row an order, and one a product on several of its lines: what totals rest on."""
    for name in ("order_repeats", "order_sums"):
        engine.table(name, sql_file(name).format(**_IN_CONVERSION), temporary=True)


def _order_totals(engine: Engine, spec: SourceSpec, log: Log) -> None:
    """One row an order; where its lines differ in time or lack the customer, the order decides."""
    mixed = engine.frame(
        "select count_if(last_time > time) as times, count_if(named between 1 and lines - 1) as "
        "names from order_sums"
    )
    late, unnamed = mixed.iloc[0]
    log.add("orders", "changed", "orders whose lines differ in time", late, "take their first time")
    reason = "orders with some lines without customer"
    log.add("orders", "changed", reason, unnamed, "take their customer")
    returned = "false" if spec.returns == "keep" else "is_return"
    text = sql_file("order_totals").format(**_IN_CONVERSION, is_return=returned)
    engine.table("order_totals", text)
    if late or unnamed:
        chosen = []
        for column in engine.columns("orders"):
            chosen.append(f"{'t' if column in ('time', 'customer_id') else 'o'}.{column}")
        joined = "orders as o join order_totals as t on t.order_id = o.order_id"
        engine.table("orders", f"select {', '.join(chosen)} from {joined}")


def _findings(engine: Engine, spec: SourceSpec, names: list[str], log: Log) -> None:
    """Odd rows that stay, each with what it means for the figures."""
    for name, use in (("orders", "baskets"), ("events", "page counts")):
        if name in names:
            nobody = _count(engine, f"(select * from {name} where customer_id is null)")
            reason = f"anonymous: {CONTRACTS[name].row} without customer"
            log.add(name, "kept", reason, nobody, f"kept for {use}, left out of customer tables")
    returns = ("quantity < 0", _RETURNS.get(spec.returns, ""))
    for reason, (test, consequence) in {**_ODD, "return lines (quantity below 0)": returns}.items():
        count = _count(engine, f"(select * from orders where {test})")
        log.add("orders", "kept", reason, count, consequence)
    reason = "lines repeated exactly within their order"
    twice = "kept: scanned twice is bought twice; 'duplicates: drop' removes them"
    log.add("orders", "kept", reason, _repeated(engine), twice)
    if "products" in names:
        unknown = (
            "(select * from orders o left join products p on p.product_id = o.product_id "
            "where p.product_id is null)"
        )
        reason = "lines whose product is not in 'products'"
        shown = "kept: shown by product id, left out of groups"
        log.add("orders", "kept", reason, _count(engine, unknown), shown)
    for name in ("order_repeats", "order_sums"):
        engine.drop(name)


def _repeated(engine: Engine) -> int:
    """Lines that repeat another of their order; only products that an order names twice can."""
    lines = (
        "select count(*) as n from orders o "
        "join order_repeats r on r.order_id = o.order_id and r.product_id = o.product_id "
        "group by o.order_id, o.product_id, o.quantity, o.amount having count(*) > 1"
    )
    return engine.frame(f"select coalesce(sum(n - 1), 0) as n from ({lines}) as repeats").n[0]
