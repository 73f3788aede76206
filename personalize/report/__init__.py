"""Run the notebooks on a source and leave its reports: pages, notebooks, tables, an index and a
manifest.

Every parameter is checked before a kernel starts; what is unchanged is not run again, and the
reason is said for what
is; a notebook that fails does not stop the others. Nothing but `manifest.json` differs between two
runs.

    from personalize import report
    report.run("complete_journey", parameters={"theta": 1.5}, progress=print).status
"""

from personalize.parameters import Parameter
from personalize.report.notebook import Notebook, notebooks, parameter_table
from personalize.report.plan import Plan
from personalize.report.runner import Outcome, RunResult, reading, run, verify

__all__ = [
    "Notebook",
    "Outcome",
    "Parameter",
    "Plan",
    "RunResult",
    "notebooks",
    "parameter_table",
    "reading",
    "run",
    "verify",
]
