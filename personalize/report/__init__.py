"""Run the notebooks on a source and leave its reports: pages, notebooks, tables, an index and a manifest.

Every parameter is checked before a kernel starts; what is unchanged is not run again, and the reason is said for what
is; a notebook that fails does not stop the others. Nothing but `manifest.json` differs between two runs.

    from personalize import report
    report.run("complete_journey", parameters={"theta": 1.5}, progress=print).status
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.report.outcome import Outcome, RunResult
from personalize.report.parameters import Notebook, Parameter, notebooks

__all__ = [
    "Notebook",
    "Outcome",
    "Parameter",
    "RunResult",
    "notebooks",
    "parameter_table",
    "run",
    "verify",
]
CHECKOUT = Path(__file__).parents[2]


def run(
    source: str | Path,
    *,
    only: str | Iterable[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    jobs: int = 2,
    out: str | Path | None = None,
    force: bool = False,
    progress: Callable[[str], Any] | None = None,
    notebooks: str | Path | None = None,
) -> RunResult:
    """The reports of a source, made where something they depend on has changed.

    Parameters
    ----------
    source : name of a built-in source, or path of a source file (relative to the working folder)
    only : notebooks to run, by number or name, as a list or as text ("03,05"); default: all
    parameters : name -> value for every notebook that has the parameter; a mapping under a notebook's name, or
        "03_association_rules.theta", for one; they come after those of the source file
    jobs : notebooks that run at a time, 1 or more
    out : folder of the reports; default: reports/ of the checkout. The pages go to <out>/<name of the source>/
    force : run also what is unchanged
    progress : called with one line of text for each event
    notebooks : folder of the notebooks; default: notebooks/ of the checkout

    Returns
    -------
    RunResult : status 0, or 1 where a notebook failed; one outcome a notebook; the folder

    Raises
    ------
    TableError : every problem of the source and the parameters in one message; nothing has been run or written.
    """
    from personalize.report.runner import Run

    given = Run(
        source=str(source),
        only=only,
        parameters=parameters or {},
        notebooks=Path(notebooks or CHECKOUT / "notebooks"),
        out=Path(out or CHECKOUT / "reports"),
        say=progress or (lambda line: None),
    )
    return given.make(jobs=jobs, force=force)


def parameter_table(folder: str | Path | None = None) -> pd.DataFrame:
    """Every parameter of the notebooks with its type, default, range and meaning.

    Parameters
    ----------
    folder : folder of the notebooks; default: notebooks/ of the checkout

    Returns
    -------
    DataFrame : one row a parameter: parameter, type, default, range (empty: any), meaning, notebooks (their numbers)
    """
    from personalize.report.listing import table

    return table(notebooks(Path(folder or CHECKOUT / "notebooks")))


def verify(
    source: str | Path,
    *,
    only: str | Iterable[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    jobs: int = 2,
    out: str | Path | None = None,
    progress: Callable[[str], Any] | None = None,
    notebooks: str | Path | None = None,
) -> RunResult:
    """Proof that the reports are reproducible: made again in another folder, every byte compared.

    Parameters are those of `run`. The reports in `out` are brought up to date first; then all are run again in a
    temporary folder. Compared are pages, notebooks and tables (CSV and Parquet); manifest.json holds run times and is
    not.

    Returns
    -------
    RunResult : status 0 where every byte agrees, else 1; `differences` names the files that do not
    """
    from personalize.report.verifying import compare

    given = {"only": only, "parameters": parameters, "jobs": jobs, "notebooks": notebooks}
    return compare(
        source, given, Path(out or CHECKOUT / "reports"), progress or (lambda line: None)
    )
