"""What a run is about: its source, notebooks and parameters, checked; and why each report has to be made again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from personalize import sources
from personalize.parameters import unfit
from personalize.report import fingerprint
from personalize.report.notebook import COMMAND, Notebook, choose, notebooks, resolve, with_places
from personalize.report.store import Store
from personalize.tables import TableError

_OF_THE_SOURCE = ("name", "description", "terms", "currency", "simulated")


@dataclass
class Plan:
    """One run over a source: what is asked, and where the answers go.

    Attributes
    ----------
    source : name of a built-in source, or path of a source file
    only : notebooks to run, by number or name; empty: all
    parameters : what the caller sets
    notebooks : folder of the notebooks
    out : folder of the reports of all sources
    """

    source: str
    only: str | Iterable[str] | None
    parameters: Mapping[str, Any]
    notebooks: Path
    out: Path

    @cached_property
    def known(self) -> list[Notebook]:
        """All notebooks."""
        return notebooks(self.notebooks)

    @cached_property
    def chosen(self) -> list[Notebook]:
        """The notebooks to run."""
        return choose(self.known, self.only)

    @cached_property
    def spec(self) -> sources.SourceSpec:
        """The source as its file states it."""
        return sources.read(self.source)

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """Every parameter of every notebook; TableError for every one that cannot be used."""
        file = Path(self.source).name if Path(self.source).suffix else self.source
        layers = {file: self.spec.parameters, COMMAND: self.parameters}
        values = resolve(self.known, self.chosen, layers)
        for notebook in self.known:
            if "source" in notebook.parameters:
                values[notebook.name]["source"] = self.source
        return values

    @cached_property
    def prepared(self) -> sources.Prepared:
        """The source, converted where its files have changed; what takes the time of a first run."""
        made = sources.prepare(self.source)
        if made.customers < 2:
            raise TableError(
                f"source '{self.spec.name}' holds orders of {made.customers} customer(s); reports "
                "compare customers. Is customer_id the right column? The counts: personalize check "
                f"{Path(self.source).name}"
            )
        return made

    @cached_property
    def store(self) -> Store:
        """The folder of this source's reports."""
        return Store(self.out / self.spec.name)

    @property
    def data(self) -> str:
        """What identifies the data."""
        return self.prepared.fingerprint

    def check(self) -> None:
        """Raise TableError where parameters do not fit the data: a day outside them, a column that is not there."""
        problems: dict[str, list[str]] = {}
        for notebook in self.chosen:
            changed = self.changed(notebook)
            asked = [notebook.parameters[name] for name in changed]
            if any(parameter.is_day or parameter.range.table for parameter in asked):
                for said in unfit(asked, changed, sources.load(self.source)):
                    problems.setdefault(said, []).append(notebook.name)
        if problems:
            raise TableError.of("the parameters do not fit the data:", with_places(problems))

    def changed(self, notebook: Notebook) -> dict[str, Any]:
        """The parameters of a notebook that differ from their defaults."""
        values = self.values[notebook.name]
        defaults = {name: parameter.default for name, parameter in notebook.parameters.items()}
        return {name: values[name] for name in defaults if values[name] != defaults[name]}

    def key(self, notebook: Notebook) -> dict[str, Any]:
        """Everything the report of a notebook depends on; the place of a source file is no part of it."""
        values = {**self.values[notebook.name]}
        if "source" in values:
            values["source"] = Path(self.source).name
        return fingerprint.key(notebook, values, self.data)

    def shown_source(self) -> str:
        """The source as pages show it: without the folders of an absolute path."""
        return Path(self.source).name if Path(self.source).is_absolute() else self.source

    def card(self) -> dict[str, Any]:
        """What pages say of the source."""
        words = {name: getattr(self.spec, name) for name in _OF_THE_SOURCE}
        words["title"] = self.spec.title or self.spec.name
        words["customers"] = self.prepared.customers
        return {**words, "start": self.prepared.start[:10], "end": self.prepared.end[:10]}

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
        """What has changed since a report was made, in words; empty where nothing has or there is none."""
        entry = self.store.reports.get(notebook.name)
        return fingerprint.why(entry["key"], self.key(notebook)) if entry else ""
