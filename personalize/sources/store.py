"""The converted tables of a source: made once, kept under a key of their content, opened by every
notebook.
"""

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import platformdirs

from personalize.engine import DuckDB, Engine, connect
from personalize.sources import database
from personalize.sources.cleaning import Log, clean
from personalize.sources.spec import SourceSpec, TableSpec, read
from personalize.tables import CONTRACTS, TableError

STORED = (*CONTRACTS, "order_totals", "cleaning_log")


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

    def open(self) -> tuple[Engine, dict[str, str]]:
        """An engine that reads the tables, and the relation of each."""
        engine = connect(self.spec.engine, self.path)
        if self.spec.engine.embedded:
            return engine, dict(self.places)
        return engine, {name: engine.stored(name, place) for name, place in self.places.items()}


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
    origin = hashlib.sha256(str(Path(source).resolve()).encode()).hexdigest()[:8]
    spec = database.fetched(asked, _cache(), origin, fresh=fresh)
    fingerprint = _fingerprint(spec)
    ending = (
        ".duckdb"
        if spec.engine.embedded
        else f".spark-{_short(spec.engine.address() + spec.engine.folder)}"
    )
    path = _cache() / f"{spec.name}-{origin}-{fingerprint[:16]}{ending}"
    note = path.with_name(path.name + ".json")
    if not (note.is_file() and (path.is_file() or not spec.engine.embedded)):
        (_convert if spec.engine.embedded else _convert_far)(spec, path, note)
    return Prepared(asked, path, fingerprint, **json.loads(note.read_text(encoding="utf-8")))


def _cache() -> Path:
    """The folder of engine files: $PERSONALIZE_CACHE, else the user's own cache folder; owner only."""
    folder = Path(os.environ.get("PERSONALIZE_CACHE") or platformdirs.user_cache_dir("personalize"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _fingerprint(spec: SourceSpec) -> str:
    """What the tables depend on: raw content, source file and code; not the engine, which gives
    equal results.
    """
    digest = hashlib.sha256(version("duckdb").encode())
    rules = asdict(spec)
    for table in rules["tables"].values():
        del table["folder"]
        table["path"] = "" if table["sql"] else table["path"]
    del rules["parameters"], rules["engine"]
    digest.update(json.dumps(rules, sort_keys=True, default=str).encode())
    package = Path(__file__).parents[1]
    code = [package / "tables.py", *sorted(package.glob("sql/order_*.sql"))]
    for topic in ("sources", "engine", *(["simulate"] if spec.simulate is not None else [])):
        code += sorted(package.glob(f"{topic}/*.py"))
    files = [(file.name, file) for file in code]
    for name, table in spec.tables.items():
        files += (
            []
            if table.derived
            else [(name if table.sql else file.name, file) for file in table.files()]
        )
    for name, file in files:
        digest.update(name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _convert(spec: SourceSpec, path: Path, note: Path) -> None:
    """Convert under a temporary name, then rename: a file under its own name is always whole."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as folder:
        made = Path(folder) / path.name
        with closing(connect(spec.engine, made, new=True)) as engine:
            facts = _fill(engine, spec, Path(folder))
            places = {name: f"data.{name}" for name in stored(engine)}
        made.chmod(0o600)
        _remove_older(path, note)
        os.replace(made, path)
    _write(note, facts | {"places": places})


def _convert_far(spec: SourceSpec, path: Path, note: Path) -> None:
    """Convert into a folder of its own on Spark; only the note, written last, makes it count."""
    mark = uuid.uuid4().hex[:8]
    folder, begun = (
        f"{spec.engine.folder or path.parent}/{path.name}-{mark}",
        note.with_name(f"{note.name}.{mark}"),
    )
    with (
        closing(connect(spec.engine, path)) as engine,
        tempfile.TemporaryDirectory(dir=path.parent) as scratch,
    ):
        _write(begun, {"folder": folder})
        try:
            engine.begin(folder)
            facts = _fill(engine, spec, Path(scratch))
        except BaseException:
            _forget(engine, begun)
            raise
        places = {name: place for name, place in engine.places.items() if name in STORED}
        _write(note, facts | {"places": places, "folder": folder})
        begun.unlink()
        for old in _older(path):
            if old.is_file() and old != note:
                _forget(engine, old)


def _forget(engine: Any, note: Path) -> None:
    """Remove the rows that a note speaks of, then the note; where the server is lost, the next
    conversion does it.
    """
    with suppress(TableError):
        if folder := json.loads(note.read_text(encoding="utf-8")).get("folder"):
            engine.remove(folder)
        note.unlink()


def _write(note: Path, facts: Mapping) -> None:
    made = note.with_name(f"{note.name}.{os.getpid()}")
    made.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(made, note)


def _older(path: Path) -> list[Path]:
    """What was converted from the same source for the same engine before, and what a broken run
    left.
    """
    stem, _, ending = path.name.rpartition(".")
    return sorted(path.parent.glob(f"{stem[:-16]}{'[0-9a-f]' * 16}.{ending}*"))


def _remove_older(path: Path, note: Path) -> None:
    for old in _older(path):
        if old in (
            path,
            note,
        ):  # another process has just made the same, and may be about to open it
            continue
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


def _fill(engine: Engine, spec: SourceSpec, scratch: Path) -> dict[str, str | int]:
    frames: dict[str, pd.DataFrame] = {}
    if spec.simulate is not None:
        from personalize import simulate

        frames = dict(simulate.shop(**spec.simulate).tables)
        spec = with_frames(spec, frames)
    _keep(engine, clean(engine, spec, frames, scratch))
    facts = "select min(day) as first, max(day) as last, count(distinct customer_id) as customers from order_totals"
    found = engine.frame(facts).iloc[0]
    return {
        "start": f"{found['first']:%Y-%m-%d}",
        "end": f"{found['last']:%Y-%m-%d}",
        "customers": int(found.customers),
    }


def stored(engine: DuckDB) -> list[str]:
    """The tables of a source that the engine in the box holds."""
    present = set(engine.frame("select table_name from duckdb_tables()").table_name)
    return [name for name in STORED if name in present]


def with_frames(spec: SourceSpec, frames: Mapping[str, pd.DataFrame]) -> SourceSpec:
    """The same source with its rows in memory, under canonical names."""
    return replace(
        spec,
        tables={name: TableSpec(name, {c: c for c in frame}) for name, frame in frames.items()},
    )


def in_memory(spec: SourceSpec, frames: Mapping[str, pd.DataFrame]) -> DuckDB:
    """An engine without a file that holds these rows, cleaned."""
    engine = DuckDB()
    with tempfile.TemporaryDirectory() as folder:
        _keep(engine, clean(engine, spec, dict(frames), Path(folder)))
    return engine


def _keep(engine: Engine, log: Log) -> None:
    """The log as a table, its steps numbered: an engine may give rows back in any order."""
    steps = log.frame().assign(number=lambda t: range(len(t)))
    engine.table("cleaning_log", f"select * from {engine.register('log_frame', steps)}")
