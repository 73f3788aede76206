"""One notebook run in a kernel of its own, and kept without anything that differs from run to run.

The environment is the same everywhere; clocks, random ids and machine paths are taken out of what
is kept.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
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

from personalize.report.forked_kernels import COLD, SAME_EVERYWHERE

PACKAGE = Path(__file__).parents[1]
INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LONGEST_CELL, LONGEST_START = 1800, 120  # seconds
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """Where and why a notebook stopped: code cell (counted from 1), its line (0: unknown), that
    line, the error.
    """

    cell: int
    line: int
    code: str
    error: str

    def __str__(self) -> str:
        line = f", line {self.line}" * bool(self.line)
        return f"in cell {self.cell}{line}:\n    {self.code}\n  {self.error}"


class Turn:
    """A notebook's turn to compute: its kernel may start before, so that no time is lost between
    two notebooks.

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
    kernel: Sequence[str] = COLD,
    turn: Turn | None = None,
) -> tuple[NotebookNode, Failure | None]:
    """The notebook, executed by papermill and normalised, and where it failed, if it did; what
    follows is cut off.

    Parameters
    ----------
    path : the notebook
    values : parameters that differ from their defaults
    cwd : working folder of the kernel, against which a relative source path is read
    tables : folder for the tables that `show.export` writes; None to write none
    kernel : command that starts a kernel, see `forked_kernels`; default: an ordinary one
    turn : to wait for when the kernel is ready, ended when the last cell is done; None not to wait
    """
    turn = turn or Turn(threading.Semaphore(), lambda: None)
    with tempfile.TemporaryDirectory(prefix="pz-") as scratch:
        env = {**os.environ, **SAME_EVERYWHERE, "IPYTHONDIR": scratch}
        env.pop("PERSONALIZE_TABLES", None)
        env.pop("PERSONALIZE_LAB_TABLES", None)
        if tables:
            env["PERSONALIZE_TABLES"] = str(tables)
        started: list[Any] = []
        manager = _manager(kernel, started, cwd=cwd, env=env, turn=turn)
        work = partial(_papermill, path, values, Path(scratch) / "executed.ipynb", manager, turn)
        try:
            nb = await asyncio.get_running_loop().run_in_executor(
                None, Context().run, _with_own_loop, work
            )
        except asyncio.CancelledError:
            _kill(started)
            raise
        finally:
            turn.end()
    failure = _failure(nb)
    _without_folder(nb, str(values.get("source", "")))
    return normalised(nb), failure


def _with_own_loop(work: Callable[[], NotebookNode]) -> NotebookNode:
    """The result of papermill's synchronous work, whose event loop belongs to this thread and ends
    with it.
    """
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
    given = nbformat.read(path, as_version=4)
    # A notebook that a program wrote may name no kernel; papermill alone would refuse it.
    given.metadata.setdefault("kernelspec", NotebookNode(KERNEL))
    try:
        return papermill.execute_notebook(
            given,
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
    """papermill's own engine, which also keeps the notebook when a cell takes too long or the
    kernel dies.
    """

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, **settings: Any
    ) -> NotebookNode:
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **settings)
        except CellTimeoutError:
            said = ("Timeout", f"the cell ran for more than {LONGEST_CELL:,} seconds")
        except DeadKernelError:
            text = "the process ended without an error: most often it ran out of memory"
            said = ("Kernel died", text)
        begun = []
        for cell in nb_man.nb.cells:
            if cell.cell_type == "code" and cell.metadata.papermill.status != "pending":
                begun.append(cell)
        begun[-1].outputs.append(
            nbformat.v4.new_output("error", ename=said[0], evalue=said[1], traceback=[])
        )
        return nb_man.nb


def _manager(
    kernel: Sequence[str], started: list[Any], *, cwd: Path, env: dict[str, str], turn: Turn
) -> type[AsyncKernelManager]:
    """A manager that starts a kernel by that command, notes itself, and talks through files where
    the system can.
    """
    spec = KernelSpec(argv=list(kernel), display_name="Python 3", language="python")

    class Manager(AsyncKernelManager):
        def __init__(self, **kwargs: Any) -> None:
            kwargs["transport"] = "tcp" if sys.platform == "win32" else "ipc"
            kwargs["connection_file"] = f"{env['IPYTHONDIR']}/k.json"
            super().__init__(**kwargs)
            self._kernel_spec = spec
            started.append(self)

        async def start_kernel(self, **kwargs: Any) -> None:  # type: ignore[override]
            await super().start_kernel(**kwargs, cwd=str(cwd), env=env, stderr=subprocess.DEVNULL)

        async def shutdown_kernel(self, **kwargs: Any) -> None:  # type: ignore[override]
            turn.end()  # the next notebook need not wait for that
            await super().shutdown_kernel(**kwargs)

    return Manager


def _kill(started: Sequence[Any]) -> None:
    """End the kernels at once; their notebooks then stop."""
    for manager in started:
        if manager.provisioner and manager.provisioner.process:
            manager.provisioner.process.kill()


def _failure(nb: NotebookNode) -> Failure | None:
    """What failed, in the notebook's own terms; the error output is cut to it, later cells are
    dropped.
    """
    own = [cell for cell in nb.cells if cell.cell_type == "code" and not is_injected(cell)]
    for number, cell in enumerate(own, 1):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors:
            del nb.cells[nb.cells.index(cell) + 1 :]
            return _told(number, cell.source, errors[0])
    return None


def _told(number: int, source: str, error: NotebookNode) -> Failure:
    """A failure as its notebook shows it; the error output then says no more than that."""
    trace = _ANSI.sub("", "\n".join(error.traceback))
    at = [int(n) for n in re.findall(r"Cell In\s*\[\d+\], line (\d+)", trace)]
    lines = source.splitlines() or [""]
    line = at[-1] if at and at[-1] <= len(lines) else 0
    code = lines[max(line - 1, 0)].strip()
    message = error.evalue.replace(f"{PACKAGE.parent}{os.sep}", "")
    text = f"{error.ename}: {message}".strip().rstrip(":")
    error.update(evalue=message, traceback=[f"line {line}: {code}", text])
    return Failure(number, line, code, text)


def is_injected(cell: NotebookNode) -> bool:
    """Whether papermill added the cell, to hold parameters."""
    return INJECTED in cell.metadata.get("tags", [])


def normalised(nb: NotebookNode) -> NotebookNode:
    """The notebook with plain metadata, cell ids c000, c001, ... and execution counts 1, 2, ... (in
    place).
    """
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNEL),
        language_info={"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    )
    count = 0
    for i, cell in enumerate(nb.cells):
        cell.id = f"c{i:03d}"
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode()
        if tags:
            cell.metadata.tags = tags
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            output.pop("transient", None)
            if output.output_type == "execute_result":
                output.execution_count = count
    return nb


def _without_folder(nb: NotebookNode, source: str) -> None:
    """Write the source's file name where the injected cell holds its absolute path."""
    if Path(source).is_absolute():
        for cell in nb.cells:
            if is_injected(cell):
                cell.source = cell.source.replace(source, Path(source).name)


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Pieces of a stream that follow each other become one: how they were cut depends on time."""
    joined: list[NotebookNode] = []
    for output in outputs:
        name = output.get("name")  # which only a stream has
        if name and joined and joined[-1].get("name") == name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined
