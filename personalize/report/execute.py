"""One notebook run in a kernel of its own, under an environment that is the same everywhere."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from personalize.report.normalise import INJECTED, inject, normalised, plain, without_folder
from personalize.report.warm import CLIENT

CHECKOUT = Path(__file__).parents[2]
LONGEST_CELL, LONGEST_START = 1800, 120  # seconds
SAME_EVERYWHERE = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "SOURCE_DATE_EPOCH": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


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


async def execute(
    path: Path, values: dict[str, Any], *, cwd: Path, tables: Path | None = None, nursery: Path | None = None
) -> tuple[NotebookNode, Failure | None]:
    """The notebook, executed and normalised, and where it failed, if it did; what comes after a failure is cut off.

    Parameters
    ----------
    path : the notebook
    values : parameters that differ from their defaults
    cwd : working folder of the kernel, against which a relative source path is read
    tables : folder for the tables that `show.export` writes; None to write none
    nursery : socket of a nursery of warm kernels (see `warm`); None to start cold
    """
    nb = nbformat.read(path, as_version=4)
    inject(nb, values)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="pz-") as scratch:
        env = {"IPYTHONDIR": scratch} | ({"PERSONALIZE_TABLES": str(tables)} if tables else {})
        failure = await _run(nb, _manager(Path(scratch), nursery), cwd=cwd, env=env)
    without_folder(nb, str(values.get("source", "")))
    return normalised(nb), failure


async def _run(
    nb: NotebookNode, manager: type[AsyncKernelManager], *, cwd: Path, env: dict[str, str]
) -> Failure | None:
    env = {k: v for k, v in os.environ.items() if k != "PERSONALIZE_TABLES"} | SAME_EVERYWHERE | env
    client = NotebookClient(
        nb,
        kernel_manager_class=manager,
        timeout=LONGEST_CELL,
        startup_timeout=LONGEST_START,
        record_timing=False,
        store_widget_state=False,
        shutdown_kernel="immediate",
    )
    try:
        await client.async_execute(cwd=str(cwd), env=env, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        return _failure(nb, error.ename, error.evalue, plain(error.traceback))
    except CellTimeoutError:
        return _failure(nb, "Timeout", f"the cell ran for more than {LONGEST_CELL:,} seconds", "")
    except DeadKernelError:
        return _failure(nb, "Kernel died", "the process ended without an error: most often it ran out of memory", "")
    return None


def _manager(scratch: Path, nursery: Path | None) -> type[AsyncKernelManager]:
    """A manager that starts this very Python, and talks to it through files where the system can."""
    cold = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    warm = [sys.executable, "-S", "-E", str(CLIENT), str(nursery), "{connection_file}"]
    spec = KernelSpec(argv=warm if nursery else cold, display_name="Python 3", language="python")

    class Manager(AsyncKernelManager):
        def __init__(self, **kwargs: Any) -> None:
            transport = "tcp" if sys.platform == "win32" else "ipc"
            super().__init__(**{**kwargs, "connection_file": str(scratch / "k.json"), "transport": transport})
            self._kernel_spec = spec

    return Manager


def _failure(nb: NotebookNode, name: str, message: str, traceback: str) -> Failure:
    """What failed, in the notebook's own terms; the error output is cut to it, later cells are dropped."""
    own = [c for c in nb.cells if c.cell_type == "code" and INJECTED not in c.metadata.get("tags", [])]
    ran = [cell for cell in own if cell.execution_count is not None or cell.outputs]
    failed = next((cell for cell in own if any(o.output_type == "error" for o in cell.outputs)), None)
    failed = failed or (own[len(ran)] if len(ran) < len(own) else own[-1])
    lines = [int(n) for n in re.findall(r"Cell In\s*\[\d+\], line (\d+)", traceback)]
    source = failed.source.splitlines() or [""]
    line = lines[-1] if lines and lines[-1] <= len(source) else 0
    code = source[line - 1].strip() if line else source[0].strip()
    message = message.replace(f"{CHECKOUT}{os.sep}", "")
    text = f"{name}: {message}".strip().rstrip(":")
    failed.outputs = [o for o in failed.outputs if o.output_type != "error"]
    failed.outputs.append(
        nbformat.v4.new_output("error", ename=name, evalue=message, traceback=[f"line {line}: {code}", text])
    )
    del nb.cells[nb.cells.index(failed) + 1 :]
    return Failure(own.index(failed) + 1, line, code, text)
