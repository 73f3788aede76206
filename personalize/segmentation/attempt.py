"""Parts of a report that a small or short source cannot support: said in one line instead of stopping the report."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from personalize.tables import TableError


@dataclass(frozen=True)
class Refused:
    """A result that could not be had: false, empty, and wherever it is read it says why."""

    reason: str

    def __len__(self) -> int:
        return 0

    def table(self, **_: Any) -> pd.DataFrame:
        """One row: the reason."""
        return pd.DataFrame({"not shown": [self.reason]})

    def reading(self, **_: Any) -> str:
        """The reason as a sentence."""
        return f"Not shown: {self.reason}."

    groupings = table

    @property
    def verdict(self) -> str:
        """What can be said of a question that was not answered."""
        return "not judged, for the data do not allow it"


def attempt(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `make(*args, **kwargs)` returns, or a `Refused` where the data do not allow it.

    Only a TableError counts as a refusal; any other error is raised.

    Examples
    --------
    >>> from personalize.segmentation import compare_auc
    >>> attempt(compare_auc, [True], {"a": [1]}, baseline="a").reading()
    'Not shown: it happened to 1 of 1 customers: nothing to tell apart.'
    """
    try:
        return make(*args, **kwargs)
    except TableError as refusal:
        return Refused(str(refusal).rstrip("."))


def attempt_table(make: Callable[..., pd.DataFrame], *args: Any, **kwargs: Any) -> pd.DataFrame:
    """The table that `make` returns, or a table of one row that says why there is none.

    Examples
    --------
    >>> from personalize.segmentation import segment_map
    >>> attempt_table(segment_map, "none.csv").columns.tolist()
    ['not shown']
    """
    found = attempt(make, *args, **kwargs)
    return found.table() if isinstance(found, Refused) else found
