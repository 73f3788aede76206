"""Stands for a warm kernel: asks the nursery for one and lives as long as it does; starts a cold one if it gets none.

Run as a script, without site packages: `python -S -E warm_client.py SOCKET CONNECTION_FILE`.
"""

import json
import os
import select
import socket
import sys


def main(address: str, connection_file: str) -> None:
    """Ask for a kernel, then wait for its end or for that of the process that started this one."""
    parent, nursery = os.getppid(), socket.socket(socket.AF_UNIX)
    wanted = {"connection_file": connection_file, "cwd": os.getcwd(), "env": dict(os.environ)}
    try:
        nursery.connect(address)
        nursery.sendall((json.dumps(wanted) + "\n").encode())
        started = nursery.recv(1)
    except OSError:
        started = b""
    if not started:
        os.execv(
            sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", connection_file]
        )
    while os.getppid() == parent:
        if select.select([nursery], [], [], 1)[0]:
            return  # the kernel ended


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
