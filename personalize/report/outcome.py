"""What a run left behind, notebook by notebook."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """One notebook of a run.

    Attributes
    ----------
    name : the notebook
    state : "done", "unchanged" or "failed"
    seconds : wall time of its run; 0 where it did not run
    reason : why it ran
    error : where it failed and why; empty where it did not
    """

    name: str
    state: str
    seconds: float = 0.0
    reason: str = ""
    error: str = ""


@dataclass(frozen=True)
class RunResult:
    """A run: its outcomes, the folder of the reports, and for `verify` the files that differ."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    differences: tuple[str, ...] = field(default=())

    @property
    def status(self) -> int:
        """Exit status: 0 where all went well, 1 where a notebook failed or a file differs."""
        return int(bool(self.differences) or any(o.state == "failed" for o in self.outcomes))

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    def table(self) -> pd.DataFrame:
        """One row a notebook: notebook, state, seconds, reason, error."""
        rows = [(o.name, o.state, round(o.seconds, 1), o.reason, o.error) for o in self.outcomes]
        return pd.DataFrame(rows, columns=["notebook", "state", "seconds", "reason", "error"])
