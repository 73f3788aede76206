"""The `engine:` of a source file: which engine to use, and with what."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize.engine.embedded import DuckDB
from personalize.engine.interface import Engine
from personalize.tables import TableError

_KEYS = {"name": str, "memory": str, "threads": int, "spill": str, "folder": str}
_SPARK = re.compile(r"sc://.+|spark://.+|local\[(\d+|\*)\]|\$\{[A-Za-z_]\w*\}")
_MEMORY = re.compile(r"\d+(\.\d+)? ?[kmgtKMGT](i?[bB])?")


@dataclass(frozen=True)
class Settings:
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

    @property
    def embedded(self) -> bool:
        """Is it the engine in the box?"""
        return self.name == "duckdb"

    @classmethod
    def read(cls, given: Any) -> tuple["Settings", list[str]]:
        """The settings that a source file gives as text or as a mapping, and what is wrong with
        them, in words.

        >>> Settings.read("local[2]")[0].embedded, Settings.read({"name": "flink", "cores": 3})[1]
        (False, ["unknown key 'engine.cores'. Known here: name, memory, threads, spill, folder",
        "'engine' must be ...
        """
        given = {"name": given} if isinstance(given, str) else given
        if not isinstance(given, Mapping):
            return cls(), [f"'engine' must be a name or a mapping (key: value), not {given!r}"]
        problems = [
            f"unknown key 'engine.{key}'. Known here: {', '.join(_KEYS)}"
            for key in given
            if key not in _KEYS
        ]
        problems += [
            f"'engine.{key}' must be {'a whole number' if _KEYS[key] is int else 'text'}, not "
            f"{value!r}"
            for key, value in given.items()
            if key in _KEYS and (not isinstance(value, _KEYS[key]) or isinstance(value, bool))
        ]
        fits = {
            k: v
            for k, v in given.items()
            if isinstance(v, _KEYS.get(k, ())) and not isinstance(v, bool)
        }
        return cls(**fits), [*problems, *cls(**fits)._problems()]

    def _problems(self) -> list[str]:
        problems = []
        if not self.embedded and not _SPARK.fullmatch(self.name):
            problems.append(
                f"'engine' must be duckdb, sc://HOST:PORT (Spark Connect), local[N] or ${{NAME}}, "
                f"not {self.name!r}"
            )
        if self.memory and not _MEMORY.fullmatch(self.memory):
            problems.append(f"'engine.memory' must be like 2GB, not {self.memory!r}")
        if self.threads is not None and self.threads < 1:
            problems.append(f"'engine.threads' must be 1 or more, not {self.threads}")
        foreign = ("folder",) if self.embedded else ("threads", "spill")
        problems += [
            f"'engine.{key}' means nothing to {self.name}" for key in foreign if getattr(self, key)
        ]
        return problems

    def address(self) -> str:
        """The name, taken from the environment where the file says so."""
        if not self.name.startswith("$"):
            return self.name
        variable = self.name[2:-1]
        if not _SPARK.fullmatch(os.environ.get(variable, "")):
            raise TableError(
                f"engine ${{{variable}}}: set this environment variable to sc://HOST:PORT or "
                "local[N]"
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
    if settings.embedded:
        memory = {"memory": settings.memory} if settings.memory else {}
        spill = Path(settings.spill) if settings.spill else None
        return DuckDB(path, new=new, threads=settings.threads, spill=spill, **memory)
    from personalize.engine.spark import Spark

    return Spark(settings.address(), **({"memory": settings.memory} if settings.memory else {}))
