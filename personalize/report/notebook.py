"""Notebooks read as data: title, question and typed parameters; and every value checked before
anything runs.

An unknown name, a value of another type or one out of range is refused, never ignored: see
`personalize.parameters`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.parameters import Parameter, declared
from personalize.report.workspace import notebook_folder
from personalize.tables import TableError

COMMAND = "given"
SOURCE = "name the source itself, report SOURCE"


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
        texts, words, tagged = [], [], []
        for cell in cells:
            text = source_of(cell)
            texts.append(text)
            if cell["cell_type"] == "markdown":
                words.append(text)
            if is_tagged(cell):
                tagged.append(text)
        if len(tagged) > 1:
            raise TableError(
                f"{path.name} has {len(tagged)} cells tagged 'parameters'; it must have one"
            )
        parameters = {}
        for parameter in declared("\n".join(tagged), path.name):
            parameters[parameter.name] = parameter
        return cls(path, *_title("".join(words[:1]), path.stem), parameters, tuple(texts))


def source_of(cell: Mapping[str, Any]) -> str:
    """The text of a cell as its file holds it."""
    return "".join(cell["source"])


def is_tagged(cell: Mapping[str, Any]) -> bool:
    """Whether it is the parameters cell."""
    return "parameters" in cell["metadata"].get("tags", [])


def _title(markdown: str, fallback: str) -> tuple[str, str]:
    """The heading and the first paragraph of a notebook's first cell."""
    heading = re.search(r"^# +(.+)$", markdown, re.MULTILINE)
    title, rest = fallback, markdown
    if heading:
        title, rest = heading[1].strip(), markdown[heading.end() :]
    paragraph = re.split(r"\n\s*\n", rest.strip())[0]
    asked = re.compile(r"^\*\*[^*]*question[^*]*\*\*:?\s*", re.IGNORECASE)
    return title, asked.sub("", " ".join(paragraph.split()))


def notebooks(folder: str | Path | None = None) -> list[Notebook]:
    """The notebooks of a folder, in name order; raises TableError where there is none.

    Parameters
    ----------
    folder : where they are; default: ./notebooks where there are any, else those that came with the
        package
    """
    place = notebook_folder(folder)
    files = sorted(place.glob("[0-9]*.ipynb"))
    if not files:
        raise TableError(
            f"no notebooks in {place}: name their folder with --notebooks, or make a folder to "
            "work in: personalize new FOLDER"
        )
    return [Notebook.read(path) for path in files]


def choose(known: Sequence[Notebook], only: str | Iterable[str] | None) -> list[Notebook]:
    """The notebooks named by number ("03") or name ("03_association_rules", "clv"); all where none
    is named.
    """
    asked = only.split(",") if isinstance(only, str) else list(only or [])
    wanted = {word.strip() for word in asked} - {""}
    chosen, unknown = [], set(wanted)
    for notebook in known:
        names = {notebook.name, notebook.number, notebook.name.partition("_")[2]}
        unknown -= names
        if not wanted or wanted & names:
            chosen.append(notebook)
    if unknown:
        all_names = ", ".join(notebook.name for notebook in known)
        raise TableError(f"no notebook {', '.join(map(repr, sorted(unknown)))}. Known: {all_names}")
    return chosen


def resolve(
    known: Sequence[Notebook], chosen: Sequence[Notebook], layers: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Every parameter of every notebook with its value, later layers over earlier ones.

    Parameters
    ----------
    known : all notebooks
    chosen : those that will run: what a value must fit; another notebook takes it where it fits
    layers : where values come from (a name for messages) -> values; a plain key goes to every
        notebook that has the
        parameter, a mapping under a notebook's name to that notebook, and so does
        "03_association_rules.theta"

    Returns
    -------
    dict : notebook name -> parameter name -> value

    Raises
    ------
    TableError : every unknown name and wrong type in one message, with the known names and their
        meaning.
    """
    values: dict[str, dict[str, Any]] = {}
    for notebook in known:
        values[notebook.name] = {p.name: p.default for p in notebook.parameters.values()}
    problems: dict[str, list[str]] = {}  # what is wrong -> in which notebooks
    lost: list[Notebook] = []
    for origin, given in layers.items():
        for targets, name, value in _spread(known, given):
            having = [notebook for notebook in targets if name in notebook.parameters]
            running = [notebook for notebook in having if notebook in chosen]
            if name == "source":
                problems[f"'source' ({origin}) is not a parameter to set: {SOURCE}"] = []
            elif not having:
                problems[f"unknown parameter '{name}' ({origin}); see the known ones below"] = []
                lost += targets if len(targets) == 1 else chosen
            elif origin == COMMAND and not running:
                names = ", ".join(notebook.name for notebook in having)
                problems[f"'{name}' belongs to {names}, which will not run"] = []
            else:
                refused = _take(values, having, name, value)
                wrong = [notebook for notebook in running if notebook.name in refused]
                for notebook in wrong:
                    said = f"{refused[notebook.name]} ({origin})"
                    problems.setdefault(said, []).append(notebook.name)
                for notebook in running:
                    if wrong and notebook not in wrong:
                        one = f"-p {notebook.number}.{name}={value}"
                        problems[f"for {notebook.name} alone: {one}"] = []
    if problems:
        listed = [f"known: {line}" for line in described(lost)]
        raise TableError.of("the parameters cannot be used:", with_places(problems) + listed)
    return values


def _take(
    values: dict[str, dict[str, Any]], having: Sequence[Notebook], name: str, value: Any
) -> dict[str, str]:
    """Give the notebooks a value; what those say that refuse it, by name."""
    refused = {}
    for notebook in having:
        try:
            values[notebook.name][name] = notebook.parameters[name].read(value)
        except ValueError as error:
            refused[notebook.name] = str(error)
    return refused


def _spread(
    known: Sequence[Notebook], given: Mapping[str, Any]
) -> list[tuple[list[Notebook], str, Any]]:
    """Each given value with the notebooks it is meant for; values for one notebook come last and so
    win.
    """
    by_name = {notebook.number: notebook for notebook in known}
    by_name |= {notebook.name: notebook for notebook in known}
    shared, own = [], []
    for key, value in given.items():
        notebook, dot, name = str(key).rpartition(".")
        if dot and notebook in by_name:
            own.append(([by_name[notebook]], name, value))
        elif isinstance(value, Mapping) and key in by_name:
            for name, inner in value.items():
                own.append(([by_name[key]], name, inner))
        else:
            shared.append((list(known), str(key), value))
    return shared + own


def described(known: Iterable[Notebook]) -> list[str]:
    """Every parameter in a line, with the numbers of the notebooks that have it; the source is
    none.
    """
    lines: dict[str, list[str]] = {}
    for notebook in known:
        for parameter in notebook.parameters.values():
            if parameter.name != "source":
                lines.setdefault(str(parameter), []).append(notebook.number)
    return with_places(lines)


def with_places(problems: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences with the notebooks they concern in brackets."""
    said = []
    for problem, names in problems.items():
        places = f" [{', '.join(dict.fromkeys(names))}]"
        said.append(problem + places * bool(names))
    return said


def parameter_table(folder: str | Path | None = None) -> pd.DataFrame:
    """Every parameter of the notebooks with its type, default, range and meaning; the source is
    none of them.

    Parameters
    ----------
    folder : folder of the notebooks; default: ./notebooks where there are any, else those that came
        with the package

    Returns
    -------
    DataFrame : parameter, type, default, range (empty: any), meaning, notebooks (their numbers); a
        parameter that
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
