"""From a shop's own files to clean tables: read the source file, convert once, open.

The raw files are read, cast, cleaned and checked once, into an engine file that is keyed by their content;
every notebook opens that file. A change in the files, the source file or the rules of cleaning makes a new one.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import platformdirs

from personalize.engine import DuckDB
from personalize.sources.cleaning import clean
from personalize.sources.spec import SourceSpec, TableSpec, names, read
from personalize.tables import CONTRACTS, TableError, Tables, unknown_columns

__all__ = ["Prepared", "SourceSpec", "load", "names", "prepare", "read"]


@dataclass(frozen=True)
class Prepared:
    """A source, converted: where it lies and what identifies it.

    Attributes
    ----------
    spec : the source
    path : the engine file
    fingerprint : hex digest of raw content, source file and cleaning rules
    start, end : first and last day with an order (YYYY-MM-DD)
    customers : number of customers with an order
    """

    spec: SourceSpec
    path: Path
    fingerprint: str
    start: str
    end: str
    customers: int


def load(source: str | Path | Mapping[str, pd.DataFrame]) -> Tables:
    """The clean, checked tables of a source.

    Parameters
    ----------
    source : name of a built-in source, path of a source file, or a mapping of DataFrames with canonical columns

    Returns
    -------
    Tables : see `personalize.tables.Tables`

    Raises
    ------
    TableError : every problem of the source in one message.

    >>> frame = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 11, 12], "product_id": [5, 5, 6],
    ...     "time": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02"]), "quantity": 1, "amount": 2.5})
    >>> tables = load({"orders": frame})
    >>> tables.order_totals.to_pandas(["order_id", "amount"]).amount.sum()
    np.float64(7.5)
    """
    if isinstance(source, Mapping):
        return _from_frames(source)
    prepared = prepare(source)
    return _open(DuckDB(prepared.path), prepared.spec, "data.")


def prepare(source: str | Path) -> Prepared:
    """The source converted into an engine file; nothing is done where that file is up to date.

    Raises
    ------
    TableError : every problem of the source in one message; no half-written file is left.
    """
    spec = read(source)
    fingerprint = _fingerprint(spec)
    origin = hashlib.sha256(str(Path(source).resolve()).encode()).hexdigest()[:8]
    path = _cache() / f"{spec.name}-{origin}-{fingerprint[:16]}.duckdb"
    note = path.with_suffix(".json")
    if not (path.is_file() and note.is_file()):
        _convert(spec, path, note)
    return Prepared(spec, path, fingerprint, **json.loads(note.read_text(encoding="utf-8")))


def _cache() -> Path:
    """The folder of engine files: $PERSONALIZE_CACHE, else the user's own cache folder; owner only."""
    folder = Path(os.environ.get("PERSONALIZE_CACHE") or platformdirs.user_cache_dir("personalize"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _fingerprint(spec: SourceSpec) -> str:
    digest = hashlib.sha256(version("duckdb").encode())
    rules = asdict(spec)
    for table in rules["tables"].values():
        del table["folder"]
    del rules["parameters"]
    digest.update(json.dumps(rules, sort_keys=True, default=str).encode())
    here = Path(__file__).parent
    code = [
        *sorted(here.glob("*.py")),
        here.parent / "tables.py",
        here.parent / "engine.py",
        here.parent / "sql" / "order_totals.sql",
    ]
    if spec.simulate is not None:
        code += sorted(here.parent.glob("simulate*")) + sorted(here.parent.glob("simulate/*.py"))
    raw = [file for table in spec.tables.values() if not table.derived for file in table.files()]
    for file in (*(c for c in code if c.is_file()), *raw):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _convert(spec: SourceSpec, path: Path, note: Path) -> None:
    """Convert under a temporary name, then rename: a file under its own name is always whole."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as folder:
        made = Path(folder) / path.name
        engine = DuckDB(made, new=True)
        try:
            facts = _fill(engine, spec, Path(folder))
        finally:
            engine.close()
        made.chmod(0o600)
        for old in path.parent.glob(f"{path.stem[:-16]}{'[0-9a-f]' * 16}.*"):
            old.unlink(missing_ok=True)
        os.replace(made, path)
        note.write_text(json.dumps(facts), encoding="utf-8")


def _fill(engine: DuckDB, spec: SourceSpec, scratch: Path) -> dict[str, str | int]:
    frames: dict[str, pd.DataFrame] = {}
    if spec.simulate is not None:
        from personalize import simulate

        frames = dict(simulate.shop(**spec.simulate).tables)
        spec = _with_frames(spec, frames)
    log = clean(engine, spec, frames, scratch).frame()
    engine.table("cleaning_log", f"select * from {engine.register('log_frame', log)}")
    facts = "select min(day) as first, max(day) as last, count(distinct customer_id) as customers from order_totals"
    found = engine.frame(facts).iloc[0]
    return {
        "start": f"{found['first']:%Y-%m-%d}",
        "end": f"{found['last']:%Y-%m-%d}",
        "customers": int(found.customers),
    }


def _with_frames(spec: SourceSpec, frames: Mapping[str, pd.DataFrame]) -> SourceSpec:
    tables = {name: TableSpec(name, {c: c for c in frame.columns}) for name, frame in frames.items()}
    return SourceSpec(**{**{f: getattr(spec, f) for f in SourceSpec.__dataclass_fields__}, "tables": tables})


def _open(engine: DuckDB, spec: SourceSpec, prefix: str) -> Tables:
    present = set(engine.frame("select table_name from duckdb_tables()").table_name)
    relations = {name: f"{prefix}{name}" for name in (*CONTRACTS, "order_totals") if name in present}
    card = {
        "title": spec.title or spec.name,
        "description": spec.description,
        "terms": spec.terms,
        "simulated": spec.simulated,
        "returns": spec.returns,
    }
    log = engine.frame(f"select * from {prefix}cleaning_log")
    return Tables(
        spec.name, engine, MappingProxyType(relations), spec.currency or "currency units", MappingProxyType(card), log
    )


def _from_frames(frames: Mapping[str, pd.DataFrame]) -> Tables:
    problems = [f"unknown table '{name}'. Known: {', '.join(CONTRACTS)}" for name in frames if name not in CONTRACTS]
    for name in (name for name in frames if name in CONTRACTS):
        columns = list(frames[name].columns)
        if missing := [c for c in CONTRACTS[name].required if c not in columns]:
            problems.append(f"table '{name}': column(s) missing: {missing}. Present: {columns}")
        if unknown := unknown_columns(name, columns):
            problems.append(f"table '{name}': unknown column(s) {unknown}. Known: {list(CONTRACTS[name].columns)}")
    if "orders" not in frames:
        problems.append("table 'orders' is missing: it is the one table that is always needed")
    if problems:
        raise TableError.of("the DataFrames cannot be used:", problems)
    spec = _with_frames(SourceSpec("frames", {}), frames)
    engine = DuckDB()
    with tempfile.TemporaryDirectory() as folder:
        log = clean(engine, spec, dict(frames), Path(folder)).frame()
    engine.table("cleaning_log", f"select * from {engine.register('log_frame', log)}")
    return _open(engine, spec, "")
