"""Apache Spark behind the same interface: a server elsewhere by Spark Connect, or a Spark in this
process.

The rows stay in Spark; what comes out are the answers to queries, as Arrow, which DuckDB turns into
the same DataFrames that it makes of its own. Converted tables are Parquet in a folder that all
workers share.
"""

import logging
import os
import re
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa

from personalize.engine.embedded import DuckDB
from personalize.tables import TableError, quoted, ticked

_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.topKSortFallbackThreshold": "100000",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.execution.arrow.pyspark.selfDestruct.enabled": "false",
}
_TYPES = {"string": "VARCHAR", "int": "INTEGER", "timestamp_ntz": "TIMESTAMP"}
# strptime's marks, and Java's
_TIMES = {
    "Y": "yyyy",
    "y": "yy",
    "m": "M",
    "d": "d",
    "H": "H",
    "I": "h",
    "M": "m",
    "S": "s",
    "f": "SSSSSS",
    "p": "a",
    "b": "MMM",
    "B": "MMMM",
    "j": "D",
    "a": "EEE",
    "A": "EEEE",
    "%": "%",
}
# What DuckDB says otherwise, and Spark's word for it.
_WORDS = (
    (re.compile(r"\bas varchar\)", re.IGNORECASE), "as string)"),
    (
        re.compile(r"\brow_number\(\) over \(\)", re.IGNORECASE),
        "(monotonically_increasing_id() + 1)",
    ),
)
_TERM = r"(?:\w+\.)?\w+(?: desc)?(?: nulls last)?"
_ORDER = re.compile(rf"\border by ({_TERM}(?:,\s*{_TERM})*)\s*$", re.IGNORECASE)


class Spark:
    """A session of Spark.

    Parameters
    ----------
    address : "sc://host:port" for a Spark Connect server (the light `pyspark-client` is enough);
        "local[N]" or "spark://host:port" for a driver in this process (`pyspark` and Java 17)
    memory : of the driver in this process, such as "2GB"; a server has its own

    Raises
    ------
    TableError : when pyspark or Java is missing, or the server does not answer.
    """

    def __init__(self, address: str, *, memory: str = "2GB") -> None:
        self._where = re.sub(r";.*", "", address)  # a token never shows
        self._database, self._made, self._lost = "", 0, False
        self._views: dict[str, str] = {}
        self.places: dict[str, str] = {}
        with self._clearly():
            logging.getLogger("SQLQueryContextLogger").setLevel(
                logging.CRITICAL
            )  # it prints what is raised as well
            self._session = _far(address) if address.startswith("sc://") else _near(address, memory)
            for key, value in _SESSION.items():
                self._session.conf.set(key, value)

    @contextmanager
    def _clearly(self) -> Iterator[None]:
        """Spark's errors as ours, and none of its complaints about a pandas that is used for
        nothing.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "PySpark does not yet fully support pandas", FutureWarning
            )
            warnings.filterwarnings(
                "ignore", r"\[RETRIES_EXCEEDED\]", UserWarning
            )  # the error itself follows
            try:
                yield
            except TableError:
                raise
            except (
                Exception
            ) as error:  # of pyspark, py4j and grpc, none of which may be imported here
                raise self._clear(error) from None

    def _clear(self, error: Exception) -> Exception:
        if not type(error).__module__.startswith(
            ("pyspark", "py4j", "grpc", "_pytest", "builtins")
        ):
            return error
        if "StatusCode.UNAVAILABLE" in str(error):
            self._lost = True
            return TableError(
                f"Spark at {self._where} is lost: the server ended, or the network is cut. What "
                "was not finished "
                "counts as nothing: start the server and run again"
            )
        text = " ".join(str(error).split("JVM stacktrace")[0].split("SQLSTATE")[0].split())[:400]
        return TableError(
            f"Spark at {self._where} could not do it ({type(error).__name__}): {text}"
        )

    def _sql(self, text: str) -> Any:
        for pattern, word in _WORDS:
            text = pattern.sub(word, text)
        return self._session.sql(
            text.replace("\\", "\\\\")
        )  # a backslash is a plain character, as in DuckDB

    def begin(self, folder: str) -> None:
        """Keep the tables made from now on in this new folder, which all workers share."""
        with self._clearly():
            self._database = self._created(folder)
            found = self._session.sql(f"describe database {self._database}").toArrow().to_pylist()
        self._folder = next(row["info_value"] for row in found if row["info_name"] == "Location")

    def _created(self, folder: str) -> str:
        name = "personalize_" + re.sub(r"\W", "_", folder.rstrip("/").rpartition("/")[2])
        self._session.sql(f"create database if not exists {name} location {quoted(folder)}")
        return name

    def remove(self, folder: str) -> None:
        """Remove a folder of `begin` with all its tables, those that an earlier server left too."""
        with self._clearly():
            self._session.sql(f"drop database {self._created(folder)} cascade")

    def frame(self, sql: str, *, max_rows: int = 5_000_000) -> pd.DataFrame:
        """The rows of a query; more than `max_rows` are refused with a TableError, never cut."""
        rows, order = self._answer(sql, max_rows + 1)
        local = DuckDB(memory="8GB")
        try:
            return local.frame(
                f"select * from {local.register('answer', rows)}{order}", max_rows=max_rows
            )
        finally:
            local.close()

    def _answer(self, sql: str, most: int) -> tuple[pa.Table, str]:
        """The first rows, and how they are still to be sorted: here, since Spark works everything
        out twice to sort.
        """
        text, order = _unordered(sql)
        with self._clearly():
            found = self._sql(text).limit(most)
            if not set(order) <= set(found.columns):
                found, order = self._sql(sql).limit(most), {}
            terms = ", ".join(f"{ticked(name)} {how}" for name, how in order.items())
            return found.toArrow(), f" order by {terms}" if order else ""

    def columns(self, relation: str) -> list[str]:
        """The column names of a relation."""
        return list(self.types(relation))

    def types(self, relation: str) -> dict[str, str]:
        """The column types of a relation, in DuckDB's words."""
        with self._clearly():
            found = [
                (field.name, field.dataType.simpleString())
                for field in self._session.table(relation).schema
            ]
        return {name: _TYPES.get(kind, kind.upper()) for name, kind in found}

    def view(self, name: str, sql: str) -> str:
        """Name a query for this session; nothing is computed yet."""
        if self._views.get(name) != sql:
            with self._clearly():
                self._sql(f"create or replace temp view {name} as {sql}")
            self._views[name] = sql
        return name

    def stored(self, name: str, place: str) -> str:
        """Name a table by the place that it was stored in; its files are listed now, not by each
        query.
        """
        with self._clearly():
            self._session.read.parquet(place).createOrReplaceTempView(name)
        self._views.pop(name, None)
        return name

    def table(self, name: str, sql: str, *, temporary: bool = False) -> str:
        """Store the rows of a query as Parquet; a table of that name gives way once they are
        written.

        A session that only reads keeps a temporary table as a named query.
        """
        if temporary and not self._database:
            return self.view(name, sql)
        if not self._database:
            raise TableError(
                "this session of Spark only reads: tables are made while a source is converted"
            )
        self._made += 1
        stored = f"{self._database}.{name}_{self._made}"
        with self._clearly():
            self._sql(f"create table {stored} using parquet as {sql}")
        place = f"{self._folder}/{name}_{self._made}"
        self.view(name, f"select * from {stored}")
        before, self.places[name] = self.places.get(name), place
        if before:
            self._forget(before)
        return name

    def _forget(self, place: str) -> None:
        with self._clearly():
            self._session.sql(f"drop table if exists {self._database}.{place.rpartition('/')[2]}")

    def register(self, name: str, data: pd.DataFrame | pa.Table) -> str:
        """Make a DataFrame or an Arrow table readable as a relation."""
        rows = data if isinstance(data, pa.Table) else _arrow(data)
        with self._clearly():
            self._session.createDataFrame(rows).createOrReplaceTempView(name)
        self._views.pop(name, None)
        return name

    def drop(self, name: str) -> None:
        """Remove a stored table or a named query, where there is one."""
        with self._clearly():
            self._session.sql(f"drop view if exists {name}")
        self._views.pop(name, None)
        if place := self.places.pop(name, None):
            self._forget(place)

    def parquet(self, paths: Sequence[str]) -> str:
        """Text that reads Parquet files."""
        with self._clearly():
            frame = self._session.read.option("mergeSchema", "true").parquet(
                *(_located(path) for path in paths)
            )
            return self._named(frame)

    def csv(self, paths: Sequence[str], columns: Sequence[str], **options: Any) -> str:
        """Text that reads CSV files of these columns, each as text; a ragged line is an error."""
        line = options["new_line"].replace("\\r", "\r").replace("\\n", "\n")
        schema = ", ".join(f"`{column.replace('`', '``')}` string" for column in columns)
        with self._clearly():
            reader = self._session.read.schema(schema).options(
                sep=options["delim"],
                lineSep=line,
                encoding=options["encoding"],
                header=str(options["header"]),
                quote='"',
                escape='"',
                mode="FAILFAST",
                enforceSchema="true",
            )
            return self._named(reader.csv([_located(path) for path in paths]))

    def _named(self, frame: Any) -> str:
        self._made += 1
        name = f"files_{self._made}"
        frame.createOrReplaceTempView(name)
        return name

    def parse_time(self, text: str, form: str) -> str:
        """Text that reads a time by a strptime format, NULL where it does not fit."""
        unknown = [mark for mark in re.findall(r"%(.)", form) if mark not in _TIMES]
        if unknown:
            raise TableError(
                f"time_format {form!r}: Spark knows no {', '.join('%' + mark for mark in unknown)}"
            )
        parts = re.split(r"%(.)", form)
        java = "".join(
            _TIMES[p] if k % 2 else re.sub(r"([A-Za-z]+)", r"'\1'", p) for k, p in enumerate(parts)
        )
        return f"try_to_timestamp({text}, {quoted(java)})"

    def to_zone(self, time: str, source: str, target: str) -> str:
        """Text that moves a naive time from one zone to another."""
        return f"convert_timezone({quoted(source)}, {quoted(target)}, {time})"

    def close(self) -> None:
        """End the session; a Spark in this process ends with the process, since starting it takes
        long.
        """
        if self._where.startswith("sc://") and not self._lost:
            with suppress(TableError), self._clearly():
                self._session.stop()


def _far(address: str) -> Any:
    """A session of a Spark Connect server; asked for first, since its own client tries for ten
    minutes.
    """
    try:
        from pyspark.sql.connect.session import SparkSession
    except ImportError:
        raise TableError(
            "engine sc://: install the light client with pip install 'personalize[spark]'"
        ) from None
    parts = urlsplit(re.sub(r";.*", "", address))
    host, port = parts.hostname or "", parts.port or 15002
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise TableError(
            f"no Spark Connect server answers at sc://{host}:{port} ({error.strerror or error}): "
            "start it "
            "(start-connect-server.sh of Spark), or correct 'engine' in the source file"
        ) from None
    session = SparkSession.builder.remote(address).create()
    from pyspark.sql.connect.client.retries import DefaultPolicy

    session.client.set_retry_policies([DefaultPolicy(max_retries=6, max_backoff=4_000)])
    return session


def _near(address: str, memory: str) -> Any:
    """A session of a driver in this process, with nothing on the screen."""
    try:
        # the light client lacks it: without this import pyspark would end Python
        import pyspark.core.context  # noqa: F401
        from pyspark.sql import SparkSession
    except ImportError:
        raise TableError(
            f"engine {address}: install Spark with pip install 'pyspark[connect]' (pip uninstall "
            "pyspark-client before)"
        ) from None
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        raise TableError(
            f"engine {address}: Spark needs Java 17 (on Debian: apt-get install "
            "openjdk-17-jre-headless)"
        )
    size = re.sub(r"\s|i?[bB]$", "", memory).lower()
    cores = re.search(r"\[(\d+)\]", address)
    settings = _LOCAL | {
        "spark.driver.memory": size,
        "spark.sql.warehouse.dir": tempfile.gettempdir(),  # nothing is kept there
        "spark.sql.shuffle.partitions": str(4 * int(cores[1]) if cores else 200),
    }
    builder = SparkSession.builder.master(address).appName("personalize")
    for key, value in settings.items():
        builder = builder.config(key, value)
    with _silent():
        session = builder.getOrCreate().newSession()
    session.sparkContext.setLogLevel("OFF")
    return session


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing on the error stream: the launcher of Spark greets there, below Python's own."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _unordered(sql: str) -> tuple[str, dict[str, str]]:
    """A query without the order by of columns that it ends with, and that order.

    >>> _unordered("select a, b.c from b order by b.c desc, a")
    ('select a, b.c from b ', {'c': 'desc', 'a': ''})
    """
    if not (found := _ORDER.search(sql)):
        return sql, {}
    terms = [term.strip().rpartition(".")[2].split(None, 1) for term in found[1].split(",")]
    return sql[: found.start()], {name: "".join(how) for name, *how in terms}


def _located(path: str) -> str:
    """A path on this machine as an address, whatever the server's default file system is."""
    return path if "://" in path else f"file://{os.path.abspath(path)}"


def _arrow(data: pd.DataFrame) -> pa.Table:
    """The frame as Arrow, in types that Spark knows."""
    table = pa.Table.from_pandas(data, preserve_index=False).replace_schema_metadata(None)
    for k, field in enumerate(table.schema):
        if (
            pa.types.is_large_string(field.type)
            or pa.types.is_dictionary(field.type)
            or pa.types.is_null(field.type)
        ):
            table = table.set_column(k, field.name, table.column(k).cast(pa.string()))
        elif pa.types.is_timestamp(field.type) and field.type.tz is None:
            table = table.set_column(k, field.name, table.column(k).cast(pa.timestamp("us")))
    return table
