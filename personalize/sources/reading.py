"""Raw files as relations in the engine: every column text unless the file itself types it."""

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from personalize.engine import Engine
from personalize.sources.spec import TableSpec
from personalize.tables import TableError

_NATIVE = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
}
_SEPARATORS = (",", ";", "\t", "|")


def relation(engine: Engine, table: TableSpec, scratch: Path) -> str:
    """Text that reads the raw rows of a table, after the checks that need no row.

    Parameters
    ----------
    engine : where the rows will be read
    table : where they come from
    scratch : folder for a file that has to be re-encoded first

    Raises
    ------
    TableError : missing, empty or binary file, header only, unreadable encoding, unknown kind of
        file.
    """
    files = table.files()
    for file in files:
        if file.stat().st_size == 0:
            raise TableError(
                f"table '{table.name}': {file.name} is empty (0 bytes): export it again"
            )
    kind = _kind(files[0])
    if kind == "parquet":
        for file in files:
            _check_parquet(file)
        return engine.parquet([str(file) for file in files])
    if kind == "xlsx":
        return engine.register(f"raw_{table.name}", _sheets(table, files))
    if table.separator == "whitespace":
        return engine.register(f"raw_{table.name}", _columns_by_space(table, files))
    return _csv(engine, table, files, scratch)


def is_typed(table: TableSpec) -> bool:
    """Do the files of a table hold typed columns that can be read again at little cost?"""
    return _kind(table.files()[0]) == "parquet"


def _check_parquet(file: Path) -> None:
    try:
        pq.read_metadata(file)
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{file.name} is no readable .parquet file: damaged or cut short ({error})"
        ) from None


def _kind(file: Path) -> str:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return {".parquet": "parquet", ".pq": "parquet", ".xlsx": "xlsx"}.get(last, "csv")


def _bytes(file: Path) -> IO[bytes]:
    if file.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.GzipFile(file))
    return file.open("rb")


def open_text(file: Path, encoding: str) -> IO[str]:
    """The file as text, unpacked where it is gzip; raises LookupError for an unknown encoding."""
    codecs.lookup(encoding)
    encoding = "utf-8-sig" if encoding in ("utf-8", "utf8") else encoding
    return io.TextIOWrapper(_bytes(file), encoding=encoding, newline="")


def sample(file: Path, size: int = 65_536) -> bytes:
    """The first bytes of a text file, unpacked where it is gzip; a binary file is refused."""
    try:
        with _bytes(file) as raw:
            start = raw.read(size)
    except (OSError, EOFError) as error:
        raise TableError(
            f"{file.name} cannot be unpacked ({error}): the gzip file is damaged or cut short"
        ) from None
    if b"\0" in start and start[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        what = "an Excel or zip file" if start[:2] == b"PK" else "a binary file"
        raise TableError(
            f"{file.name} is no text file but looks like {what}: export the table as CSV or .xlsx"
        )
    return start


def header(file: Path, table: TableSpec) -> tuple[list[str], str, str]:
    """The column names in the first line of a CSV file, its separator and its line end."""
    sample(file)
    try:
        with open_text(file, table.encoding) as text:
            line = text.readline()
    except (UnicodeDecodeError, LookupError) as error:
        raise TableError(
            f"{file.name} is not {table.encoding} text ({error}): {_encoding_hint()}"
        ) from None
    separator = table.separator or max(_SEPARATORS, key=line.count)
    names = list(table.names) or [
        name.strip() for name in next(csv.reader([line], delimiter=separator), [])
    ]
    end = "\r\n" if line.endswith("\r\n") else line[-1:]
    return (
        [name or f"column{k}" for k, name in enumerate(names, 1)],
        separator,
        end if end in "\r\n" else "\n",
    )


def _encoding_hint() -> str:
    return (
        "set 'encoding: latin-1' (or cp1252, utf-16, gb18030, ...) "
        "for this table in the source file"
    )


def _csv(engine: Engine, table: TableSpec, files: list[Path], scratch: Path) -> str:
    names, separator, end = header(files[0], table)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TableError(
            f"table '{table.name}': {files[0].name} has two columns named {twice}: rename one"
        )
    for file in files[1:]:
        other, *_ = header(file, table)
        if other != names:
            raise TableError(
                f"table '{table.name}': {file.name} has columns {other}, {files[0].name} has "
                f"{names}"
            )
    encoding = table.encoding.lower()
    if encoding not in _NATIVE:
        files, encoding = [_utf8(file, table, scratch) for file in files], "utf-8"
    return engine.csv(
        [str(file) for file in files],
        names,
        delim=separator,
        new_line=end.replace("\r", "\\r").replace("\n", "\\n"),
        encoding=_NATIVE[encoding],
        header=not table.names,
    )


def _utf8(file: Path, table: TableSpec, scratch: Path) -> Path:
    target = scratch / f"{file.name.removesuffix('.gz')}.utf8"
    try:
        with (
            open_text(file, table.encoding) as text,
            target.open("w", encoding="utf-8", newline="") as out,
        ):
            while block := text.read(1 << 20):
                out.write(block)
    except UnicodeDecodeError as error:
        raise TableError(
            f"{file.name} is not {table.encoding} text ({error}): {_encoding_hint()}"
        ) from None
    return target


def _sheets(table: TableSpec, files: list[Path]) -> pd.DataFrame:
    return pd.concat([typed(file, sheet=table.sheet) for file in files]).astype("str")


def typed(file: Path, *, sheet: str = "", rows: int | None = None) -> pd.DataFrame:
    """The first rows of an Excel sheet or a Parquet file; TableError where it is neither whole nor
    of its kind.
    """
    kind = _kind(file)
    try:
        if kind == "parquet":
            return pd.read_parquet(file).head(rows)
        return pd.read_excel(file, sheet_name=sheet or 0, dtype=object, nrows=rows)
    except (
        Exception
    ) as error:  # pyarrow, openpyxl and the zip and XML parsers below them raise their own errors
        raise TableError(
            f"{file.name} is no readable .{kind} file: damaged, or not what its name says ({error})"
        ) from None


def _columns_by_space(table: TableSpec, files: list[Path]) -> pd.DataFrame:
    options = {"names": list(table.names), "header": None} if table.names else {}
    return pd.concat(
        [
            pd.read_csv(f, sep=r"\s+", dtype="str", encoding=table.encoding, **options)
            for f in files
        ],
        ignore_index=True,
    )


def lines_with(
    table: TableSpec, column: str, values: set[str], most: int = 3
) -> Iterator[tuple[str, int, str]]:
    """The first places (file, line, value) where a column of a CSV file holds one of the values."""
    for file in table.files():
        if _kind(file) != "csv" or table.separator == "whitespace":
            return
        names, separator, _ = header(file, table)
        with open_text(file, table.encoding) as text:
            rows = csv.reader(text, delimiter=separator)
            for row in rows:
                if len(row) == len(names) and row[names.index(column)].strip() in values:
                    yield file.name, rows.line_num, row[names.index(column)]
                    most -= 1
                    if not most:
                        return
