"""The first page of a source's reports: a card a report, with its question, answer, first figure
and numbers.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from personalize.report import page
from personalize.report.notebook import Notebook
from personalize.report.store import Store


def render(
    store: Store,
    notebooks: Sequence[Notebook],
    stale: Mapping[str, str],
    source: Mapping[str, Any],
    about: Mapping[str, Any],
) -> str:
    """The index page.

    Parameters
    ----------
    store : the reports that are there
    notebooks : all notebooks, in order
    stale : name -> why a report no longer fits its inputs
    source : title, name, description, terms, span, currency, simulated
    about : fingerprint and versions
    """
    cards = [_card(store, notebook, stale.get(notebook.name, "")) for notebook in notebooks]
    return _rendered("shelf.html.j2", cards=cards, source=source, about=about)


def _rendered(template: str, **words: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(frame=page.frame(), **words) + "\n"


def change(now: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> str:
    """How a headline number differs from the run before, in words; empty where it does not.

    >>> now, before = {"name": "gain", "value": 0.25, "unit": "%"}, {"value": 0.2}
    >>> change(now, [{**now, **before}])
    '+5.0 points since the last run'
    """
    for old in before:
        if (old["name"], old["unit"]) == (now["name"], now["unit"]):
            return _difference(old["value"], now["value"], now["unit"])
    return ""


def _difference(old: float | None, new: float | None, unit: str) -> str:
    if old is None or new is None or old == new:
        return ""
    difference = new - old
    if unit == "%":
        return f"{100 * difference:+.1f} points since the last run"
    size = abs(difference)
    digits = 0
    if size < 100 and size != int(size):
        digits = 1 + (size < 10) + 2 * (size < 1)
    return f"{difference:+,.{digits}f} since the last run"


def _card(store: Store, notebook: Notebook, stale: str) -> dict[str, Any]:
    """What the index says of a report; of one that is not there or has failed, only that."""
    entry = store.reports.get(notebook.name)
    link = f"{notebook.name}.html"
    card = {"name": notebook.name, "title": notebook.title}
    card["question"] = page.prose(notebook.question)
    if entry is None:
        return {**card, "state": "not run yet", "link": ""}
    if entry["state"] == "failed":
        return {**card, "state": "failed", "link": link, "error": entry["error"]}
    nb = json.loads((store.folder / f"{notebook.name}.ipynb").read_text(encoding="utf-8"))
    found = page.facts(nb)
    changed = {name: page.said(value) for name, value in entry["changed"].items()}
    changed.pop("source", None)
    numbers = found["headlines"][:3]
    for number in numbers:
        number["change"] = change(number, entry.get("previous", []))
    return {
        **card,
        **found,
        "answer": page.prose(found["answer"]),
        "headlines": numbers,
        "state": "out of date" if stale else "up to date",
        "stale": stale,
        "changed": list(changed.items()),
        "link": link,
    }


def shelves(out: Path) -> str:
    """The page that lists every source with reports in a folder."""
    sources = []
    for index in sorted(out.glob("[!.]*/index.html")):
        store = Store(index.parent)
        failed = [entry["state"] for entry in store.reports.values()].count("failed")
        known = store.manifest.get("source", {})
        sources.append((index.parent.name, known, len(store.reports), failed))
    return _rendered("shelves.html.j2", sources=sources)
