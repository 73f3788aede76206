"""What the columns of the kit's tables mean, and how they are best shown.

The entries stand in `personalize/columns/*.csv`, one file a topic, with five columns:

- `column`: its name. `X_low` and `X_high`, the ends of the interval of X, need no entry.
- `unit`: "%" for shares (0.25 is shown as 25.0), "money" for the currency of the shop, else as
  shown.
- `digits`: decimals; empty for as many as matter.
- `meaning`: what it holds, a few words.
- `table`: name of the exported table for which this holds; empty for every table.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

ENDS = {"_low": "lower end of its interval", "_high": "upper end of its interval"}


@dataclass(frozen=True)
class Meaning:
    """What a column holds: unit ("%" for shares, "money" for the currency), decimals, words."""

    unit: str
    digits: int | None
    text: str


UNKNOWN = Meaning("", None, "")


def meaning(column: str, *, table: str = "") -> Meaning:
    """What a column means; `UNKNOWN` for one that has no entry.

    Parameters
    ----------
    column : name of the column
    table : name of an exported table, whose own entries come first

    Examples
    --------
    >>> meaning("customer_id").text
    'the customer'
    >>> meaning("no_such_column") == UNKNOWN
    True
    """
    known = _entries()
    for key in [(table, column), ("", column)]:
        if key in known:
            return known[key]
    for ending, words in ENDS.items():
        stem = column.removesuffix(ending)
        if stem != column and meaning(stem, table=table) != UNKNOWN:
            return replace(meaning(stem, table=table), text=words)
    return UNKNOWN


@cache
def _entries() -> Mapping[tuple[str, str], Meaning]:
    """Table (or "") and column -> meaning, from all files."""
    entries: dict[tuple[str, str], Meaning] = {}
    folder = files("personalize").joinpath("columns")
    for file in sorted(folder.iterdir(), key=str):
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
            digits = int(row["digits"]) if row["digits"] else None
            entries[row["table"], row["column"]] = Meaning(row["unit"], digits, row["meaning"])
    return entries
