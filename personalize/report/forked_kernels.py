"""Forked kernels: one process imports the libraries once, and every kernel is a copy of it.

Most of a notebook's start is imports. Here a nursery process imports them and waits; a kernel is
then a fork of it,
ready in a tenth of a second, with the same results (a test compares the bytes). Linux only;
everywhere else, and
wherever anything goes wrong, an ordinary kernel starts. Set PERSONALIZE_COLD=1 to have only those.
All of it stands
behind `Kernels.command`, the command that starts a kernel: what follows it runs in the nursery and
in its copies.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

COLD = (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}")
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
NURSERY = "from personalize.report import forked_kernels; forked_kernels.serve({})"
# What `show` does when it is imported in a kernel; here it was imported before there was one.
RESULTS = "get_ipython().run_line_magic('load_ext', 'personalize.show')"
IMPORTS = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "IPython.core.completer",
    "duckdb",
    "pyarrow.parquet",
    "pandas",
    "personalize.sources",
    "personalize.compiled",
)


class Kernels:
    """What starts kernels: copies of a warm process once that is started, ordinary ones otherwise;
    a context.

    Parameters
    ----------
    warm : whether kernels may be copies, where that is possible
    """

    def __init__(self, warm: bool) -> None:
        possible = sys.platform == "linux" and not os.environ.get("PERSONALIZE_COLD")
        self._wanted, self._lock = warm and possible, threading.Lock()
        self._open, self._address = ExitStack(), ""

    @property
    def command(self) -> list[str]:
        """The command that starts a kernel, with {connection_file} to be filled in."""
        if not self._address:
            return list(COLD)
        return [sys.executable, "-S", "-E", __file__, self._address, "{connection_file}"]

    def start(self) -> None:
        """Start the nursery where it is wanted and not there yet; it warms up while the caller goes
        on.
        """
        with self._lock:
            if self._wanted and not self._address:
                self._address = self._open.enter_context(_nursery())

    def __enter__(self) -> "Kernels":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._wanted = False
        self._open.close()


@contextmanager
def _nursery() -> Iterator[str]:
    """A nursery process for as long as the block runs; yields the socket at which kernels are asked
    for.
    """
    with tempfile.TemporaryDirectory(prefix="pz-") as folder:
        address = f"{folder}/n"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen(64)
            process = subprocess.Popen(
                [sys.executable, "-c", NURSERY.format(listening.fileno())],
                env={**os.environ, **SAME_EVERYWHERE},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )
        try:
            yield address
        finally:
            if process.stdin:
                process.stdin.close()  # the nursery ends when nobody holds the other end
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
            process.kill()
            process.wait()


def serve(listening_at: int) -> None:
    """Import everything, then fork a kernel for whoever asks at that socket, until the driver is
    gone.
    """
    listening = socket.socket(fileno=listening_at)
    gc.disable()  # nothing that an import makes is garbage
    import personalize

    topics = map("personalize.{}".format, {*personalize.__all__} - {"load", "report"})
    for name in (*IMPORTS, *sorted(topics)):
        with suppress(Exception):  # what fails here fails in the notebook, where it is told
            importlib.import_module(name)
    with suppress(Exception):
        _know_all_types()
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


def _know_all_types() -> None:
    """Let numba learn all types and functions, which it does when the first compiled loop is
    loaded.
    """
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


def _threads() -> list[str]:
    """The names of other threads but that of jemalloc, which takes care of forks by itself."""
    names = []
    for task in os.listdir("/proc/self/task")[1:]:
        name = Path(f"/proc/self/task/{task}/comm").read_text().strip()
        if not name.startswith("jemalloc"):
            names.append(name)
    return names


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

    file, lines = wanted["connection_file"], f"--IPKernelApp.exec_lines={RESULTS}"
    sys.argv = ["ipykernel_launcher", "-f", file, lines]
    launch_new_instance()
    os._exit(0)


def _end_with(asking: socket.socket) -> None:
    asking.recv(1)
    os._exit(0)


def stand_in(address: str, connection_file: str) -> None:
    """Ask for a kernel and live as long as it or the process that wants it does; become a cold one
    if there is none.

    Runs as a script without site packages: `python -S -E forked_kernels.py SOCKET CONNECTION_FILE`.
    """
    parent, nursery = os.getppid(), socket.socket(socket.AF_UNIX)
    wanted = {"connection_file": connection_file, "cwd": os.getcwd(), "env": dict(os.environ)}
    try:
        nursery.connect(address)
        nursery.sendall((json.dumps(wanted) + "\n").encode())
        started = nursery.recv(1)
    except OSError:
        started = b""
    if not started:
        os.execv(sys.executable, [*COLD[:-1], connection_file])
    while os.getppid() == parent:
        if select.select([nursery], [], [], 1)[0]:
            return  # the kernel ended


if __name__ == "__main__":
    stand_in(*sys.argv[1:3])
