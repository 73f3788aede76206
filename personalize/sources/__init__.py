"""From a shop's own files to clean tables: read the source file, convert once, open.

The raw files are read, cast, cleaned and checked once, into an engine file that is keyed by their
content; every notebook opens that file. A change in the files, the source file or the rules of
cleaning makes a new one.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from personalize.engine import Engine
from personalize.parameters import check_in_kernel
from personalize.sources.spec import SourceSpec, names, read
from personalize.sources.store import Prepared, in_memory, prepare, stored, with_frames
from personalize.tables import CONTRACTS, TableError, Tables, unknown_columns

__all__ = ["Prepared", "SourceSpec", "load", "names", "prepare", "read"]


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
    TableError : every problem of the source in one message; in a notebook, whose `source` this is, also parameters
        that cannot be used.

    >>> frame = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 11, 12], "product_id": [5, 5, 6],
    ...     "time": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02"]), "quantity": 1, "amount": 2.5})
    >>> tables = load({"orders": frame})
    >>> tables.order_totals.to_pandas(["order_id", "amount"]).amount.sum()
    np.float64(7.5)
    """
    if isinstance(source, Mapping):
        return _from_frames(source)
    check_in_kernel(source)
    prepared = prepare(source, fresh=False)
    tables = _tables(*prepared.open(), prepared.spec)
    check_in_kernel(source, tables)
    return tables


def _tables(engine: Engine, relations: Mapping[str, str], spec: SourceSpec) -> Tables:
    card = {
        "title": spec.title or spec.name,
        "description": spec.description
        + (f" A sample of {spec.sample:.4g} of the customers." if spec.sample < 1 else ""),
        "terms": spec.terms,
        "simulated": spec.simulated,
        "returns": spec.returns,
    }
    log = engine.frame(f"select * from {relations['cleaning_log']} order by number").drop(
        columns="number"
    )
    relations = MappingProxyType(
        {name: place for name, place in relations.items() if name != "cleaning_log"}
    )
    return Tables(
        spec.name, engine, relations, spec.currency or "currency units", MappingProxyType(card), log
    )


def _from_frames(frames: Mapping[str, pd.DataFrame]) -> Tables:
    problems = [
        f"unknown table '{name}'. Known: {', '.join(CONTRACTS)}"
        for name in frames
        if name not in CONTRACTS
    ]
    for name in (name for name in frames if name in CONTRACTS):
        columns = list(frames[name].columns)
        if missing := [c for c in CONTRACTS[name].required if c not in columns]:
            problems.append(f"table '{name}': column(s) missing: {missing}. Present: {columns}")
        if unknown := unknown_columns(name, columns):
            problems.append(
                f"table '{name}': unknown column(s) {unknown}. Known: "
                f"{list(CONTRACTS[name].columns)}"
            )
    if "orders" not in frames:
        problems.append("table 'orders' is missing: it is the one table that is always needed")
    if problems:
        raise TableError.of("the DataFrames cannot be used:", problems)
    spec = with_frames(SourceSpec("frames", {}), frames)
    engine = in_memory(spec, frames)
    return _tables(engine, {name: name for name in stored(engine)}, spec)
