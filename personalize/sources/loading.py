"""A source as tables: converted where it has to be, then opened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from personalize.engine import Engine, connect
from personalize.parameters import check_in_kernel
from personalize.sources import cache, conversion, database
from personalize.sources.spec import SourceSpec, read
from personalize.tables import CONTRACTS, TableError, Tables, unknown_columns


@dataclass(frozen=True)
class Prepared:
    """A source, converted: where it lies and what identifies it.

    Attributes
    ----------
    spec : the source
    path : the engine file; where Spark keeps the rows, the note that says where
    fingerprint : hex digest of raw content, source file and cleaning rules
    start, end : first and last day with an order (YYYY-MM-DD)
    customers : number of customers with an order
    places : table name -> where its rows lie, in the words of the engine
    folder : where Spark keeps them
    """

    spec: SourceSpec
    path: Path
    fingerprint: str
    start: str
    end: str
    customers: int
    places: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    def open(self) -> Tables:
        """The tables, read by an engine of their own."""
        engine = connect(self.spec.engine, self.path)
        relations = {name: engine.stored(name, place) for name, place in self.places.items()}
        return _tables(engine, relations, self.spec)


def load(source: str | Path | Mapping[str, pd.DataFrame]) -> Tables:
    """The clean, checked tables of a source.

    Parameters
    ----------
    source : name of a built-in source, path of a source file, or a mapping of DataFrames with
        canonical columns

    Returns
    -------
    Tables : see `personalize.tables.Tables`

    Raises
    ------
    TableError : every problem of the source in one message; in a notebook, whose `source` this
        is, also parameters that cannot be used.

    >>> frame = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 11, 12],
    ...     "product_id": [5, 5, 6], "quantity": 1, "amount": 2.5,
    ...     "time": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02"])})
    >>> tables = load({"orders": frame})
    >>> tables.order_totals.to_pandas(["order_id", "amount"]).amount.sum()
    np.float64(7.5)
    """
    if isinstance(source, Mapping):
        return _from_frames(source)
    check_in_kernel(source)
    tables = prepare(source, fresh=False).open()
    check_in_kernel(source, tables)
    return tables


def prepare(source: str | Path, *, fresh: bool = True) -> Prepared:
    """The source converted for its engine; nothing is done where that is up to date.

    Parameters
    ----------
    source : name of a built-in source, or path of a source file
    fresh : ask databases again; else what they gave last is read, where there is any

    Raises
    ------
    TableError : every problem of the source in one message; no half-written file is left.
    """
    asked = read(source)
    origin = cache.short(str(Path(source).resolve()))
    spec = database.fetched(asked, cache.folder(), origin, fresh=fresh)
    fingerprint = cache.fingerprint(spec)
    ending = "duckdb"
    if not spec.engine.embedded:
        ending = f"spark-{cache.short(spec.engine.address() + spec.engine.folder)}"
    path = cache.folder() / f"{spec.name}-{origin}-{fingerprint[:16]}.{ending}"
    note = path.with_name(path.name + ".json")
    if not note.is_file() or (spec.engine.embedded and not path.is_file()):
        conversion.convert(spec, path, note)
    return Prepared(asked, path, fingerprint, **json.loads(note.read_text(encoding="utf-8")))


def _from_frames(frames: Mapping[str, pd.DataFrame]) -> Tables:
    problems = []
    for name, frame in frames.items():
        problems += _frame_problems(name, list(frame.columns))
    if "orders" not in frames:
        problems.append("table 'orders' is missing: it is the one table that is always needed")
    if problems:
        raise TableError.of("the DataFrames cannot be used:", problems)
    engine, places, spec = conversion.in_memory(frames)
    return _tables(engine, places, spec)


def _frame_problems(name: str, columns: list[str]) -> list[str]:
    if name not in CONTRACTS:
        return [f"unknown table '{name}'. Known: {', '.join(CONTRACTS)}"]
    problems = []
    missing = [column for column in CONTRACTS[name].required if column not in columns]
    if missing:
        problems.append(f"table '{name}': column(s) missing: {missing}. Present: {columns}")
    if unknown := unknown_columns(name, columns):
        known = list(CONTRACTS[name].columns)
        problems.append(f"table '{name}': unknown column(s) {unknown}. Known: {known}")
    return problems


def _tables(engine: Engine, places: Mapping[str, str], spec: SourceSpec) -> Tables:
    """The tables of a source, with what is said of them."""
    description = spec.description
    if spec.sample < 1:
        description += f" A sample of {spec.sample:.4g} of the customers."
    card = {
        "title": spec.title or spec.name,
        "description": description,
        "terms": spec.terms,
        "simulated": spec.simulated,
        "returns": spec.returns,
    }
    relations = dict(places)
    steps = engine.frame(f"select * from {relations.pop('cleaning_log')} order by number")
    return Tables(
        spec.name,
        engine,
        MappingProxyType(relations),
        spec.currency or "currency units",
        MappingProxyType(card),
        steps.drop(columns="number"),
    )
