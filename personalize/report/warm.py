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
from contextlib import contextmanager, suppress
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
IMPORTS = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.completer",
    "duckdb", "pyarrow.parquet", "pandas", "personalize.sources",
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


@contextmanager
def nursery_if(wanted: bool) -> Iterator[Path | None]:
    """A nursery where one is wanted and possible, else None; it warms up while the caller goes on."""
    if not (wanted and possible()):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pz-") as folder, nursery(Path(folder), SAME_EVERYWHERE) as address:
        yield address


def serve(listening: socket.socket) -> None:
    """Import everything, then fork a kernel for whoever asks, until the driver is gone."""
    for name in (*IMPORTS, *_topics()):
        with suppress(Exception):  # what cannot be imported here fails in the notebook, where it is told
            importlib.import_module(name)
    if _threads():
        return  # a copy of a process with threads is not safe: kernels start cold
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        asking, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _become_kernel(asking)
        asking.close()


def _threads() -> list[str]:
    """The names of other threads, but for the one of jemalloc, which takes care of forks by itself."""
    names = [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")[1:]]
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

    sys.argv = ["ipykernel_launcher", "-f", wanted["connection_file"]]
    launch_new_instance()
    os._exit(0)


def _end_with(asking: socket.socket) -> None:
    asking.recv(1)
    os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
