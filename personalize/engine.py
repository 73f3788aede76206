"""Where the rows live: a small interface to an SQL engine, and DuckDB as the engine in the box.

Every aggregate of the kit is SQL in the dialect that DuckDB and Spark share, so that a second engine
is a second class here and nothing else. The few things the two say differently are methods.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import duckdb
import pandas as pd

from personalize.tables import TableError


class Engine(Protocol):
    """What an engine must do."""

    def frame(self, sql: str, *, max_rows: int = 5_000_000) -> pd.DataFrame:
        """The rows of a query, refused beyond `max_rows`."""

    def columns(self, relation: str) -> list[str]:
        """The column names of a relation."""

    def types(self, relation: str) -> dict[str, str]:
        """The column types of a relation."""

    def view(self, name: str, sql: str) -> str:
        """Name a query; returns the relation."""

    def table(self, name: str, sql: str) -> str:
        """Store the rows of a query under a name; returns the relation."""

    def register(self, name: str, data: pd.DataFrame) -> str:
        """Make a DataFrame readable under a name; returns the relation."""

    def drop(self, name: str) -> None:
        """Remove a stored table, where there is one."""

    def parquet(self, paths: Sequence[str]) -> str:
        """Text that reads Parquet files."""

    def csv(self, paths: Sequence[str], columns: Sequence[str], **options: object) -> str:
        """Text that reads CSV files of these columns, each as text."""

    def parse_time(self, text: str, form: str) -> str:
        """Text that reads a time by a strptime format, NULL where it does not fit."""

    def to_zone(self, time: str, source: str, target: str) -> str:
        """Text that moves a naive time from one zone to another."""

    def close(self) -> None:
        """Let go of files and memory."""


class DuckDB:
    """The embedded engine: one file or none, a memory limit, and a folder to spill to.

    Parameters
    ----------
    path : database file to read; None for a database in memory
    new : write a new file at `path` instead of reading it
    memory : most memory to use before spilling to disk, such as "4GB"
    threads : threads to use; None for all cores

    >>> engine = DuckDB()
    >>> engine.frame("select 1 as one, cast(2.50 as decimal(9, 2)) as money").to_dict("records")
    [{'one': 1, 'money': 2.5}]
    """

    def __init__(
        self, path: Path | None = None, *, new: bool = False, memory: str = "4GB", threads: int | None = None
    ) -> None:
        settings = {"memory_limit": memory, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
        if threads:
            settings["threads"] = threads
        if path:
            settings["temp_directory"] = str(path.with_suffix(".spill"))
        self._connection = duckdb.connect(str(path) if path and new else ":memory:", config=settings)
        with suppress(duckdb.InvalidInputException):  # in Jupyter without ipywidgets there is no bar to switch off
            self._connection.execute("set enable_progress_bar = false")
        if path and not new:
            self._connection.execute(f"attach {quoted(path)} as data (read_only)")

    def frame(self, sql: str, *, max_rows: int = 5_000_000) -> pd.DataFrame:
        """The rows of a query; more than `max_rows` are refused with a TableError, never cut."""
        result = self._connection.execute(sql)
        chunks, rows = [result.fetch_df_chunk(500)], 0
        while len(chunks[-1]):
            rows += len(chunks[-1])
            if rows > max_rows:
                raise TableError(
                    f"the query gives more than {max_rows:,} rows, too many for memory by default: "
                    "aggregate in SQL, or raise max_rows on purpose"
                )
            chunks.append(result.fetch_df_chunk(500))
        return pd.concat(chunks[:-1], ignore_index=True) if len(chunks) > 2 else chunks[0]

    def columns(self, relation: str) -> list[str]:
        """The column names of a relation."""
        return [row[0] for row in self._connection.execute(f"describe select * from {relation}").fetchall()]

    def types(self, relation: str) -> dict[str, str]:
        """The column types of a relation."""
        return {row[0]: row[1] for row in self._connection.execute(f"describe select * from {relation}").fetchall()}

    def view(self, name: str, sql: str) -> str:
        """Name a query; nothing is computed yet."""
        self._connection.execute(f"create or replace view {name} as {sql}")
        return name

    def table(self, name: str, sql: str) -> str:
        """Store the rows of a query."""
        self._connection.execute(f"create or replace table {name} as {sql}")
        return name

    def register(self, name: str, data: pd.DataFrame) -> str:
        """Make a DataFrame readable as a relation."""
        self._connection.register(name, data)
        return name

    def drop(self, name: str) -> None:
        """Remove a stored table."""
        self._connection.execute(f"drop table if exists {name}")

    def parquet(self, paths: Sequence[str]) -> str:
        """Text that reads Parquet files."""
        return f"read_parquet([{', '.join(map(quoted, paths))}], union_by_name = true)"

    def csv(self, paths: Sequence[str], columns: Sequence[str], **options: object) -> str:
        """Text that reads CSV files of these columns, each as text; nothing is guessed, a ragged line is an error."""
        given = "".join(f", {name} = {_option(value)}" for name, value in options.items())
        typed = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns)
        files = ", ".join(map(quoted, paths))
        return f"read_csv([{files}], auto_detect = false, quote = '\"', escape = '\"', columns = {{{typed}}}{given})"

    def parse_time(self, text: str, form: str) -> str:
        """Text that reads a time by a strptime format, NULL where it does not fit."""
        return f"try_strptime({text}, {quoted(form)})"

    def to_zone(self, time: str, source: str, target: str) -> str:
        """Text that moves a naive time from one zone to another."""
        return f"timezone({quoted(target)}, timezone({quoted(source)}, {time}))"

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def ticked(column: str) -> str:
    """The column as an SQL name, whatever characters it holds.

    >>> ticked("order id")
    '`order id`'
    """
    return "`" + column.replace("`", "``") + "`"


def quoted(value: object) -> str:
    """The value as an SQL string.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(value).replace("'", "''") + "'"


def _option(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value)
