"""What a run is about: its source, notebooks and parameters, checked; and why each report has to be
made again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from personalize import sources
from personalize.parameters import unfit
from personalize.report import fingerprint
from personalize.report.notebook import COMMAND, Notebook, choose, notebooks, resolve, with_places
from personalize.report.store import Store
from personalize.report.workspace import REPORTS, notebook_folder
from personalize.tables import TableError, Tables

_OF_THE_SOURCE = ("name", "description", "terms", "currency", "simulated")


@dataclass
class Plan:
    """One run over a source: what is asked, and where the answers go.

    Parameters
    ----------
    source : name of a built-in source, or path of a source file
    only : notebooks to run, by number or name; default: all
    parameters : what the caller sets; they come after those of the source file
    notebooks : folder of the notebooks; default: ./notebooks where there are any, else the
        package's
    out : folder of the reports of all sources; default: ./reports
    """

    source: str | Path
    only: str | Iterable[str] | None = None
    parameters: Mapping[str, Any] | None = None
    notebooks: str | Path | None = None
    out: str | Path | None = None

    def __post_init__(self) -> None:
        self.place = str(self.source)
        self.folder = notebook_folder(self.notebooks)
        self.reports = Path(self.out or REPORTS)

    @cached_property
    def known(self) -> list[Notebook]:
        """All notebooks."""
        return notebooks(self.folder)

    @cached_property
    def chosen(self) -> list[Notebook]:
        """The notebooks to run."""
        return choose(self.known, self.only)

    @cached_property
    def spec(self) -> sources.SourceSpec:
        """The source as its file states it."""
        return sources.read(self.place)

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """Every parameter of every notebook; TableError for every one that cannot be used."""
        file = Path(self.place).name if Path(self.place).suffix else self.place
        layers = {file: self.spec.parameters, COMMAND: self.parameters or {}}
        values = resolve(self.known, self.chosen, layers)
        for notebook in self.known:
            if "source" in notebook.parameters:
                values[notebook.name]["source"] = self.place
        return values

    @cached_property
    def prepared(self) -> sources.Prepared:
        """The source, converted where its files have changed, which takes most of a first run."""
        made = sources.prepare(self.place)
        if made.customers < 2:
            raise TableError(
                f"source '{self.spec.name}' holds orders of {made.customers} customer(s); reports "
                "compare customers. Is customer_id the right column? The counts: personalize check "
                f"{Path(self.place).name}"
            )
        return made

    @cached_property
    def store(self) -> Store:
        """The folder of this source's reports."""
        return Store(self.reports / self.spec.name)

    @property
    def data(self) -> str:
        """What identifies the data."""
        return self.prepared.fingerprint

    def check(self) -> None:
        """Convert the raw files where needed; TableError where parameters do not fit the data."""
        assert self.values and self.prepared  # names and types before the raw files are looked at
        problems: dict[str, list[str]] = {}
        for notebook in self.chosen:
            changed = self.changed(notebook)
            asked = [notebook.parameters[name] for name in changed]
            for said in unfit(asked, changed, self._tables):
                problems.setdefault(said, []).append(notebook.name)
        if problems:
            raise TableError.of("the parameters do not fit the data:", with_places(problems))

    def _tables(self) -> Tables:
        return sources.load(self.place)

    def due(self, force: bool = False) -> pd.DataFrame:
        """One row a chosen notebook: notebook, reason (empty: unchanged), parameters (set, as
        text).
        """
        rows = []
        for notebook in self.chosen:
            said = ", ".join(map("{0[0]}={0[1]}".format, self.changed(notebook).items()))
            rows.append((notebook.name, self.reason(notebook, force), said))
        return pd.DataFrame(rows, columns=["notebook", "reason", "parameters"])

    def changed(self, notebook: Notebook) -> dict[str, Any]:
        """The parameters of a notebook that differ from their defaults."""
        changed = {}
        for name, parameter in notebook.parameters.items():
            value = self.values[notebook.name][name]
            if value != parameter.default:
                changed[name] = value
        return changed

    def key(self, notebook: Notebook) -> dict[str, Any]:
        """Everything the report of a notebook depends on; the place of a source file is no part of
        it.
        """
        values = {**self.values[notebook.name]}
        if "source" in values:
            values["source"] = Path(self.place).name
        return fingerprint.key(notebook, values, self.data)

    def shown_source(self) -> str:
        """The source as pages show it: without the folders of an absolute path."""
        return Path(self.place).name if Path(self.place).is_absolute() else self.place

    def card(self) -> dict[str, Any]:
        """What pages say of the source."""
        card = {"title": self.spec.title or self.spec.name, "customers": self.prepared.customers}
        for name in _OF_THE_SOURCE:
            card[name] = getattr(self.spec, name)
        return card | {"start": self.prepared.start[:10], "end": self.prepared.end[:10]}

    def reason(self, notebook: Notebook, force: bool = False) -> str:
        """Why a report has to be made; empty where it is there, whole and up to date."""
        entry = self.store.reports.get(notebook.name)
        if entry is None:
            return "first run"
        said = self.difference(notebook)
        if not said and entry["state"] == "failed":
            said = "it failed last time"
        return said or self.store.damage(notebook.name) or ("forced" if force else "")

    def difference(self, notebook: Notebook) -> str:
        """What has changed since a report was made, in words; empty where nothing has or there is
        none.
        """
        entry = self.store.reports.get(notebook.name)
        return fingerprint.why(entry["key"], self.key(notebook)) if entry else ""
