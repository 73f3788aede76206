"""What an engine must do, and how names and values are written in SQL."""

from collections.abc import Sequence
from typing import Protocol

import pandas as pd
import pyarrow as pa


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

    def table(self, name: str, sql: str, *, temporary: bool = False) -> str:
        """Store the rows of a query under a name, for this connection only where temporary; returns
        the relation.
        """

    def register(self, name: str, data: pd.DataFrame | pa.Table) -> str:
        """Make a DataFrame or an Arrow table readable under a name; returns the relation."""

    def drop(self, name: str) -> None:
        """Remove a stored table or a named query, where there is one."""

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
