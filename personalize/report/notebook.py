"""Notebooks read as data: title, question and typed parameters; and every value checked before anything runs.

An unknown name, a value of another type or one out of range is refused, never ignored: see `personalize.parameters`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.parameters import Parameter, declared
from personalize.report.workspace import notebook_folder
from personalize.tables import TableError

COMMAND = "given"


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

    @property
    def number(self) -> str:
        """What its name begins with, e.g. 03."""
        return self.name.split("_")[0]

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """The notebook in that file; raises TableError where its parameters cell cannot be read."""
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (json.JSONDecodeError, KeyError, UnicodeDecodeError):
            raise TableError(
                f"{path.name} is no notebook: it is not readable as nbformat 4 JSON"
            ) from None
        words = [source_of(cell) for cell in cells if cell["cell_type"] == "markdown"]
        title, question = _title(words[0] if words else "", path.stem)
        tagged = [source_of(cell) for cell in cells if is_tagged(cell)]
        if len(tagged) > 1:
            raise TableError(
                f"{path.name} has {len(tagged)} cells tagged 'parameters'; it must have one"
            )
        found = declared(tagged[0], path.name) if tagged else []
        parameters = {parameter.name: parameter for parameter in found}
        return cls(path, title, question, parameters, tuple(map(source_of, cells)))


def source_of(cell: Mapping[str, Any]) -> str:
    """The text of a cell as its file holds it."""
    return "".join(cell["source"])


def is_tagged(cell: Mapping[str, Any]) -> bool:
    """Whether it is the parameters cell."""
    return "parameters" in cell["metadata"].get("tags", [])


def _title(markdown: str, fallback: str) -> tuple[str, str]:
    """The heading and the first paragraph of a notebook's first cell."""
    heading = re.search(r"^# +(.+)$", markdown, re.MULTILINE)
    rest = markdown[heading.end() :] if heading else markdown
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", rest) if part.strip()]
    question = paragraphs[0] if paragraphs else ""
    question = re.sub(r"^\*\*[^*]*question[^*]*\*\*:?\s*", "", question, flags=re.IGNORECASE)
    return (heading[1].strip() if heading else fallback), question


def notebooks(folder: str | Path | None = None) -> list[Notebook]:
    """The notebooks of a folder, in name order; raises TableError where there is none.

    Parameters
    ----------
    folder : where they are; default: ./notebooks where there are any, else those that came with the package
    """
    place = notebook_folder(folder)
    files = sorted(place.glob("[0-9]*.ipynb"))
    if not files:
        raise TableError(
            f"no notebooks in {place}: name their folder with --notebooks, or make a folder to work "
            "in: personalize new FOLDER"
        )
    return [Notebook.read(path) for path in files]


def choose(known: Sequence[Notebook], only: str | Iterable[str] | None) -> list[Notebook]:
    """The notebooks named by number ("03") or name ("03_association_rules", "clv"); all where none is named."""
    asked = only.split(",") if isinstance(only, str) else list(only or [])
    wanted = [word.strip() for word in asked if word.strip()]
    called = {n.name: (n.name, n.number, n.name.partition("_")[2]) for n in known}
    unknown = [repr(word) for word in wanted if not any(word in names for names in called.values())]
    if unknown:
        raise TableError(f"no notebook {', '.join(unknown)}. Known: {', '.join(called)}")
    return [n for n in known if not wanted or set(called[n.name]) & set(wanted)]


def resolve(
    known: Sequence[Notebook], chosen: Sequence[Notebook], layers: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Every parameter of every notebook with its value, later layers over earlier ones.

    Parameters
    ----------
    known : all notebooks
    chosen : those that will run: what a value must fit; another notebook takes it where it fits
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
    problems = _Problems()
    for origin, given in layers.items():
        for targets, name, value in _spread(known, given):
            having = [n for n in targets if name in n.parameters]
            if name == "source":
                problems.add(
                    f"'source' ({origin}) is not a parameter to set: name the source itself, "
                    "report SOURCE"
                )
                continue
            if not having:
                problems.unknown(
                    name, origin, [n for n in targets if n in chosen or targets == [n]]
                )
            elif origin == COMMAND and not any(n in chosen for n in having):
                names = ", ".join(n.name for n in having)
                problems.add(f"'{name}' belongs to {names}, which will not run")
            for notebook in having:
                try:
                    values[notebook.name][name] = notebook.parameters[name].read(value)
                except ValueError as error:
                    if notebook in chosen:
                        fitting = [n for n in chosen if n in having and _fits(n, name, value)]
                        problems.add(f"{error} ({origin})", notebook)
                        problems.hint(name, value, fitting)
    problems.tell()
    return values


def _fits(notebook: Notebook, name: str, value: Any) -> bool:
    try:
        notebook.parameters[name].read(value)
    except ValueError:
        return False
    return True


class _Problems:
    """What is wrong with parameters, each thing once, with the notebooks it concerns."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}
        self.lost: dict[str, Notebook] = {}
        self.hints: dict[str, None] = {}

    def add(self, problem: str, notebook: Notebook | None = None) -> None:
        """One thing that is wrong, of a notebook or of all."""
        self.said.setdefault(problem, [])
        if notebook is not None:
            self.said[problem].append(notebook.name)

    def unknown(self, name: str, origin: str, targets: Iterable[Notebook]) -> None:
        """A name that none of these notebooks has; what they have is listed at the end."""
        self.add(f"unknown parameter '{name}' ({origin}); see the known ones below")
        self.lost |= {notebook.name: notebook for notebook in targets}

    def hint(self, name: str, value: Any, fitting: Sequence[Notebook]) -> None:
        """That a value which other notebooks refuse may be given to those it fits."""
        for notebook in fitting:
            self.hints[f"for {notebook.name} alone: -p {notebook.number}.{name}={value}"] = None

    def tell(self) -> None:
        """Raise TableError where there is something to tell."""
        if self.said:
            listed = [f"known: {line}" for line in described(self.lost.values())]
            told = [*with_places(self.said), *self.hints, *listed]
            raise TableError.of("the parameters cannot be used:", told)


def _spread(
    known: Sequence[Notebook], given: Mapping[str, Any]
) -> Iterator[tuple[list[Notebook], str, Any]]:
    """Each given value with the notebooks it is meant for; values for one notebook come last and so win."""
    by_name = {n.number: n for n in known} | {n.name: n for n in known}
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


def described(known: Iterable[Notebook]) -> list[str]:
    """Every parameter in a line, with the numbers of the notebooks that have it; the source is none."""
    lines: dict[str, list[str]] = {}
    for notebook in known:
        for parameter in notebook.parameters.values():
            if parameter.name != "source":
                lines.setdefault(str(parameter), []).append(notebook.number)
    return with_places({line: sorted(set(where)) for line, where in lines.items()})


def with_places(problems: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences with the notebooks they concern in brackets."""
    said = []
    for problem, names in problems.items():
        places = ", ".join(dict.fromkeys(names))
        said.append(f"{problem} [{places}]" if places else problem)
    return said


def parameter_table(folder: str | Path | None = None) -> pd.DataFrame:
    """Every parameter of the notebooks with its type, default, range and meaning; the source is none of them.

    Parameters
    ----------
    folder : folder of the notebooks; default: ./notebooks where there are any, else those that came with the package

    Returns
    -------
    DataFrame : parameter, type, default, range (empty: any), meaning, notebooks (their numbers); a parameter that
        notebooks give another default, range or meaning has a row for each
    """
    rows: dict[tuple[str, ...], list[str]] = {}
    for notebook in notebooks(folder):
        for p in notebook.parameters.values():
            allowed = "a day of the data" if p.is_day else str(p.range)
            row = (p.name, p.kind, repr(p.default), allowed, p.meaning)
            rows.setdefault(row, []).append(notebook.number)
    columns = ["parameter", "type", "default", "range", "meaning"]
    frame = pd.DataFrame(list(rows), columns=columns)
    frame["notebooks"] = [" ".join(where) for where in rows.values()]
    frame = frame[frame.parameter != "source"]
    return frame.sort_values("parameter", kind="stable", ignore_index=True)


def markdown(frame: pd.DataFrame) -> str:
    """The table of parameters in Markdown."""
    lines = [f"| {' | '.join(frame.columns)} |", "|" + "---|" * len(frame.columns)]
    for name, kind, default, allowed, text, where in frame.astype(str).itertuples(index=False):
        said = "empty" if default == "''" else f"`{default}`"
        lines.append(f"| `{name}` | {kind} | {said} | {allowed or 'any'} | {text} | {where} |")
    return "\n".join(lines) + "\n"
