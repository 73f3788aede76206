"""Rows from a database: streamed into a Parquet file of the cache, chunk by chunk, with no secret
in any message.

The address, with its password, stands in an environment variable that the source file names. Only
this module reads it; it is kept nowhere, and whatever a driver says is cleared of it before anybody
sees it.
"""

import hashlib
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from personalize.sources.spec import SourceSpec, TableSpec
from personalize.tables import TableError

_ROWS = 100_000  # rows a chunk


def fetched(spec: SourceSpec, cache: Path, origin: str, *, fresh: bool) -> SourceSpec:
    """The source with every query answered: its tables read Parquet files of the cache.

    Parameters
    ----------
    spec : the source
    cache : folder to write to
    origin : short key of the source file
    fresh : ask again although there is an answer

    Raises
    ------
    TableError : every table whose database cannot be read, in one message without credentials; the
        answer that was there before stays.
    """
    tables, problems = dict(spec.tables), []
    for name, table in spec.tables.items():
        if table.sql:
            start = f"{spec.name}-{origin}-{name}-"
            key = hashlib.sha256(f"{table.connection}\n{table.sql}".encode()).hexdigest()[:16]
            path = cache / f"{start}{key}.parquet"
            try:
                if fresh or not path.is_file():
                    _fetch(table, path)
            except TableError as error:
                problems.append(str(error))
            for old in set(cache.glob(f"{start}{'[0-9a-f]' * 16}.parquet")) - {path}:
                old.unlink(missing_ok=True)
            tables[name] = table.model_copy(update={"path": path.name, "folder": cache})
    if problems:
        raise TableError.of(f"source '{spec.name}' cannot be read:", problems)
    return spec.model_copy(update={"tables": tables})


def _fetch(table: TableSpec, path: Path) -> None:
    """The answer of the database as a Parquet file; under its own name it is always whole."""
    variable = table.connection[2:-1]
    address = os.environ.get(variable, "")
    scheme = urlsplit(address).scheme
    if scheme not in _READERS:
        state = "is not set" if not address else "holds no address that is known here"
        raise TableError(
            f"table '{table.name}': the environment variable {variable} {state}: set it to "
            "postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:///FILE"
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as folder:
        made = Path(folder) / path.name
        try:
            _stream(_READERS[scheme](address, table), made)
        except TableError:
            raise
        # drivers, Arrow and the network have errors of their own; the address may be in any
        except Exception as error:
            raise TableError(
                f"table '{table.name}': the database of {variable} could not be read "
                f"({_without_secrets(str(error), address)}). Nothing was kept; mend it and run "
                "again"
            ) from None
        made.chmod(0o600)
        os.replace(made, path)


def _stream(batches: Iterator[pa.RecordBatch], path: Path) -> None:
    first = next(batches)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def _sqlite(address: str, table: TableSpec) -> Iterator[pa.RecordBatch]:
    """All values as text: SQLite's columns have no types."""
    file = table.folder / unquote(urlsplit(address).path.removeprefix("/"))
    if not file.is_file():
        raise TableError(
            f"table '{table.name}': the database file of {table.connection[2:-1]} does not exist"
        )
    with closing(
        sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)
    ) as connection:
        cursor = connection.execute(table.sql)
        schema = pa.schema([(column[0], pa.string()) for column in cursor.description or ()])
        rows = cursor.fetchmany(_ROWS)
        yield _texts(rows, schema)
        while rows := cursor.fetchmany(_ROWS):
            yield _texts(rows, schema)


def _texts(rows: list[tuple], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    texts = [[None if value is None else str(value) for value in column] for column in columns]
    return pa.record_batch([pa.array(column, pa.string()) for column in texts], schema=schema)


def _postgres(address: str, table: TableSpec) -> Iterator[pa.RecordBatch]:
    """The server's own binary stream, in a transaction that can only read."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise TableError(
            f"table '{table.name}': PostgreSQL needs one more package: pip install "
            "'personalize[postgres]'"
        ) from None
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute(table.sql)
        reader = cursor.fetch_record_batch()
        yield _plain(pa.RecordBatch.from_pylist([], schema=reader.schema))
        for batch in reader:
            yield _plain(batch)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same columns in types that every engine knows: zoned times in UTC without a zone,
    numerics as text.
    """
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        column = column.storage if isinstance(column, pa.ExtensionArray) else column
        columns[name] = (
            column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
        )
    return pa.RecordBatch.from_pydict(columns)


_READERS = {"sqlite": _sqlite, "postgresql": _postgres, "postgres": _postgres}


def _without_secrets(text: str, address: str) -> str:
    """What a driver says, on one line, without the address or any part of it that is nobody's
    business.
    """
    parts = urlsplit(address)
    secret = {address, parts.netloc, parts.query, parts.username, parts.password}
    secret |= {value for _, value in parse_qsl(parts.query)}
    secret |= {unquote(part) for part in secret if part}
    text = " ".join(text.split())
    for part in sorted((part for part in secret if part), key=len, reverse=True):
        text = re.sub(
            rf"(?<!\w){re.escape(part)}(?!\w)" if part.isalnum() else re.escape(part), "***", text
        )
    return text[:300]
