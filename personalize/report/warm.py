"""Warm kernels: one process imports the libraries once, and every kernel is a copy of it.

Most of a notebook's start is imports. Here a nursery process imports them and waits; a kernel is then a fork of it,
ready in a tenth of a second, with the same results (a test compares the bytes). Linux only; everywhere else, and
wherever anything goes wrong, `warm_client` starts an ordinary kernel. Set PERSONALIZE_COLD=1 to have only those.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

CLIENT = Path(__file__).with_name("warm_client.py")
SAME_EVERYWHERE = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "SOURCE_DATE_EPOCH": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
RESULTS = "get_ipython().run_line_magic('load_ext', 'personalize.show')"  # imported before there was an IPython
IMPORTS = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "IPython.core.completer",
    "duckdb", "pyarrow.parquet", "pandas", "personalize.sources", "personalize.compiled",
)  # fmt: skip


def possible() -> bool:
    """Whether kernels can be copies: on Linux, unless PERSONALIZE_COLD is set."""
    return sys.platform == "linux" and not os.environ.get("PERSONALIZE_COLD")


@contextmanager
def nursery(folder: Path, env: Mapping[str, str]) -> Iterator[Path]:
    """A nursery process for as long as the block runs; yields the socket at which kernels are asked for."""
    address = folder / "n"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(address))
    listening.listen(64)
    command = [sys.executable, "-m", "personalize.report.warm", str(listening.fileno())]
    process = subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[listening.fileno()],
        start_new_session=True,
    )
    listening.close()
    try:
        yield address
    finally:
        process.stdin.close()  # the nursery ends when nobody holds the other end
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.kill()
        process.wait()


class Nursery:
    """A nursery that is started when it is known to be needed, from whichever thread; a context that ends it.

    Parameters
    ----------
    wanted : whether there may be one; where it is impossible there is none

    Attributes
    ----------
    address : socket at which kernels are asked for; None before `start` and where there is no nursery
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._open, self._lock = wanted and possible(), ExitStack(), threading.Lock()
        self.address: Path | None = None

    def start(self) -> None:
        """Start it where it is wanted and not there yet; it warms up while the caller goes on."""
        with self._lock:
            if self._wanted and self.address is None:
                folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="pz-")))
                self.address = self._open.enter_context(nursery(folder, SAME_EVERYWHERE))

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._wanted = False
        self._open.close()


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Imports in the block find a module missing, unless it was loaded before."""
    known = module in sys.modules
    sys.modules.setdefault(module, None)
    try:
        yield
    finally:
        if not known:
            del sys.modules[module]


def serve(listening: socket.socket) -> None:
    """Import everything, then fork a kernel for whoever asks, until the driver is gone."""
    gc.disable()  # nothing that an import makes is garbage
    for name in (*IMPORTS, *_topics()):
        with suppress(
            Exception
        ):  # what cannot be imported here fails in the notebook, where it is told
            importlib.import_module(name)
    with suppress(Exception):
        _ready_to_load()
    if _threads():
        return  # a copy of a process with threads is not safe: kernels start cold
    gc.collect()
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)  # without taking down every library by itself
        asking, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _become_kernel(asking)
        asking.close()


def _ready_to_load() -> None:
    """Let numba learn all types and functions it knows, which it does when the first compiled loop is loaded."""
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


def _threads() -> list[str]:
    """The names of other threads, but for the one of jemalloc, which takes care of forks by itself."""
    names = [
        Path(f"/proc/self/task/{task}/comm").read_text().strip()
        for task in os.listdir("/proc/self/task")[1:]
    ]
    return [name for name in names if not name.startswith("jemalloc")]


def _topics() -> list[str]:
    """The modules of this package that notebooks import."""
    import personalize

    return [f"personalize.{name}" for name in personalize.__all__ if name not in ("load", "report")]


def _become_kernel(asking: socket.socket) -> None:
    """Turn this copy into the kernel that was asked for; it ends when the other side does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    wanted: dict[str, Any] = json.loads(asking.makefile().readline())
    os.environ.clear()
    os.environ.update({**wanted["env"], "JPY_PARENT_PID": str(os.getppid())})
    time.tzset()
    os.chdir(wanted["cwd"])
    del sys.path[0]  # the folder this module was started in
    asking.sendall(b"+")
    threading.Thread(target=_end_with, args=(asking,), daemon=True).start()
    from ipykernel.kernelapp import launch_new_instance

    sys.argv = [
        "ipykernel_launcher",
        "-f",
        wanted["connection_file"],
        f"--IPKernelApp.exec_lines={RESULTS}",
    ]
    launch_new_instance()
    os._exit(0)


def _end_with(asking: socket.socket) -> None:
    asking.recv(1)
    os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
