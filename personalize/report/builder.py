"""Notebooks executed beside each other, each result checked, rendered and put in place as soon as
it is there.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from personalize.report import fingerprint, page
from personalize.report.execution import Failure, Turn, execute
from personalize.report.forked_kernels import Kernels
from personalize.report.notebook import Notebook
from personalize.report.plan import Plan
from personalize.report.redaction import masked


class Builder:
    """Makes reports for a run.

    Parameters
    ----------
    plan : what is asked
    reasons : why each notebook runs
    scratch : folder for half-made reports
    tell : called with one line for each event

    Attributes
    ----------
    kernels : what starts them
    previous : headline numbers to compare with, by notebook; None for those of the report that is
        replaced
    """

    def __init__(
        self,
        plan: Plan,
        reasons: Mapping[str, str],
        *,
        scratch: Path,
        tell: Callable[[str], Any],
    ) -> None:
        self.plan, self.reasons, self.scratch, self.tell = plan, reasons, scratch, tell
        self.kernels = Kernels(False)
        self.previous: Mapping[str, Any] | None = None
        self.home, self.total, self.begun, self.finished = Path.cwd(), 0, 0, 0

    async def all(self, due: list[Notebook], jobs: int) -> None:
        """Make the reports, started in the order given; `jobs` of them compute at a time.

        When so many compute, the kernel of the next one makes ready beside them.
        """
        self.total, loop = len(due), asyncio.get_running_loop()
        kernels, places = asyncio.Semaphore(jobs), threading.Semaphore(jobs)

        def computes() -> None:
            self.begun += 1
            if self.begun >= jobs:
                kernels.release()

        async def one(notebook: Notebook) -> None:
            await kernels.acquire()
            await self._one(notebook, places, lambda: loop.call_soon_threadsafe(computes))

        await asyncio.gather(*map(one, due))

    async def _one(
        self, notebook: Notebook, places: threading.Semaphore, computes: Callable[[], Any]
    ) -> None:
        name, made, began = notebook.name, self.scratch / notebook.name, time.monotonic()
        tables = made / "tables"
        tables.mkdir(parents=True)

        def begun() -> None:
            nonlocal began
            began = time.monotonic()
            self.tell(f"{name}: running ({self.reasons[name]})")
            computes()

        nb, failure = await execute(
            notebook.path,
            self.plan.changed(notebook),
            cwd=self.home,
            tables=tables,
            kernel=self.kernels.command,
            turn=Turn(places, begun),
        )
        failure = failure or self._taken(name, tables)
        if failure:
            failure = masked(nb, failure, self.plan.place)
        await asyncio.to_thread(self._files, notebook, nb, made, failure)
        seconds = time.monotonic() - began
        self.plan.store.publish(name, made, self._entry(notebook, nb, failure, seconds))
        self.finished += 1
        state = "failed" if failure else "done"
        self.tell(f"{name}: {state} in {seconds:.1f} s [{self.finished} of {self.total}]")

    def _taken(self, name: str, tables: Path) -> Failure | None:
        """A failure where a table has the name of another report's table."""
        for file in sorted(tables.glob("*.csv")):
            if owner := self.plan.store.owner(f"tables/{file.name}", name):
                code = f"show.export(..., {file.stem!r})"
                return Failure(0, 0, code, f"table {file.stem!r} belongs to {owner}")
        return None

    def _files(
        self, notebook: Notebook, nb: NotebookNode, made: Path, failure: Failure | None
    ) -> None:
        """Page and notebook beside the tables; a failed notebook leaves no tables."""
        for table in (made / "tables").iterdir():
            if failure:
                table.unlink()
        plan = self.plan
        values = dict(plan.values[notebook.name])
        if "source" in values:
            values["source"] = plan.shown_source()
        around = page.Page(
            notebook=notebook,
            values=values,
            source=plan.card(),
            versions=fingerprint.libraries(),
            fingerprint=plan.data,
            others=[(f"{n.name}.html", n.title) for n in plan.known],
            failure=failure,
            again=f"personalize report {Path(plan.place).name} --only {notebook.number}",
            changed=frozenset(plan.changed(notebook)),
        )
        (made / f"{notebook.name}.html").write_text(page.render(nb, around), encoding="utf-8")
        text = nbformat.writes(nb, version=nbformat.NO_CONVERT)
        (made / f"{notebook.name}.ipynb").write_text(text + "\n", encoding="utf-8")

    def _entry(
        self, notebook: Notebook, nb: NotebookNode, failure: Failure | None, seconds: float
    ) -> dict[str, Any]:
        """What the manifest says of a report."""
        plan, name = self.plan, notebook.name
        changed = plan.changed(notebook)
        if "source" in changed:
            changed["source"] = plan.shown_source()
        replaced = plan.store.reports.get(name, {}).get("headlines", [])
        before = replaced if self.previous is None else self.previous.get(name, [])
        return {
            "state": "failed" if failure else "done",
            "error": str(failure or ""),
            "key": plan.key(notebook),
            "changed": changed,
            "headlines": [] if failure else page.facts(nb)["headlines"],
            "previous": before,
            "reason": self.reasons[name],
            "seconds": round(seconds, 2),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
