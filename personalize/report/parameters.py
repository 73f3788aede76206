"""Notebooks read as data: title, question and typed parameters; and every value checked before anything runs.

The parameters cell holds one `name: type = default  # help` a line, so that names, types, defaults and meaning are
known without starting a kernel; a help that ends in brackets states the range, see `ranges`. An unknown name, a value
of another type or one out of range is refused, never ignored.
"""

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from personalize.report.ranges import Range, is_day
from personalize.tables import TableError

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "list[str]": "a list of texts",
    "list[int]": "a list of whole numbers",
    "list[float]": "a list of numbers",
}


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell."""

    name: str
    kind: str
    default: Any
    help: str

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, default {self.default!r}): {self.help}"


@dataclass(frozen=True)
class Notebook:
    """A notebook as the runner sees it.

    Attributes
    ----------
    path : the file
    title, question : from its first cell
    parameters : its parameters, by name
    code : the sources of all cells, which identify what it does and says
    """

    path: Path
    title: str
    question: str
    parameters: Mapping[str, Parameter]
    code: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file name without its ending, e.g. 03_association_rules."""
        return self.path.stem

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """The notebook in that file; raises TableError where its parameters cell cannot be read."""
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (json.JSONDecodeError, KeyError, UnicodeDecodeError):
            raise TableError(
                f"{path.name} is no notebook: it is not readable as nbformat 4 JSON"
            ) from None
        sources = tuple("".join(cell["source"]) for cell in cells)
        first = next(
            (s for s, c in zip(sources, cells, strict=True) if c["cell_type"] == "markdown"), ""
        )
        tagged = [
            s
            for s, c in zip(sources, cells, strict=True)
            if "parameters" in c["metadata"].get("tags", [])
        ]
        if len(tagged) > 1:
            raise TableError(
                f"{path.name} has {len(tagged)} cells tagged 'parameters'; it must have one"
            )
        found = declared(tagged[0], path.name) if tagged else []
        return cls(path, *_title(first, path.stem), {p.name: p for p in found}, sources)


def notebooks(folder: Path) -> list[Notebook]:
    """The notebooks of a folder, in name order; raises TableError where there is none."""
    files = sorted(path for path in folder.glob("[0-9]*.ipynb"))
    if not files:
        raise TableError(
            f"no notebooks in {folder}: run from a checkout of personalize, where they are in notebooks/"
        )
    return [Notebook.read(path) for path in files]


def choose(known: Sequence[Notebook], only: str | Iterable[str] | None) -> list[Notebook]:
    """The notebooks named by number ("03") or name ("03_association_rules", "clv"); all where none is named."""
    wanted = [
        w.strip() for w in (only.split(",") if isinstance(only, str) else only or []) if w.strip()
    ]
    chosen = {
        w: [n for n in known if w in (n.name, n.name.split("_")[0], n.name.partition("_")[2])]
        for w in wanted
    }
    if unknown := [w for w, found in chosen.items() if not found]:
        raise TableError(
            f"no notebook {', '.join(map(repr, unknown))}. Known: {', '.join(n.name for n in known)}"
        )
    names = {n.name for found in chosen.values() for n in found}
    return [n for n in known if n.name in names or not wanted]


def declared(source: str, name: str) -> list[Parameter]:
    """The parameters of a parameters cell.

    >>> declared("theta: float = 1.2  # least lift\\nk: int = 5", "a.ipynb")[0]
    Parameter(name='theta', kind='float', default=1.2, help='least lift')
    """
    lines = [
        line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    found, problems = [], []
    for line in lines:
        try:
            found.append(_parameter(line))
        except (ValueError, SyntaxError, AttributeError, IndexError, tokenize.TokenError):
            problems.append(
                f"{line.strip()!r} is not `name: type = default  # help` with a type of {', '.join(KINDS)}, and a "
                "default in the range in brackets that the help may end in, such as [1 or more] or [0.5 to 0.999]"
            )
    if problems:
        raise TableError.of(f"{name}: the parameters cell cannot be read:", problems)
    return found


def resolve(
    known: Sequence[Notebook], chosen: Sequence[Notebook], layers: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Every parameter of every notebook with its value, later layers over earlier ones.

    Parameters
    ----------
    known : all notebooks; chosen : those that will run
    layers : where values come from (a name for messages) -> values; a plain key goes to every notebook that has the
        parameter, a mapping under a notebook's name to that notebook, and so does "03_association_rules.theta"

    Returns
    -------
    dict : notebook name -> parameter name -> value

    Raises
    ------
    TableError : every unknown name and wrong type in one message, with the known names and their meaning.
    """
    values = {n.name: {p.name: p.default for p in n.parameters.values()} for n in known}
    problems: dict[str, list[str]] = {}  # what is wrong -> in which notebooks
    lost: list[Notebook] = []
    for origin, given in layers.items():
        for targets, name, value in _spread(known, given):
            having = [n for n in targets if name in n.parameters]
            if name == "source":
                problems[
                    f"'source' ({origin}) is not a parameter to set: name the source itself, report SOURCE"
                ] = []
            elif not having:
                problems[f"unknown parameter '{name}' ({origin}); see the known ones below"] = []
                lost += targets
            elif origin == COMMAND and not any(n in chosen for n in having):
                problems[
                    f"'{name}' belongs to {', '.join(n.name for n in having)}, which will not run"
                ] = []
            for notebook in having if name != "source" else ():
                try:
                    values[notebook.name][name] = cast(value, notebook.parameters[name])
                except ValueError as error:
                    problems.setdefault(f"{error} ({origin})", []).append(notebook.name)
    if problems:
        known_ones = _known([n for n in lost if n in chosen or len(lost) == 1])
        raise TableError.of("the parameters cannot be used:", _with_places(problems) + known_ones)
    return values


COMMAND = "given"


def outside(values: Mapping[str, Mapping[str, Any]], start: str, end: str) -> list[str]:
    """What is wrong with the days named `as_of`: no day, or a day outside the data (start to end, YYYY-MM-DD)."""
    problems: dict[str, list[str]] = {}
    for notebook, given in values.items():
        for name, value in given.items():
            if is_day(name) and value and (said := _no_day(value, start, end)):
                problems.setdefault(f"'{name}' {said}", []).append(notebook)
    return _with_places(problems)


def _no_day(value: str, start: str, end: str) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return f"must be a day written YYYY-MM-DD, not {value!r}"
    inside = date.fromisoformat(start) <= day <= date.fromisoformat(end)
    return "" if inside else f"is {value}, outside the data, which run from {start} to {end}"


def cast(value: Any, parameter: Parameter) -> Any:
    """The value in the parameter's type; text is read as that type, anything else must be of it.

    >>> cast("4", Parameter("k", "int", 5, "")), cast("a, b", Parameter("x", "list[str]", [], ""))
    (4, ['a', 'b'])
    """
    found, allowed = _typed(value, parameter), Range.of(parameter.help)
    if not allowed.holds(found):
        raise ValueError(f"'{parameter.name}' must be {allowed}, not {value!r}")
    return found


def _typed(value: Any, parameter: Parameter) -> Any:
    kind, item = parameter.kind, parameter.kind.removeprefix("list[").rstrip("]")
    try:
        if not kind.startswith("list["):
            return _CASTS[kind](value)
        values = (
            [part.strip() for part in value.split(",") if part.strip()]
            if isinstance(value, str)
            else value
        )
        if not isinstance(values, list | tuple):
            raise ValueError
        return [_CASTS[item](part) for part in values]
    except ValueError:
        raise ValueError(
            f"'{parameter.name}' must be {KINDS[kind]} ({kind}), not {value!r}"
        ) from None


def _int(value: Any) -> int:
    if isinstance(value, str):
        return int(value.strip().replace("_", ""))
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    if not math.isfinite(number := float(value)):
        raise ValueError
    return number


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _bool(value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if not isinstance(value, bool):
        raise ValueError
    return value


_CASTS = {"int": _int, "float": _float, "str": _str, "bool": _bool}


def _spread(
    known: Sequence[Notebook], given: Mapping[str, Any]
) -> Iterable[tuple[list[Notebook], str, Any]]:
    """Each given value with the notebooks it is meant for; values for one notebook come last and so win."""
    by_name = {n.name: n for n in known} | {n.name.split("_")[0]: n for n in known}
    own = []
    for key, value in given.items():
        notebook, dot, name = str(key).rpartition(".")
        if dot and notebook in by_name:
            own.append(([by_name[notebook]], name, value))
        elif isinstance(value, Mapping) and key in by_name:
            own += [([by_name[key]], name, inner) for name, inner in value.items()]
        else:
            yield list(known), str(key), value
    yield from own


def _parameter(line: str) -> Parameter:
    (node,) = ast.parse(line.strip()).body
    if (
        not isinstance(node, ast.AnnAssign)
        or not isinstance(node.target, ast.Name)
        or node.value is None
    ):
        raise ValueError
    tokens = tokenize.generate_tokens(io.StringIO(line.strip()).readline)
    comment = next(
        (token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT), ""
    )
    if "=" in comment:  # papermill would not see such a line
        raise ValueError
    parameter = Parameter(
        node.target.id, ast.unparse(node.annotation), ast.literal_eval(node.value), comment.strip()
    )
    if parameter.kind not in KINDS:
        raise ValueError
    return Parameter(
        parameter.name, parameter.kind, cast(parameter.default, parameter), parameter.help
    )


def _title(markdown: str, fallback: str) -> tuple[str, str]:
    """The heading and the first paragraph of a notebook's first cell."""
    heading = re.search(r"^# +(.+)$", markdown, re.MULTILINE)
    rest = markdown[heading.end() :] if heading else markdown
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", rest) if part.strip()]
    question = (
        re.sub(r"^\*\*[^*]*question[^*]*\*\*:?\s*", "", paragraphs[0], flags=re.IGNORECASE)
        if paragraphs
        else ""
    )
    return (heading[1].strip() if heading else fallback), question


def _known(notebooks: Sequence[Notebook]) -> list[str]:
    lines: dict[str, list[str]] = {}
    for notebook in notebooks:
        for parameter in notebook.parameters.values():
            if parameter.name != "source":
                lines.setdefault(str(parameter), []).append(notebook.name.split("_")[0])
    return [f"known: {line} [{', '.join(sorted(set(where)))}]" for line, where in lines.items()]


def _with_places(problems: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"{problem} [{', '.join(dict.fromkeys(names))}]" if names else problem
        for problem, names in problems.items()
    ]
