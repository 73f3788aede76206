"""The parameters of a notebook: what its parameters cell declares, and whether a value fits.

The cell holds one `name: type = default  # help [range]` a line, so that names, types, defaults and
meaning are known
without starting a kernel. One check serves the command line, the runner and the kernel, whoever
runs the notebook:

    level: float = 0.95  # how sure the intervals are [0.5 to 0.999]
    k: int = 10  # length of every list [1 or more]
    n_segments: int = 0  # number of clusters, 0 lets the data choose [0, or 2 to 20]
    kind: str = "day"  # what a period is [day, week, month]
    upper: str = "category"  # a coarser grouping [a column of products]
"""

import ast
import io
import json
import math
import os
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from personalize.tables import CONTRACTS, TableError, Tables

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "list[str]": "a list of texts",
    "list[int]": "a list of whole numbers",
    "list[float]": "a list of numbers",
}
COPIED = Path(".parameters.json")  # beside Lab's copies: notebook -> names of its parameters
INJECTED = "# Parameters"  # how papermill begins the cell that it adds
_NUMBER = r"-?\d+(?:\.\d+)?"
_SPAN = re.compile(
    rf"(?:(?P<also>{_NUMBER}), or )?(?P<low>{_NUMBER})(?: to (?P<high>{_NUMBER})| or more)"
)
_COLUMN = re.compile(r"(?:(?P<word>\w+), or )?a column of (?P<table>\w+)")
_WORDS = re.compile(r"[\w.-]+(?:, [\w.-]+)+")
_BRACKET = re.compile(r"\s*\[([^\[\]]*)\]$")
_UNREADABLE = (ValueError, SyntaxError, AttributeError, IndexError, tokenize.TokenError)
_TYPES = {"int": int, "str": str}
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


class ParameterError(TableError):
    """A parameter that cannot be used; a notebook shows it in one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Range:
    """The values a parameter may take: a span of numbers, with one more besides, words, or names of
    columns.

    >>> Range.of("number of clusters [0, or 2 to 20]").holds(1)
    False
    """

    text: str = ""
    low: float = float("-inf")
    high: float = float("inf")
    also: float = float("nan")
    words: tuple[str, ...] = ()
    table: str = ""

    @classmethod
    def of(cls, help: str) -> "Range":
        """The range that a help text ends in; any value where it ends in none. ValueError where it
        cannot be read.
        """
        bracket = _BRACKET.search(help)
        if not bracket:
            return cls()
        text = bracket[1]
        span, column = _SPAN.fullmatch(text), _COLUMN.fullmatch(text)
        if span:
            low, high = float(span["low"]), float(span["high"] or "inf")
            if low >= high:
                raise ValueError(f"the range [{text}] holds no value")
            return cls(text, low, high, float(span["also"] or "nan"))
        if column:
            return cls(text, words=(column["word"] or "",), table=column["table"])
        if _WORDS.fullmatch(text):
            return cls(text, words=tuple(text.split(", ")))
        raise ValueError(f"[{text}] is no range")

    def holds(self, value: Any) -> bool:
        """Whether the value, or every item of a list, is in the range; which columns there are, the
        data say.
        """
        if isinstance(value, list):
            return all(map(self.holds, value))
        if self.table or not self.text:
            return True
        if self.words:
            return str(value) in self.words
        return isinstance(value, int | float) and (
            self.low <= value <= self.high or value == self.also
        )

    def __str__(self) -> str:
        return "one of " * bool(self.words and not self.table) + self.text


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell."""

    name: str
    kind: str
    default: Any
    help: str

    @property
    def range(self) -> Range:
        """The values that its help allows."""
        return Range.of(self.help)

    @property
    def meaning(self) -> str:
        """Its help without the range.

        >>> Parameter("level", "float", 0.95, "how sure the intervals are [0.5 to 0.999]").meaning
        'how sure the intervals are'
        """
        return _BRACKET.sub("", self.help)

    @property
    def is_day(self) -> bool:
        """Whether it is a day of the data, as `as_of` is: its range is theirs."""
        return self.name == "as_of" or self.name.endswith("_as_of")

    def line(self, value: Any) -> str:
        """The line of a parameters cell that gives it this value.

        >>> Parameter("k", "int", 5, "length [1 or more]").line(7)
        'k: int = 7  # length [1 or more]'
        """
        return f"{self.name}: {self.kind} = {value!r}  # {self.help}"

    def read(self, value: Any) -> Any:
        """The value in the parameter's type; text is read as that type, anything else must be of
        it.

        >>> Parameter("k", "int", 5, "").read("4"), Parameter("x", "list[str]", [], "").read("a, b")
        (4, ['a', 'b'])
        """
        found = value
        if isinstance(value, str) and self.kind != self._item:
            found = [part.strip() for part in value.split(",") if part.strip()]
        try:
            found = _from_text(found, self._item)
        except ValueError:
            raise ValueError(self._wrong(value)) from None
        return self.check(found, value)

    def check(self, value: Any, given: Any = None) -> Any:
        """The value, which must be of the type and in range; ValueError says what it must be."""
        shown = value if given is None else given
        several = self.kind != self._item
        items = value if several else [value]
        if not isinstance(items, list | tuple) or not all(_is(part, self._item) for part in items):
            raise ValueError(self._wrong(shown))
        if not self.range.holds(list(items)):
            raise ValueError(f"'{self.name}' must be {self.range}, not {shown!r}")
        if self._item == "float":
            items = list(map(float, items))
        return list(items) if several else items[0]

    @property
    def _item(self) -> str:
        """The type of one item of a list, or of the value."""
        return self.kind.removeprefix("list[").removesuffix("]")

    def _wrong(self, value: Any) -> str:
        return f"'{self.name}' must be {KINDS[self.kind]} ({self.kind}), not {value!r}"

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, default {self.default!r}): {self.help}"


def _from_text(value: Any, kind: str) -> Any:
    """What the text, or each text of a list, says as int, float or bool; anything else as it is."""
    if isinstance(value, list):
        return [_from_text(part, kind) for part in value]
    if not isinstance(value, str) or kind == "str":
        return value
    word = value.strip().lower()
    if kind == "bool" and word in _TRUE + _FALSE:
        return word in _TRUE
    if kind == "int":
        return int(word)
    if kind == "float":
        return float(word)
    return value


def _is(value: Any, kind: str) -> bool:
    """Whether a value is of that type: true is no number, and a number is finite."""
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    if kind == "float":
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, _TYPES[kind])


def declared(source: str, name: str) -> list[Parameter]:
    """The parameters of a parameters cell.

    Parameters
    ----------
    source : the code of the cell
    name : of the notebook, for messages

    Raises
    ------
    TableError : every line that is not `name: type = default  # help`, in one message.

    >>> declared("theta: float = 1.2  # least lift\\nk: int = 5", "a.ipynb")[0]
    Parameter(name='theta', kind='float', default=1.2, help='least lift')
    """
    found, problems = [], []
    for line in _code_lines(source):
        try:
            parameter = _declaration(line)
            found.append(replace(parameter, default=parameter.check(parameter.default)))
        except _UNREADABLE:
            problems.append(
                f"{line!r} is not `name: type = default  # help` with a type of "
                f"{', '.join(KINDS)}, and a default in the range in brackets that the help may "
                "end in, such as [1 or more] or [0.5 to 0.999]"
            )
    if problems:
        raise TableError.of(f"{name}: the parameters cell cannot be read:", problems)
    return found


def _code_lines(source: str) -> list[str]:
    """The lines of a cell that are neither empty nor a comment."""
    return re.findall(r"^\s*([^\s#].*?)\s*$", source, re.MULTILINE)


def _declaration(line: str) -> Parameter:
    """One line of a parameters cell; its default is not checked yet."""
    (node,) = ast.parse(line).body
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
        raise ValueError("no declaration")
    if node.value is None:
        raise ValueError("no default")
    tokens = tokenize.generate_tokens(io.StringIO(line).readline)
    help = ""
    for token in tokens:
        if token.type == tokenize.COMMENT:
            help = token.string.lstrip("# ").strip()
    if "=" in help:  # papermill would not see such a line
        raise ValueError("a second =")
    kind = ast.unparse(node.annotation)
    if kind not in KINDS:
        raise ValueError("no such type")
    Range.of(help)
    return Parameter(node.target.id, kind, ast.literal_eval(node.value), help)


def unfit(
    parameters: Iterable[Parameter], values: Mapping[str, Any], tables: Callable[[], Tables]
) -> list[str]:
    """What is wrong with values in view of the data: days outside them, columns that are not there.

    A column that the kit knows may be missing: the notebook says what it does without.

    Parameters
    ----------
    parameters : what to look at
    values : name -> value
    tables : gives the data; called only where a day or a column is among the parameters
    """
    problems = []
    for parameter in parameters:
        value, said = values[parameter.name], ""
        if parameter.is_day and value:
            said = _no_day(value, tables())
        elif parameter.range.table:
            said = _no_column(value, parameter.range, tables())
        if said:
            problems.append(f"'{parameter.name}' {said}")
    return problems


def _no_day(value: str, tables: Tables) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return f"must be a day written YYYY-MM-DD, not {value!r}"
    start, end = tables.start.date(), tables.end.date()
    if start <= day <= end:
        return ""
    return f"is {value}, outside the data, which run from {start} to {end}"


def _no_column(value: str, allowed: Range, tables: Tables) -> str:
    known = [*allowed.words, *CONTRACTS[allowed.table].columns]
    if allowed.table in tables:
        known += getattr(tables, allowed.table).columns
    if value in known:
        return ""
    columns = re.findall(r"\w+", " ".join(dict.fromkeys(known)))
    return f"must be {allowed}, not {value!r}; known are {', '.join(columns)}"


def check_in_kernel(source: Any, tables: Tables | None = None) -> None:
    """Check the parameters of the running notebook, where its `source` is this one; elsewhere do
    nothing.

    They are read from the cells that were run: the parameters cell is the last one that only
    declares, `source` among its names; values are those of now. With the tables, days and columns
    are checked against the data too. In a copy that `personalize lab` made, a declaration is
    unknown where one of the names that the copy began with is gone.

    Raises
    ------
    ParameterError : every unknown name, wrong type and value out of range, in one line.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not isinstance(source, str) or shell.user_ns.get("source") != source:
        return
    cells = list(shell.history_manager.input_hist_raw)
    parameters = _last_declared(cells)
    names = [parameter.name for parameter in parameters]
    problems = _unknown(cells, names) + _renamed(names)
    for parameter in parameters:
        try:
            parameter.check(shell.user_ns.get(parameter.name))
        except ValueError as error:
            problems.append(str(error))
    if tables is not None and not problems:
        problems = unfit(parameters, shell.user_ns, lambda: tables)
    if problems:
        raise ParameterError("the parameters cannot be used: " + "; ".join(problems))


def _last_declared(cells: Sequence[str]) -> list[Parameter]:
    """The parameters of the last cell that declares nothing but parameters, `source` among them."""
    for cell in reversed(cells):
        if re.search(r"^source\s*:", cell, re.MULTILINE):
            try:
                return list(map(_declaration, _code_lines(cell)))
            except _UNREADABLE:
                continue
    return []


def _unknown(cells: Sequence[str], names: Sequence[str]) -> list[str]:
    """What is wrong with names in a cell of papermill's: the notebook does not declare them."""
    problems = []
    for cell in cells:
        if names and cell.startswith(INJECTED):
            for name in re.findall(r"^(\w+) = ", cell, re.MULTILINE):
                if name not in names:
                    problems.append(f"unknown parameter '{name}', known: {', '.join(names)}")
    return problems


def _renamed(names: Sequence[str]) -> list[str]:
    """What is wrong with declared names: in a copy of Lab's, one replaces a name it began with."""
    notebook = Path(os.environ.get("JPY_SESSION_NAME", "")).name
    if not notebook or not COPIED.is_file():
        return []
    known = json.loads(COPIED.read_text(encoding="utf-8")).get(notebook, names)
    if set(known) <= set(names):
        return []
    problems = []
    for name in names:
        if name not in known:
            problems.append(f"unknown parameter '{name}', known: {', '.join(known)}")
    return problems
