"""What an engine must do, and the `engine:` of a source file that names one."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from personalize.engine.embedded import DuckDB
from personalize.tables import TableError

_SPARK = re.compile(r"sc://.+|spark://.+|local\[(\d+|\*)\]|\$\{[A-Za-z_]\w*\}")
_MEMORY = re.compile(r"\d+(\.\d+)? ?[kmgtKMGT](i?[bB])?")
_MUST_BE = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a share",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
}


class Engine(Protocol):
    """What an engine must do: all aggregates are SQL, the few differences are methods."""

    @property
    def places(self) -> Mapping[str, str]:
        """Where the rows of each table lie that was stored here, in the words of the engine."""

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

    def stored(self, name: str, place: str) -> str:
        """Name a table by the place where it lies; returns the relation."""

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


class Cluster(Engine, Protocol):
    """An engine that keeps tables in folders of its own, beyond this machine."""

    def begin(self, folder: str) -> None:
        """Keep the tables made from now on in this new folder."""

    def remove(self, folder: str) -> None:
        """Remove a folder of `begin` with all its tables."""


class Closed(BaseModel):
    """A part of a source file: only known keys, each of its own type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @classmethod
    def read(cls, given: Mapping, where: str = "") -> tuple[Self | None, list[str]]:
        """The part, or else what is wrong with it in words.

        Parameters
        ----------
        given : what stands in the file
        where : its place there, such as "tables.orders."
        """
        try:
            return cls.model_validate({str(key): value for key, value in given.items()}), []
        except ValidationError as error:
            return None, [cls._in_words(one, where) for one in error.errors()]

    @classmethod
    def keys(cls) -> list[str]:
        """The keys that may stand there."""
        return [known.alias or name for name, known in cls.model_fields.items()]

    @classmethod
    def _in_words(cls, error: Any, where: str) -> str:
        key = where + ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            return f"unknown key '{key}'. Known here: {', '.join(cls.keys())}"
        if error["type"] == "value_error":  # of a validator, which says what follows the key
            return f"'{key}' {error['ctx']['error']}"
        if error["type"] == "missing":
            return f"'{key}' is missing"
        must = f"'{key}' must be {_MUST_BE.get(error['type'], error['msg'])}"
        secret = key.endswith("connection")  # it may hold a password
        return must if secret else f"{must}, not {error['input']!r}"


class Settings(Closed):
    """One engine and its limits, as a source file states them.

    Attributes
    ----------
    name : "duckdb"; "sc://host:port" for Spark Connect; "local[N]" or "spark://host:port" for a
        Spark in this process; "${NAME}" for an address, with its token, in the environment
    memory : most memory before spilling, such as "1GB" (DuckDB), or of Spark's driver in this
        process
    threads : of DuckDB; None for all cores
    spill : folder DuckDB spills to; empty for one beside its file
    folder : where Spark keeps the converted tables: a folder or address that all its workers share
    """

    name: str = "duckdb"
    memory: str = ""
    threads: int | None = None
    spill: str = ""
    folder: str = ""

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name != "duckdb" and not _SPARK.fullmatch(name):
            known = "duckdb, sc://HOST:PORT (Spark Connect), local[N] or ${NAME}"
            raise ValueError(f"must be {known}, not {name!r}")
        return name

    @field_validator("memory")
    @classmethod
    def _is_a_size(cls, memory: str) -> str:
        if not _MEMORY.fullmatch(memory):
            raise ValueError(f"must be like 2GB, not {memory!r}")
        return memory

    @field_validator("threads", "spill", "folder")
    @classmethod
    def _means_something(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.data.get("name", "duckdb")
        if (name == "duckdb") == (info.field_name == "folder"):
            raise ValueError(f"means nothing to {name}")
        if info.field_name == "threads" and value is not None and value < 1:
            raise ValueError(f"must be 1 or more, not {value}")
        return value

    @classmethod
    def chosen(cls, given: Any) -> tuple["Settings | None", list[str]]:
        """The settings that a file gives as a name or a mapping, or what is wrong with them.

        >>> Settings.chosen("local[2]")[0].embedded, Settings.chosen({"cores": 3})[1]
        (False, ["unknown key 'engine.cores'. Known here: name, memory, threads, spill, folder"])
        """
        if isinstance(given, Mapping):
            return cls.read(given, "engine.")
        if isinstance(given, str):
            return cls.read({"name": given}, "engine.")
        return None, [f"'engine' must be a name or a mapping (key: value), not {given!r}"]

    @property
    def embedded(self) -> bool:
        """Is it the engine in the box?"""
        return self.name == "duckdb"

    def address(self) -> str:
        """The name, taken from the environment where the file says so."""
        if not self.name.startswith("$"):
            return self.name
        variable = self.name[2:-1]
        if not _SPARK.fullmatch(os.environ.get(variable, "")):
            raise TableError(
                f"engine ${{{variable}}}: set this environment variable to sc://HOST:PORT "
                "or local[N]"
            )
        return os.environ[variable]


def connect(settings: Settings, path: Path, *, new: bool = False) -> Engine:
    """The engine that the settings name.

    Parameters
    ----------
    settings : which engine, and its limits
    path : the database file (DuckDB)
    new : write a new file instead of reading it

    Raises
    ------
    TableError : when Spark is not installed, Java is missing or the server does not answer.
    """
    if not settings.embedded:
        return connect_cluster(settings)
    spill = Path(settings.spill) if settings.spill else None
    memory = settings.memory or "1GB"
    return DuckDB(path, new=new, memory=memory, threads=settings.threads, spill=spill)


def connect_cluster(settings: Settings) -> Cluster:
    """The Spark that the settings name."""
    from personalize.engine.spark import Spark

    return Spark(settings.address(), memory=settings.memory or "2GB")
