"""The first page of a source's reports: a card a report, with its question, answer, first figure and numbers."""

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
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("shelf.html.j2")
    return template.render(cards=cards, source=source, about=about, frame=page.frame()) + "\n"


def change(now: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> str:
    """How a headline number differs from the run before, in words; empty where it does not.

    >>> change({"name": "gain", "value": 0.25, "unit": "%"}, [{"name": "gain", "value": 0.2, "unit": "%"}])
    '+5.0 points since the last run'
    """
    old = next((b for b in before if b["name"] == now["name"] and b["unit"] == now["unit"]), None)
    if old is None or old["value"] is None or now["value"] is None or old["value"] == now["value"]:
        return ""
    difference = now["value"] - old["value"]
    if now["unit"] == "%":
        return f"{100 * difference:+.1f} points since the last run"
    size = abs(difference)
    digits = 0 if size >= 100 or size == int(size) else 1 if size >= 10 else 2 if size >= 1 else 4
    return f"{difference:+,.{digits}f} since the last run"


def _card(store: Store, notebook: Notebook, stale: str) -> dict[str, Any]:
    entry = store.reports.get(notebook.name)
    card = {
        "name": notebook.name,
        "title": notebook.title,
        "question": page.prose(notebook.question),
    }
    if entry is None:
        return {**card, "state": "not run yet", "link": ""}
    if entry["state"] == "failed":
        return {**card, "state": "failed", "link": f"{notebook.name}.html", "error": entry["error"]}
    found = page.facts(
        json.loads((store.folder / f"{notebook.name}.ipynb").read_text(encoding="utf-8"))
    )
    numbers = [{**h, "change": change(h, entry.get("previous", []))} for h in found["headlines"]]
    return {
        **card,
        **found,
        "answer": page.prose(found["answer"]),
        "headlines": numbers[:3],
        "state": "out of date" if stale else "up to date",
        "stale": stale,
        "changed": [
            (name, page.said(value)) for name, value in entry["changed"].items() if name != "source"
        ],
        "link": f"{notebook.name}.html",
    }


def _counted(store: Store) -> tuple[Mapping[str, Any], int, int]:
    """What is known of a source, how many reports it has and how many of them failed."""
    failed = sum(entry["state"] == "failed" for entry in store.reports.values())
    return store.manifest.get("source", {}), len(store.reports), failed


def shelves(out: Path) -> str:
    """The page that lists every source with reports in a folder."""
    names = sorted(path.parent.name for path in out.glob("[!.]*/index.html"))
    sources = [(name, *_counted(Store(out / name))) for name in names]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return (
        environment.get_template("shelves.html.j2").render(sources=sources, frame=page.frame())
        + "\n"
    )
