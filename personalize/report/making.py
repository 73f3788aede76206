"""Notebooks executed beside each other, each result checked, rendered and put in place as soon as it is there."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode

from personalize.report import keys, page
from personalize.report.execute import Failure, Turn, execute
from personalize.report.masking import masked
from personalize.report.outcome import Outcome
from personalize.report.parameters import Notebook
from personalize.report.store import today

if TYPE_CHECKING:
    from personalize.report.runner import Run


class Maker:
    """Makes reports for a run.

    Parameters
    ----------
    run : what is asked
    scratch : folder for half-made reports
    reasons : why each notebook runs
    previous : headline numbers to compare with, by notebook; None for those of the report that is replaced
    nursery : socket of a nursery of warm kernels; None for cold ones
    """

    def __init__(
        self,
        run: "Run",
        scratch: Path,
        reasons: Mapping[str, str],
        *,
        previous: Mapping[str, Any] | None,
        nursery: Path | None,
    ) -> None:
        self.run, self.scratch, self.reasons = run, scratch, reasons
        self.previous, self.nursery, self.home = previous, nursery, Path.cwd()
        self.total = 0
        self.begun = 0
        self.finished = 0

    async def all(self, due: list[Notebook], jobs: int) -> list[Outcome]:
        """One outcome a notebook, in the order given, which is that of their start; `jobs` compute at a time.

        When so many compute, the kernel of the next one makes ready beside them.
        """
        self.total, loop = len(due), asyncio.get_running_loop()
        kernels, places = asyncio.Semaphore(jobs), threading.Semaphore(jobs)

        def computes() -> None:
            self.begun += 1
            if self.begun >= jobs:
                kernels.release()

        async def one(notebook: Notebook) -> Outcome:
            await kernels.acquire()
            return await self._one(notebook, places, lambda: loop.call_soon_threadsafe(computes))

        return list(await asyncio.gather(*map(one, due)))

    async def _one(
        self, notebook: Notebook, places: threading.Semaphore, computes: Callable[[], Any]
    ) -> Outcome:
        name, made, began = notebook.name, self.scratch / notebook.name, time.monotonic()
        tables = made / "tables"
        tables.mkdir(parents=True)

        def begun() -> None:
            nonlocal began
            began = time.monotonic()
            self.run._tell(f"{name}: running ({self.reasons[name]})")
            computes()

        given, turn = self.run.changed(notebook), Turn(places, begun)
        nb, failure = await execute(
            notebook.path, given, cwd=self.home, tables=tables, nursery=self.nursery, turn=turn
        )
        failure = failure or self._taken(name, tables)
        if failure:
            failure = masked(nb, failure, self.run.source)
        await asyncio.to_thread(self._files, notebook, nb, made, failure)
        seconds = time.monotonic() - began
        self.run.store.publish(name, made, self._entry(notebook, nb, failure, seconds))
        self.finished += 1
        state = "failed" if failure else "done"
        self.run._tell(f"{name}: {state} in {seconds:.1f} s [{self.finished} of {self.total}]")
        return Outcome(name, state, seconds, self.reasons[name], str(failure or ""))

    def _taken(self, name: str, tables: Path) -> Failure | None:
        """A failure where a table has the name of another report's table."""
        for file in sorted(tables.glob("*.csv")):
            if owner := self.run.store.owner(f"tables/{file.name}", name):
                return Failure(
                    0,
                    0,
                    f"show.export(..., {file.stem!r})",
                    f"table {file.stem!r} belongs to {owner}",
                )
        return None

    def _files(
        self, notebook: Notebook, nb: NotebookNode, made: Path, failure: Failure | None
    ) -> None:
        """Page and notebook beside the tables; a failed notebook leaves no tables."""
        for table in (made / "tables").iterdir() if failure else ():
            table.unlink()
        run = self.run
        around = page.Page(
            notebook=notebook,
            values={**run.values[notebook.name], **_named(run.source, notebook)},
            source=run.card(),
            versions=keys.libraries(),
            fingerprint=run.prepared.fingerprint,
            others=[(f"{n.name}.html", n.title) for n in run.known],
            failure=failure,
            again=f"personalize report {Path(run.source).name} --only {notebook.name.split('_')[0]}",
            changed=frozenset(run.changed(notebook)),
        )
        (made / f"{notebook.name}.html").write_text(page.render(nb, around), encoding="utf-8")
        text = nbformat.writes(nb, version=nbformat.NO_CONVERT)
        (made / f"{notebook.name}.ipynb").write_text(text + "\n", encoding="utf-8")

    def _entry(
        self, notebook: Notebook, nb: NotebookNode, failure: Failure | None, seconds: float
    ) -> dict[str, Any]:
        name = notebook.name
        numbers = [] if failure else page.facts(nb)["headlines"]
        old = self.run.store.reports.get(name, {})
        before = (
            self.previous.get(name, []) if self.previous is not None else old.get("headlines", [])
        )
        return {
            "state": "failed" if failure else "done",
            "error": str(failure or ""),
            "key": self.run.key(notebook),
            "changed": self.run.changed(notebook)
            | _named(self.run.source, notebook, only_changed=True),
            "headlines": numbers,
            "previous": before,
            "reason": self.reasons[name],
            "seconds": round(seconds, 2),
            "finished": today(),
        }


def _named(source: str, notebook: Notebook, only_changed: bool = False) -> dict[str, str]:
    """The source parameter as pages show it: without the folders of an absolute path."""
    parameter = notebook.parameters.get("source")
    if parameter is None or (only_changed and parameter.default == source):
        return {}
    return {"source": Path(source).name if Path(source).is_absolute() else source}
