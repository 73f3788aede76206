"""The raw rows of a source made into clean tables, in the engine that its file names."""

import json
import os
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.engine import DuckDB, Engine, connect
from personalize.engine.interface import Cluster, connect_cluster
from personalize.sources import cache
from personalize.sources.cleaning import clean
from personalize.sources.spec import SourceSpec, TableSpec
from personalize.tables import CONTRACTS, TableError

STORED = (*CONTRACTS, "order_totals", "cleaning_log")


def convert(spec: SourceSpec, path: Path, note: Path) -> None:
    """Convert a source, and write the note that says where its tables lie.

    Parameters
    ----------
    spec : the source
    path : the engine file to write (DuckDB)
    note : written last; only then the conversion counts

    Raises
    ------
    TableError : every problem of the source in one message; nothing is left behind.
    """
    into = _into_file if spec.engine.embedded else _into_cluster
    into(spec, path, note)


def in_memory(
    frames: Mapping[str, pd.DataFrame],
) -> tuple[DuckDB, dict[str, str], SourceSpec]:
    """An engine without a file that holds these rows, cleaned, where, and the source they make."""
    engine = DuckDB()
    spec = SourceSpec(name="frames", tables=_tables_of(frames))
    with tempfile.TemporaryDirectory() as scratch:
        _fill(engine, spec, frames, Path(scratch))
    return engine, kept(engine), spec


def _tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, TableSpec]:
    """Tables whose rows are in memory, under canonical names."""
    tables = {}
    for name, frame in frames.items():
        tables[name] = TableSpec(name=name, columns=dict(zip(frame, frame, strict=True)))
    return tables


def kept(engine: Engine) -> dict[str, str]:
    """Where the tables of a source lie that an engine holds, in the order of the vocabulary."""
    places = engine.places
    return {name: places[name] for name in STORED if name in places}


def _into_file(spec: SourceSpec, path: Path, note: Path) -> None:
    """Convert under a temporary name, then rename: a file under its own name is always whole."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as folder:
        made = Path(folder) / path.name
        with closing(connect(spec.engine, made, new=True)) as engine:
            facts = _filled(engine, spec, Path(folder))
        facts["places"] = {name: f"data.{name}" for name in facts["places"]}
        made.chmod(0o600)
        for old in cache.older(path, note):
            cache.remove(old)
        os.replace(made, path)
    cache.write(note, facts)


def _into_cluster(spec: SourceSpec, path: Path, note: Path) -> None:
    """Convert into a folder of its own on Spark; only the note, written last, makes it count."""
    mark = uuid.uuid4().hex[:8]
    folder = f"{spec.engine.folder or path.parent}/{path.name}-{mark}"
    begun = note.with_name(f"{note.name}.{mark}")
    with (
        closing(connect_cluster(spec.engine)) as engine,
        tempfile.TemporaryDirectory(dir=path.parent) as scratch,
    ):
        cache.write(begun, {"folder": folder})
        try:
            engine.begin(folder)
            facts = _filled(engine, spec, Path(scratch))
        except BaseException:
            _forget(engine, begun)
            raise
        cache.write(note, facts | {"folder": folder})
        begun.unlink()
        for old in cache.older(path, note):
            if old.is_file():
                _forget(engine, old)


def _forget(engine: Cluster, note: Path) -> None:
    """Remove the rows that a note speaks of, then the note.

    Where the server is lost, the next conversion does it.
    """
    with suppress(TableError):
        if folder := json.loads(note.read_text(encoding="utf-8")).get("folder"):
            engine.remove(folder)
        note.unlink()


def _filled(engine: Engine, spec: SourceSpec, scratch: Path) -> dict[str, Any]:
    """Fill an engine, and say what the note of the source says."""
    frames: Mapping[str, pd.DataFrame] = {}
    if spec.simulate is not None:
        from personalize import simulate

        frames = simulate.shop(**spec.simulate).tables
        spec = spec.model_copy(update={"tables": _tables_of(frames)})
    _fill(engine, spec, frames, scratch)
    found = engine.frame(
        "select min(day) as first, max(day) as last, count(distinct customer_id) as customers "
        "from order_totals"
    ).iloc[0]
    return {
        "start": f"{found['first']:%Y-%m-%d}",
        "end": f"{found['last']:%Y-%m-%d}",
        "customers": int(found.customers),
        "places": kept(engine),
    }


def _fill(
    engine: Engine, spec: SourceSpec, frames: Mapping[str, pd.DataFrame], scratch: Path
) -> None:
    """Write the clean tables, and the log with its steps numbered: rows keep no order."""
    steps = clean(engine, spec, frames, scratch).frame()
    steps["number"] = range(len(steps))
    engine.table("cleaning_log", f"select * from {engine.register('log_frame', steps)}")
