"""A real Spark cluster on this machine, from the pip package alone: a master, two workers and a Connect server.

    python tests/spark/cluster.py [--memory 1g] COMMAND ...

runs the command with PERSONALIZE_SPARK set to the server's address, and stops everything when it ends. The package has
no start-master.sh and start-worker.sh; `bin/spark-class` starts the same programs. All listen on loopback only.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass
class Cluster:
    """A running cluster: where clients connect, how long it took, and its processes by name."""

    address: str
    seconds: float = 0.0
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)


@contextmanager
def cluster(folder: Path, *, memory: str = "1g", workers: int = 2) -> Iterator[Cluster]:
    """Start a cluster whose programs write their logs into the folder; stop it at the end.

    Parameters
    ----------
    folder : for logs and work files
    memory : of each executor and of the Connect server
    workers : number of workers, one core each
    """
    began = time.monotonic()
    master, connect = _free_port(), _free_port()
    home = _home()
    settings = {
        "spark.connect.grpc.binding.port": connect, "spark.connect.grpc.binding.address": LOOPBACK,
        "spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK, "spark.ui.enabled": "false",
        "spark.driver.memory": memory, "spark.executor.memory": memory, "spark.sql.shuffle.partitions": 16,
        "spark.local.dir": folder / "local", "spark.sql.warehouse.dir": folder / "warehouse",
    }  # fmt: skip
    pairs = [text for key, value in settings.items() for text in ("--conf", f"{key}={value}")]
    spark = f"spark://{LOOPBACK}:{master}"
    deploy = [home / "bin" / "spark-class", "org.apache.spark.deploy"]
    programs = {"master": [deploy[0], f"{deploy[1]}.master.Master", "--host", LOOPBACK, "--port", master,
                           "--webui-port", 0]}  # fmt: skip
    for k in range(workers):
        programs[f"worker-{k}"] = [deploy[0], f"{deploy[1]}.worker.Worker", "-h", LOOPBACK, "-c", 1, "-m", memory,
                                   "--webui-port", 0, "-d", folder / f"work-{k}", spark]  # fmt: skip
    programs["connect"] = [home / "bin" / "spark-submit", "--master", spark, *pairs, "--class",
                           "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]  # fmt: skip
    found = Cluster(f"sc://{LOOPBACK}:{connect}")
    with ExitStack() as stack:
        for name, command in programs.items():
            own = memory if name == "connect" else "256m"
            found.processes[name] = stack.enter_context(
                _running(command, folder / f"{name}.log", home=home, memory=own)
            )
            if name == "master":
                _await(master, found.processes[name], folder / f"{name}.log")
        _await(connect, found.processes["connect"], folder / "connect.log")
        found.seconds = time.monotonic() - began
        yield found


def _home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


@contextmanager
def _running(command: list, log: Path, *, home: Path, memory: str) -> Iterator[subprocess.Popen]:
    settings = {
        **{key: value for key, value in os.environ.items() if key != "SPARK_CONF_DIR"},  # that of small tests
        "SPARK_HOME": str(home), "SPARK_LOCAL_IP": LOOPBACK, "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": memory, "SPARK_LOCAL_DIRS": str(log.parent / "local"),
        "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",  # of master and workers: a light start
    }  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=out, stderr=out, env=settings, cwd=log.parent
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(port: int, process: subprocess.Popen, log: Path, seconds: int = 240) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{log.stem} did not start; the end of its log:\n{log.read_text()[-2000:]}")


def main() -> int:
    """Run a command beside a cluster."""
    parser = argparse.ArgumentParser(
        description="Run a command beside a Spark cluster on loopback."
    )
    parser.add_argument(
        "--memory", default="1g", help="of each of the three (default: %(default)s)"
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="what to run; it finds PERSONALIZE_SPARK"
    )
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="spark-") as name,
        cluster(Path(name), memory=given.memory) as found,
    ):
        sys.stdout.write(
            f"master, two workers and Connect server at {found.address} after {found.seconds:.1f} s\n"
        )
        sys.stdout.flush()
        began = time.monotonic()
        done = subprocess.run(
            given.command, env={**os.environ, "PERSONALIZE_SPARK": found.address}, check=False
        )
        sys.stdout.write(f"done in {time.monotonic() - began:.1f} s\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
