"""One notebook run in a kernel of its own, under an environment that is the same everywhere."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.execute import ERROR_MARKER_TAG

from personalize.report.normalise import INJECTED, normalised, plain, without_folder
from personalize.report.warm import CLIENT, SAME_EVERYWHERE

CHECKOUT = Path(__file__).parents[2]
LONGEST_CELL, LONGEST_START = 1800, 120  # seconds


@dataclass(frozen=True)
class Failure:
    """Where and why a notebook stopped: code cell (counted from 1), its line (0: unknown), that line, the error."""

    cell: int
    line: int
    code: str
    error: str

    def __str__(self) -> str:
        place = f"cell {self.cell}" + (f", line {self.line}" if self.line else "")
        return f"in {place}:\n    {self.code}\n  {self.error}"


class Turn:
    """A notebook's turn to compute: its kernel may start before, so that no time is lost between two notebooks.

    Parameters
    ----------
    places : as many as notebooks may compute at a time
    begun : called when it is this one's turn
    """

    def __init__(self, places: threading.Semaphore, begun: Callable[[], Any]) -> None:
        self._places, self._begun, self._mine, self._over = places, begun, False, False

    def take(self, **_: Any) -> None:
        """Wait for the turn; DeadKernelError where it has been ended meanwhile."""
        self._places.acquire()
        if self._over:
            self._places.release()
            raise DeadKernelError("stopped before its turn")
        self._mine = True
        self._begun()

    def end(self) -> None:
        """Let another one compute."""
        self._over = True
        if self._mine:
            self._mine = False
            self._places.release()


async def execute(
    path: Path,
    values: dict[str, Any],
    *,
    cwd: Path,
    tables: Path | None = None,
    nursery: Path | None = None,
    turn: Turn | None = None,
) -> tuple[NotebookNode, Failure | None]:
    """The notebook, executed by papermill and normalised, and where it failed, if it did; what follows is cut off.

    Parameters
    ----------
    path : the notebook
    values : parameters that differ from their defaults
    cwd : working folder of the kernel, against which a relative source path is read
    tables : folder for the tables that `show.export` writes; None to write none
    nursery : socket of a nursery of warm kernels (see `warm`); None to start cold
    turn : to wait for when the kernel is ready, ended when the last cell is done; None not to wait
    """
    turn = turn or Turn(threading.Semaphore(), lambda: None)
    with tempfile.TemporaryDirectory(prefix="pz-") as scratch:
        env = {k: v for k, v in os.environ.items() if k != "PERSONALIZE_TABLES"} | SAME_EVERYWHERE
        env |= {"IPYTHONDIR": scratch} | ({"PERSONALIZE_TABLES": str(tables)} if tables else {})
        manager = _manager(Path(scratch), nursery, cwd=cwd, env=env, turn=turn)
        try:
            work = partial(
                _papermill, path, values, Path(scratch) / "executed.ipynb", manager, turn
            )
            nb = await asyncio.get_running_loop().run_in_executor(
                None, Context().run, _with_own_loop, work
            )
        except asyncio.CancelledError:
            manager.kill()
            raise
        finally:
            turn.end()
    failure = _failure(nb)
    without_folder(nb, str(values.get("source", "")))
    return normalised(nb), failure


def _with_own_loop(work: Callable[[], NotebookNode]) -> NotebookNode:
    """The result of papermill's synchronous work, whose event loop belongs to this thread and ends with it."""
    try:
        return work()
    finally:
        ensure_event_loop().close()
        asyncio.set_event_loop(None)


def _papermill(
    path: Path, values: dict[str, Any], out: Path, manager: type[AsyncKernelManager], turn: Turn
) -> NotebookNode:
    """The executed notebook, whole or up to the cell that failed."""
    papermill.engines.papermill_engines.register(_Engine.__name__, _Engine)
    try:
        return papermill.execute_notebook(
            nbformat.read(path, as_version=4),
            str(out),
            values,
            engine_name=_Engine.__name__,
            progress_bar=False,
            request_save_on_cell_execute=False,
            start_timeout=LONGEST_START,
            execution_timeout=LONGEST_CELL,
            iopub_timeout=LONGEST_START,
            kernel_manager_class=manager,
            on_notebook_start=turn.take,
            record_timing=False,
            store_widget_state=False,
            shutdown_kernel="immediate",
        )
    except papermill.PapermillExecutionError:
        nb = nbformat.read(out, as_version=4)
        nb.cells = [c for c in nb.cells if ERROR_MARKER_TAG not in c.metadata.get("tags", [])]
        return nb


class _Engine(papermill.engines.NBClientEngine):
    """papermill's own engine, which also keeps the notebook when a cell takes too long or the kernel dies."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, **settings: Any
    ) -> NotebookNode:
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **settings)
        except CellTimeoutError:
            said = ("Timeout", f"the cell ran for more than {LONGEST_CELL:,} seconds")
        except DeadKernelError:
            said = (
                "Kernel died",
                "the process ended without an error: most often it ran out of memory",
            )
        running = [
            c
            for c in nb_man.nb.cells
            if c.cell_type == "code" and c.metadata.papermill.status != "pending"
        ]
        running[-1].outputs.append(
            nbformat.v4.new_output("error", ename=said[0], evalue=said[1], traceback=[])
        )
        return nb_man.nb


def _manager(
    scratch: Path, nursery: Path | None, *, cwd: Path, env: dict[str, str], turn: Turn
) -> type[AsyncKernelManager]:
    """A manager that starts this very Python, and talks to it through files where the system can."""
    cold = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    warm = [sys.executable, "-S", "-E", str(CLIENT), str(nursery), "{connection_file}"]
    spec = KernelSpec(argv=warm if nursery else cold, display_name="Python 3", language="python")
    started: list[AsyncKernelManager] = []

    class Manager(AsyncKernelManager):
        def __init__(self, **kwargs: Any) -> None:
            transport = "tcp" if sys.platform == "win32" else "ipc"
            super().__init__(
                **{**kwargs, "connection_file": str(scratch / "k.json"), "transport": transport}
            )
            self._kernel_spec = spec
            started.append(self)

        async def start_kernel(self, **kwargs: Any) -> None:
            """Start the kernel in its folder and environment."""
            await super().start_kernel(**kwargs, cwd=str(cwd), env=env, stderr=subprocess.DEVNULL)

        async def shutdown_kernel(self, **kwargs: Any) -> None:
            """End the kernel; the next notebook need not wait for that."""
            turn.end()
            await super().shutdown_kernel(**kwargs)

        @staticmethod
        def kill() -> None:
            """End the kernel at once; its notebook then stops."""
            for manager in started:
                if manager.provisioner and manager.provisioner.process:
                    manager.provisioner.process.kill()

    return Manager


def _failure(nb: NotebookNode) -> Failure | None:
    """What failed, in the notebook's own terms; the error output is cut to it, later cells are dropped."""
    own = [
        c for c in nb.cells if c.cell_type == "code" and INJECTED not in c.metadata.get("tags", [])
    ]
    failed = next(
        (cell for cell in own if any(o.output_type == "error" for o in cell.outputs)), None
    )
    if failed is None:
        return None
    error = next(o for o in failed.outputs if o.output_type == "error")
    lines = [
        int(n)
        for n in re.findall(r"Cell In\s*\[\d+\], line (\d+)", plain("\n".join(error.traceback)))
    ]
    source = failed.source.splitlines() or [""]
    line = lines[-1] if lines and lines[-1] <= len(source) else 0
    code = source[line - 1].strip() if line else source[0].strip()
    message = error.evalue.replace(f"{CHECKOUT}{os.sep}", "")
    text = f"{error.ename}: {message}".strip().rstrip(":")
    error.update(evalue=message, traceback=[f"line {line}: {code}", text])
    del nb.cells[nb.cells.index(failed) + 1 :]
    return Failure(own.index(failed) + 1, line, code, text)
