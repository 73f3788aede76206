"""Every parameter of the notebooks in one table: `python -m personalize.report.listing` writes it in Markdown."""

import sys
from collections.abc import Iterable

import pandas as pd

from personalize.report import CHECKOUT
from personalize.report.parameters import Notebook, notebooks
from personalize.report.ranges import Range, is_day, meaning


def table(known: Iterable[Notebook]) -> pd.DataFrame:
    """Every parameter once: parameter, type, default, range, meaning, notebooks (their numbers).

    A parameter that notebooks give another default, range or meaning has a row for each; the source has none.
    """
    rows: dict[tuple[str, ...], list[str]] = {}
    for notebook in known:
        for p in (p for p in notebook.parameters.values() if p.name != "source"):
            allowed = "a day of the data" if is_day(p.name) else str(Range.of(p.help))
            row = (p.name, p.kind, repr(p.default), allowed, meaning(p.help))
            rows.setdefault(row, []).append(notebook.name.split("_")[0])
    columns = ["parameter", "type", "default", "range", "meaning", "notebooks"]
    frame = pd.DataFrame([(*row, " ".join(where)) for row, where in rows.items()], columns=columns)
    return frame.sort_values("parameter", kind="stable", ignore_index=True)


def markdown(frame: pd.DataFrame) -> str:
    """The table of parameters in Markdown."""
    lines = [f"| {' | '.join(frame.columns)} |", "|" + "---|" * len(frame.columns)]
    for name, kind, default, allowed, text, where in frame.astype(str).itertuples(index=False):
        said = "empty" if default == "''" else f"`{default}`"
        lines.append(f"| `{name}` | {kind} | {said} | {allowed or 'any'} | {text} | {where} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown(table(notebooks(CHECKOUT / "notebooks"))))
