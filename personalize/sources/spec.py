"""The source file: one closed YAML document that maps a shop's own files to the kit's vocabulary."""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from glob import glob
from pathlib import Path
from typing import Any

import yaml

from personalize.engine import Settings
from personalize.tables import CONTRACTS, TableError, unknown_columns

BUILTIN = Path(__file__).parent / "builtin"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}")
_TOP = {
    "name": str, "title": str, "description": str, "terms": str, "simulated": bool, "currency": str,
    "timezone": dict, "tables": dict, "returns": str, "duplicates": str, "exclude": dict, "parameters": dict,
    "simulate": dict, "engine": object, "sample": float,
}  # fmt: skip
_TABLE = {
    "path": str, "from": str, "package": str, "columns": dict, "encoding": str, "separator": str, "names": list,
    "sheet": str, "time_format": str, "decimal": str, "one_row_is": str, "sql": str, "connection": str,
}  # fmt: skip
_CHOICES = {
    "returns": ("net", "drop", "keep"), "duplicates": ("keep", "drop"), "decimal": (".", ","),
    "one_row_is": ("line", "order"), "from": ("orders",),
}  # fmt: skip
_WORDS = {
    str: "text",
    bool: "true or false",
    dict: "a mapping (key: value)",
    list: "a list",
    float: "a share",
}


@dataclass(frozen=True)
class TableSpec:
    """Where one table comes from and what its columns are called there."""

    name: str
    columns: Mapping[str, str]
    path: str = ""
    derived: bool = False
    package: str = ""
    encoding: str = "utf-8"
    separator: str = ""
    names: tuple[str, ...] = ()
    sheet: str = ""
    time_format: str = ""
    decimal: str = "."
    one_row_is: str = "line"
    sql: str = ""
    connection: str = ""
    folder: Path = Path()

    def files(self) -> list[Path]:
        """The files of the table, in name order (none for rows in memory); TableError where they
        are not there.
        """
        if not self.path:
            return []
        folder = self.folder
        if self.package:
            found = importlib.util.find_spec(self.package)
            if not found or not found.submodule_search_locations:
                raise TableError(f"table '{self.name}': package '{self.package}' is not installed")
            folder = Path(found.submodule_search_locations[0])
        pattern = folder / Path(self.path).expanduser()
        files = [Path(p) for p in sorted(glob(str(pattern)))] if glob(str(pattern)) else [pattern]
        if not files[0].is_file():
            raise TableError(
                f"table '{self.name}': no file '{self.path}' (looked in {folder.resolve()})"
            )
        return files


@dataclass(frozen=True)
class SourceSpec:
    """A source as its file states it, checked for form."""

    name: str
    tables: Mapping[str, TableSpec]
    title: str = ""
    description: str = ""
    terms: str = ""
    simulated: bool = False
    currency: str = ""
    timezone: Mapping[str, str] = field(default_factory=dict)
    returns: str = "net"
    duplicates: str = "keep"
    exclude: Mapping[str, list] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    simulate: Mapping[str, Any] | None = None
    engine: Settings = Settings()
    sample: float = 1.0


class _Loader(yaml.SafeLoader):
    """YAML without code, in which a key may stand once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                None, None, f"key {twice} stands twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def names() -> list[str]:
    """The built-in sources."""
    return sorted(path.stem for path in BUILTIN.glob("*.yml"))


def read(source: str | Path) -> SourceSpec:
    """The source of that name or in that file, checked for form.

    Parameters
    ----------
    source : name of a built-in source, or path of a source file (.yml)

    Raises
    ------
    TableError : no such source, no YAML, unknown keys, wrong types; every problem in one message.
    """
    path = BUILTIN / f"{source}.yml" if str(source) in names() else Path(source)
    if not path.is_file():
        raise TableError(
            f"no source '{source}': it is neither a file here nor a built-in source "
            f"({', '.join(names())}). "
            "For your own orders: personalize init orders.csv"
        )
    if path.suffix.lower() not in (".yml", ".yaml", ".json"):
        raise TableError(
            f"{path.name} is no source file (.yml). Is it an export of your orders? Then have one "
            f"written: personalize init {path}"
        )
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError(
            f"{path.name} is not readable as YAML: {' '.join(str(error).split())}."
        ) from None
    if not isinstance(document, dict):
        raise TableError(
            f"{path.name} is no source file: it must be a mapping with the keys 'name' and 'tables'"
        )
    if document.get("name") in names() and path.parent != BUILTIN:
        raise TableError(
            f"{path.name}: 'name: {document['name']}' is that of a built-in source: choose another"
        )
    return parse(document, path.name, path.parent)


def parse(document: Mapping[str, Any], label: str, folder: Path) -> SourceSpec:
    """A checked source from the mapping that its file holds."""
    problems = _mistyped(document, _TOP, "") + _timezone(document.get("timezone"))
    if not plain_word(document.get("name")):
        problems.append(
            "'name' must be a short lower-case word (letters, digits, _): it names the report "
            "folder"
        )
    tables = document.get("tables")
    tables = tables if isinstance(tables, dict) else {}
    if "simulate" not in document and "orders" not in tables:
        problems.append("'tables' must hold 'orders': the one table that every report needs")
    for name, table in tables.items():
        problems += _table_problems(name, table)
    problems += _exclude(document.get("exclude"), tables)
    engine, wrong = Settings.read(document.get("engine", "duckdb"))
    problems += wrong
    if isinstance(share := document.get("sample"), float) and not 0 < share < 1:
        problems.append(
            "'sample' must be a share of the customers between 0 and 1, such as 0.05, not "
            f"{share!r}"
        )
    if problems:
        raise TableError.of(f"{label} cannot be used:", problems)
    given = {key: value for key, value in document.items() if key != "tables"}
    given["parameters"] = _plain(given.get("parameters", {}))
    given["engine"] = engine
    return SourceSpec(
        **given, tables={name: _table(name, table, folder) for name, table in tables.items()}
    )


def _mistyped(given: Mapping, known: Mapping[str, type], where: str) -> list[str]:
    problems = []
    for key, value in given.items():
        if key not in known:
            problems.append(f"unknown key '{where}{key}'. Known here: {', '.join(known)}")
        elif not isinstance(value, known[key]):
            shown = "" if key == "connection" else f", not {value!r}"  # it may hold a password
            problems.append(f"'{where}{key}' must be {_WORDS[known[key]]}{shown}")
        elif key in _CHOICES and value not in _CHOICES[key]:
            problems.append(
                f"'{where}{key}' must be one of {', '.join(map(repr, _CHOICES[key]))}, not "
                f"{value!r}"
            )
    return problems


def _timezone(zone: Any) -> list[str]:
    from zoneinfo import available_timezones

    if not isinstance(zone, dict):
        return []
    if set(zone) != {"from", "to"}:
        return [
            "'timezone' needs exactly the keys 'from' (of the times in the file) and 'to' (of the "
            "shop)"
        ]
    known = available_timezones()
    return [
        f"'timezone.{end}': no time zone {zone[end]!r}; write it like Europe/London"
        for end in zone
        if zone[end] not in known
    ]


def _exclude(exclude: Any, tables: Mapping[str, Any]) -> list[str]:
    if not isinstance(exclude, dict):
        return []
    known = {
        c
        for t in tables.values()
        if isinstance(t, dict) and isinstance(t.get("columns"), dict)
        for c in t["columns"]
    }
    problems = [f"'exclude': unknown column {column!r}. Known: {', '.join(sorted(known))}"
                for column in exclude if column not in known]  # fmt: skip
    return problems + [
        f"'exclude.{column}' must be a list of values, not {values!r}"
        # fmt: skip
        for column, values in exclude.items()
        if not isinstance(values, list)
    ]


def _table_problems(name: str, table: Any) -> list[str]:
    if name not in CONTRACTS:
        return [f"unknown table '{name}'. Known: {', '.join(CONTRACTS)}"]
    where = f"tables.{name}."
    if not isinstance(table, dict):
        return [f"'tables.{name}' must be a mapping with 'path' and 'columns', not {table!r}"]
    problems = _mistyped(table, _TABLE, where) + _origin_problems(name, table)
    columns = table.get("columns")
    if not isinstance(columns, dict):
        return [*problems, f"'{where}columns' is missing: it maps the kit's names to the file's"]
    wrong = [key for key, value in columns.items() if not isinstance(value, str)]
    problems += [
        f"'{where}columns.{key}' must be the name of a column in the file (text)" for key in wrong
    ]
    allowed = [key for key in columns if not (name == "orders" and key == "unit_price")]
    problems += [
        f"'{where}columns': {key!r} must be a plain word (a-z, 0-9, _)"
        for key in columns
        if not plain_word(key)
    ]
    for key in unknown_columns(name, allowed):
        known = [*CONTRACTS[name].columns, *(["unit_price"] if name == "orders" else [])]
        problems.append(f"unknown column '{where}columns.{key}'. Known: {', '.join(known)}")
    missing = [
        key
        for key in CONTRACTS[name].required
        if key not in columns and not _given(name, key, table)
    ]
    problems += [
        f"'{where}columns.{key}' is missing ({CONTRACTS[name].columns[key].help})"
        for key in missing
    ]
    return problems


def _origin_problems(name: str, table: Mapping[str, Any]) -> list[str]:
    """Is there exactly one place that the rows come from, and no password in the file?"""
    problems, variable = [], table.get("connection")
    if sum(map(bool, (table.get("path"), table.get("sql"), "from" in table))) != 1:
        problems.append(
            f"'tables.{name}' needs either 'path' (its file), 'sql' (a query, with 'connection') "
            "or 'from: orders' (made of the order lines)"
        )
    if bool(table.get("sql")) != bool(variable):
        problems.append(f"'tables.{name}': 'sql' and 'connection' go together")
    if isinstance(variable, str) and not _VARIABLE.fullmatch(variable):
        problems.append(
            f"'tables.{name}.connection' must name an environment variable, as in connection: "
            f"${{SHOP_DB}}; "
            "an address with its password belongs there, never into this file"
        )
    return problems


def plain_word(key: object) -> bool:
    """Is this a short lower-case word, fit for a name?

    >>> plain_word("my_shop"), plain_word("My Shop"), plain_word(5)
    (True, False, False)
    """
    return isinstance(key, str) and bool(_NAME.fullmatch(key))


def _given(name: str, column: str, table: Mapping[str, Any]) -> bool:
    """May this required column be left out, because the kit can make it?"""
    if name != "orders":
        return False
    whole_orders = table.get("one_row_is") == "order" and column in (
        "order_id",
        "product_id",
        "quantity",
    )
    return whole_orders or (column == "amount" and "unit_price" in table["columns"])


def _table(name: str, table: Mapping[str, Any], folder: Path) -> TableSpec:
    given = {key: value for key, value in table.items() if key != "from"}
    given["names"] = tuple(map(str, given.get("names", ())))
    return TableSpec(name=name, derived="from" in table, folder=folder, **given)


def _plain(value: Any) -> Any:
    """YAML dates as text, at any depth: notebooks take plain types only."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
