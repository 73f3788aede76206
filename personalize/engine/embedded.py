"""DuckDB, the engine in the box: one file or none, a memory limit, and a folder to spill to."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from personalize.tables import TableError, quoted

_FULL = re.compile("No space left|failed to offload data block|max_temp_directory_size")


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
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads:
            settings["threads"] = threads
        if path and not spill:
            spill = path.with_suffix(".spill")
        if spill:
            settings["temp_directory"] = str(spill)
        self._spill = spill or "memory only"
        place = str(path) if path and new else ":memory:"
        self._connection = duckdb.connect(place, config=settings)
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
        if not isinstance(error, duckdb.OutOfMemoryException) and not _FULL.search(text):
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
            chunks = [result.fetch_df_chunk(500)]
            rows = len(chunks[0])
            while len(chunks[-1]) and rows <= max_rows:
                chunks.append(result.fetch_df_chunk(500))
                rows += len(chunks[-1])
        except duckdb.Error as error:
            raise self._clear(error) from None
        if rows > max_rows:
            raise TableError(
                f"the query gives more than {max_rows:,} rows, too many for memory by default: "
                "aggregate in SQL, or raise max_rows on purpose"
            )
        if len(chunks) <= 2:
            return chunks[0]
        return pd.concat(chunks[:-1], ignore_index=True)

    def columns(self, relation: str) -> list[str]:
        """The column names of a relation."""
        return list(self.types(relation))

    def types(self, relation: str) -> dict[str, str]:
        """The column types of a relation."""
        found = self._execute(f"describe select * from {relation}").fetchall()
        return {name: kind for name, kind, *_ in found}

    def view(self, name: str, sql: str) -> str:
        """Name a query for this connection; nothing is computed yet."""
        self._execute(f"create or replace temp view {name} as {sql}")
        return name

    def table(self, name: str, sql: str, *, temporary: bool = False) -> str:
        """Store the rows of a query."""
        kind = "temp table" if temporary else "table"
        self._execute(f"create or replace {kind} {name} as {sql}")
        return name

    @property
    def places(self) -> dict[str, str]:
        """The tables that are stored here; each lies under its own name."""
        names = self.frame("select table_name from duckdb_tables()").table_name
        return dict(zip(names, names, strict=True))

    def stored(self, name: str, place: str) -> str:
        """The relation of a table by the place where it lies: they are the same."""
        return place

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
        settings = {
            "auto_detect": "false",
            "quote": "'\"'",
            "escape": "'\"'",
            "columns": "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns) + "}",
        }
        for name, value in options.items():
            settings[name] = str(value).lower() if isinstance(value, bool) else quoted(value)
        files = ", ".join(map(quoted, paths))
        given = ", ".join(f"{name} = {value}" for name, value in settings.items())
        return f"read_csv([{files}], {given})"

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
