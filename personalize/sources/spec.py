"""The source file: a closed YAML document that maps a shop's own files to the kit's vocabulary."""

import importlib.util
import re
from collections.abc import Mapping
from datetime import date
from glob import glob
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BeforeValidator, Field

from personalize.engine.interface import Closed, Settings
from personalize.tables import CONTRACTS, TableError, unknown_columns

BUILTIN = Path(__file__).parent / "builtin"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}")


def plain_word(key: object) -> bool:
    """Is this a short lower-case word, fit for a name?

    >>> plain_word("my_shop"), plain_word("My Shop"), plain_word(5)
    (True, False, False)
    """
    return isinstance(key, str) and bool(_NAME.fullmatch(key))


def _one_of(*choices: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in choices:
            known = ", ".join(map(repr, choices))
            raise ValueError(f"must be one of {known}, not {value!r}")
        return value

    return AfterValidator(check)


def _a_name(name: str) -> str:
    if not plain_word(name):
        raise ValueError(
            "must be a short lower-case word (letters, digits, _): it names the report folder"
        )
    return name


def _a_variable(connection: str) -> str:
    if not _VARIABLE.fullmatch(connection):
        raise ValueError(
            "must name an environment variable, as in connection: ${SHOP_DB}; "
            "an address with its password belongs there, never into this file"
        )
    return connection


def _a_share(sample: float) -> float:
    if not 0 < sample < 1:
        raise ValueError(
            f"must be a share of the customers between 0 and 1, such as 0.05, not {sample!r}"
        )
    return sample


def _two_zones(zones: Mapping[str, str]) -> Mapping[str, str]:
    if set(zones) != {"from", "to"}:
        raise ValueError(
            "needs exactly the keys 'from' (of the times in the file) and 'to' (of the shop)"
        )
    if unknown := set(zones.values()) - available_timezones():
        known = ", ".join(map(repr, sorted(unknown)))
        raise ValueError(f"holds no time zone {known}; write it like Europe/London")
    return zones


def _plain(value: Any) -> Any:
    """YAML dates as text, at any depth: notebooks take plain types only."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    if isinstance(value, date):
        return value.isoformat()
    return value


class TableKeys(Closed):
    """What a source file may say of one table: where it lies and what its columns are called."""

    path: str = ""
    origin: Annotated[str, Field(alias="from"), _one_of("orders")] = ""
    package: str = ""
    columns: Mapping[str, str]
    encoding: str = "utf-8"
    separator: str = ""
    names: list[Annotated[str, BeforeValidator(str)]] = []
    sheet: str = ""
    time_format: str = ""
    decimal: Annotated[str, _one_of(".", ",")] = "."
    one_row_is: Annotated[str, _one_of("line", "order")] = "line"
    sql: str = ""
    connection: Annotated[str, AfterValidator(_a_variable)] = ""


class TableSpec(TableKeys):
    """One table of a source: what its file says, its name and the folder that the file lies in."""

    name: str
    folder: Path = Path()

    @property
    def derived(self) -> bool:
        """Is it made of the order lines?"""
        return bool(self.origin)

    def files(self) -> list[Path]:
        """The files of the table, in name order (none for rows in memory).

        Raises
        ------
        TableError : where they are not there.
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
        files = sorted(map(Path, glob(str(pattern)))) or [pattern]
        if not files[0].is_file():
            raise TableError(
                f"table '{self.name}': no file '{self.path}' (looked in {folder.resolve()})"
            )
        return files


class SourceSpec(Closed):
    """A source as its file states it, checked for form."""

    name: Annotated[str, AfterValidator(_a_name)]
    title: str = ""
    description: str = ""
    terms: str = ""
    simulated: bool = False
    currency: str = ""
    timezone: Annotated[Mapping[str, str], AfterValidator(_two_zones)] = {}
    tables: Mapping[str, TableSpec] = {}
    returns: Annotated[str, _one_of("net", "drop", "keep")] = "net"
    duplicates: Annotated[str, _one_of("keep", "drop")] = "keep"
    exclude: Mapping[str, list] = {}
    parameters: Annotated[Mapping[str, Any], BeforeValidator(_plain)] = {}
    simulate: Mapping[str, Any] | None = None
    engine: Settings = Settings()
    sample: Annotated[float, AfterValidator(_a_share)] = 1.0


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
            f"({', '.join(names())}). For your own orders: personalize init orders.csv"
        )
    if path.suffix.lower() not in (".yml", ".yaml", ".json"):
        raise TableError(
            f"{path.name} is no source file (.yml). Is it an export of your orders? Then have one "
            f"written: personalize init {path}"
        )
    document = _document(path)
    if document.get("name") in names() and path.parent != BUILTIN:
        raise TableError(
            f"{path.name}: 'name: {document['name']}' is that of a built-in source: choose another"
        )
    return parse(document, path.name, path.parent)


def _document(path: Path) -> dict:
    """The mapping that a YAML file holds."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise TableError(f"{path.name} is not readable as YAML: {said}.") from None
    if not isinstance(document, dict):
        raise TableError(
            f"{path.name} is no source file: it must be a mapping with the keys 'name' and 'tables'"
        )
    return document


def parse(document: Mapping[str, Any], label: str, folder: Path) -> SourceSpec:
    """A checked source from the mapping that its file holds.

    Parameters
    ----------
    document : the mapping
    label : what to call the file
    folder : that the paths in it start from

    Raises
    ------
    TableError : every problem in one message.
    """
    given = dict(document)
    listed = given.get("tables", {})
    if isinstance(listed, dict):
        given.pop("tables", None)
    else:
        listed = {}
    engine, problems = Settings.chosen(given.pop("engine", "duckdb"))
    spec, wrong = SourceSpec.read(given)
    problems = wrong + problems
    if "simulate" not in document and "orders" not in listed:
        problems.append("'tables' must hold 'orders': the one table that every report needs")
    tables = {}
    for name, table in listed.items():
        tables[name], wrong = _table(name, table, folder)
        problems += wrong
    problems += _exclude(document.get("exclude"), listed)
    if problems or spec is None:
        raise TableError.of(f"{label} cannot be used:", problems)
    return spec.model_copy(update={"tables": tables, "engine": engine})


def _exclude(exclude: Any, tables: Mapping[str, Any]) -> list[str]:
    """Columns of 'exclude' that no table maps."""
    if not isinstance(exclude, dict):
        return []
    known: set[str] = set()
    for table in tables.values():
        columns = table.get("columns") if isinstance(table, dict) else None
        known.update(columns if isinstance(columns, dict) else [])
    listed = ", ".join(sorted(map(str, known)))
    unknown = [column for column in exclude if column not in known]
    return [f"'exclude': unknown column {column!r}. Known: {listed}" for column in unknown]


def _table(name: str, table: Any, folder: Path) -> tuple[TableSpec | None, list[str]]:
    """One table of a source file, or what is wrong with it."""
    if name not in CONTRACTS:
        return None, [f"unknown table '{name}'. Known: {', '.join(CONTRACTS)}"]
    if not isinstance(table, dict):
        must = "must be a mapping with 'path' and 'columns'"
        return None, [f"'tables.{name}' {must}, not {table!r}"]
    where = f"tables.{name}."
    keys, problems = TableKeys.read({"columns": {}, **table}, where)
    problems += _origin(name, table)
    columns = table.get("columns")
    if isinstance(columns, dict):
        problems += _columns(name, table, where + "columns")
    elif columns is None:
        problems += [f"'{where}columns' is missing: it maps the kit's names to the file's"]
    if problems or keys is None:
        return None, problems
    return TableSpec(
        name=name, folder=folder, **keys.model_dump(by_alias=True, exclude_unset=True)
    ), []


def _origin(name: str, table: Mapping[str, Any]) -> list[str]:
    """Is there exactly one place that the rows come from?"""
    problems = []
    if bool(table.get("path")) + bool(table.get("sql")) + ("from" in table) != 1:
        problems.append(
            f"'tables.{name}' needs either 'path' (its file), 'sql' (a query, with 'connection') "
            "or 'from: orders' (made of the order lines)"
        )
    if bool(table.get("sql")) != bool(table.get("connection")):
        problems.append(f"'tables.{name}': 'sql' and 'connection' go together")
    return problems


def _columns(name: str, table: Mapping[str, Any], where: str) -> list[str]:
    """Are all columns known, and all that are required there?"""
    contract, columns = CONTRACTS[name], table["columns"]
    made = _made(name, table)
    problems = []
    for key in columns:
        if not plain_word(key):
            problems.append(f"'{where}': {key!r} must be a plain word (a-z, 0-9, _)")
    extra = ["unit_price"] if name == "orders" else []
    known = ", ".join([*contract.columns, *extra])
    for key in unknown_columns(name, list(columns)):
        if key not in extra:
            problems.append(f"unknown column '{where}.{key}'. Known: {known}")
    for key in contract.required:
        if key not in columns and key not in made:
            problems.append(f"'{where}.{key}' is missing ({contract.columns[key].help})")
    return problems


def _made(name: str, table: Mapping[str, Any]) -> set[str]:
    """Required columns that may be left out, because the kit can make them."""
    made = set()
    if name == "orders" and "unit_price" in table["columns"]:
        made |= {"amount"}
    if name == "orders" and table.get("one_row_is") == "order":
        made |= {"order_id", "product_id", "quantity"}
    return made
