"""DuckDB, the engine in the box: one file or none, a memory limit, and a folder to spill to."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from personalize.engine.interface import quoted
from personalize.tables import TableError

_FULL = ("No space left", "failed to offload data block", "max_temp_directory_size")


class DuckDB:
    """The embedded engine: one file or none, a memory limit, and a folder to spill to.

    Parameters
    ----------
    path : database file to read; None for a database in memory
    new : write a new file at `path` instead of reading it
    memory : most memory to use before spilling to disk, such as "1GB"
    threads : threads to use; None for all cores
    spill : folder to spill to; None for one beside `path`

    >>> engine = DuckDB()
    >>> engine.frame("select 1 as one, cast(2.50 as decimal(9, 2)) as money").to_dict("records")
    [{'one': 1, 'money': 2.5}]
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        new: bool = False,
        memory: str = "1GB",
        threads: int | None = None,
        spill: Path | None = None,
    ) -> None:
        settings = {
            "memory_limit": memory,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads:
            settings["threads"] = threads
        if spill or path:
            settings["temp_directory"] = str(spill or path.with_suffix(".spill"))
        self._spill = settings.get("temp_directory", "memory only")
        self._connection = duckdb.connect(
            str(path) if path and new else ":memory:", config=settings
        )
        with suppress(
            duckdb.InvalidInputException
        ):  # in Jupyter without ipywidgets there is no bar to switch off
            self._connection.execute("set enable_progress_bar = false")
        if path and not new:
            self._connection.execute(f"attach {quoted(path)} as data (read_only)")

    def _execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql)
        except duckdb.Error as error:
            raise self._clear(error) from None

    def _clear(self, error: duckdb.Error) -> Exception:
        """The same error, or ours where memory and disk are used up, or a file is damaged."""
        text = " ".join(str(error).split())
        if damaged := re.search(r'Failed to read file "([^"]+)": (.*)', text):
            return TableError(
                f"{Path(damaged[1]).name} is damaged: copy it again ({damaged[2][:160]})"
            )
        if not isinstance(error, duckdb.OutOfMemoryException) and not any(
            words in text for words in _FULL
        ):
            return error
        return TableError(
            f"no room left to work in: memory is used up and the spill folder ({self._spill}) "
            "takes no more "
            f"({text[:160]}). Free some disk, or write in the source file: "
            "engine: {name: duckdb, memory: 4GB, spill: /a/larger/disk}"
        )

    def frame(self, sql: str, *, max_rows: int = 5_000_000) -> pd.DataFrame:
        """The rows of a query; more than `max_rows` are refused with a TableError, never cut."""
        result = self._execute(sql)
        try:
            chunks, rows = [result.fetch_df_chunk(500)], 0
            while len(chunks[-1]):
                rows += len(chunks[-1])
                if rows > max_rows:
                    raise TableError(
                        f"the query gives more than {max_rows:,} rows, too many for memory by "
                        "default: "
                        "aggregate in SQL, or raise max_rows on purpose"
                    )
                chunks.append(result.fetch_df_chunk(500))
        except duckdb.Error as error:
            raise self._clear(error) from None
        return pd.concat(chunks[:-1], ignore_index=True) if len(chunks) > 2 else chunks[0]

    def columns(self, relation: str) -> list[str]:
        """The column names of a relation."""
        return list(self.types(relation))

    def types(self, relation: str) -> dict[str, str]:
        """The column types of a relation."""
        return {
            row[0]: row[1] for row in self._execute(f"describe select * from {relation}").fetchall()
        }

    def view(self, name: str, sql: str) -> str:
        """Name a query for this connection; nothing is computed yet."""
        self._execute(f"create or replace temp view {name} as {sql}")
        return name

    def table(self, name: str, sql: str, *, temporary: bool = False) -> str:
        """Store the rows of a query."""
        self._execute(f"create or replace {'temp ' if temporary else ''}table {name} as {sql}")
        return name

    def register(self, name: str, data: pd.DataFrame | pa.Table) -> str:
        """Make a DataFrame or an Arrow table readable as a relation."""
        self._connection.register(name, data)
        return name

    def drop(self, name: str) -> None:
        """Remove a stored table or a named query, where there is one."""
        for kind in ("view", "table"):
            with suppress(duckdb.CatalogException):  # it is of the other kind
                self._execute(f"drop {kind} if exists {name}")

    def parquet(self, paths: Sequence[str]) -> str:
        """Text that reads Parquet files."""
        return f"read_parquet([{', '.join(map(quoted, paths))}], union_by_name = true)"

    def csv(self, paths: Sequence[str], columns: Sequence[str], **options: object) -> str:
        """Text that reads CSV files of these columns, each as text; nothing is guessed, a ragged
        line is an error.
        """
        given = "".join(f", {name} = {_option(value)}" for name, value in options.items())
        typed = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns)
        files = ", ".join(map(quoted, paths))
        return f"read_csv([{files}], auto_detect = false, quote = '\"', escape = '\"', columns = {{{typed}}}{given})"

    def parse_time(self, text: str, form: str) -> str:
        """Text that reads a time by a strptime format, NULL where it does not fit."""
        return f"try_strptime({text}, {quoted(form)})"

    def to_zone(self, time: str, source: str, target: str) -> str:
        """Text that moves a naive time from one zone to another."""
        from_utc = f"make_timestamptz(epoch_us({time}))"  # the same moment at half the cost
        moment = from_utc if source == "UTC" else f"timezone({quoted(source)}, {time})"
        return f"timezone({quoted(target)}, {moment})"

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _option(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value)
