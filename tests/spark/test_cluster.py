"""A real cluster: answers equal those of DuckDB, and what breaks is told and mended by running again.

These take minutes, so they run where PERSONALIZE_CLUSTER is set: `make cluster`.
"""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import personalize as pz
from personalize.simulate import large
from personalize.tables import TableError

if not os.environ.get("PERSONALIZE_CLUSTER"):
    pytest.skip("a cluster takes minutes: make cluster", allow_module_level=True)

from cluster import cluster

LINES = int(float(os.environ["PERSONALIZE_CLUSTER"]))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("spark")) as found:
        yield found


@pytest.fixture
def source(tmp_path, tmp_path_factory, monkeypatch):
    """A function that writes the source file of a large shop for an engine."""
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path_factory.getbasetemp() / "shop"
    made = folder / "shop.yml" if folder.exists() else large(folder, lines=LINES)

    def write(engine):
        path = folder / f"{tmp_path.name[-20:]}.yml"
        path.write_text(f"{made.read_text()}engine: {engine}\n")
        return path

    return write


def spark(running, tmp_path):
    return f"{{name: '{running.address}', folder: '{tmp_path / 'rows'}'}}"


def in_the_middle(folder, act):
    """A started thread that acts once the first rows of a conversion are written into the folder."""

    def wait():
        while not list(folder.rglob("*.parquet")):
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def executors():
    """The processes that do a cluster's work."""
    listed = subprocess.run(
        ["pgrep", "-f", "CoarseGrainedExecutorBackend"], capture_output=True, text=True, check=False
    )
    mine = [int(text) for text in listed.stdout.split()]
    return [pid for pid in mine if _grandparent(pid) == os.getpid()]


def _grandparent(pid):
    return _parent(_parent(pid))


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def same(one, other):
    for ask in (
        lambda t: pz.features.rfm(t, as_of=t.end),
        lambda t: pz.statistics.months(t).counts,
    ):
        pd.testing.assert_frame_equal(ask(one), ask(other), check_dtype=False, rtol=1e-9)
    pd.testing.assert_frame_equal(one.log, other.log)


def test_a_worker_killed_in_the_middle_of_a_job_costs_time_not_answers(running, source, tmp_path):
    killed = []

    def kill():
        killed.extend(executors()[:1])
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    killer = in_the_middle(tmp_path / "rows", kill)
    far = pz.load(source(spark(running, tmp_path)))
    killer.join()
    assert len(killed) == 1
    same(pz.load(source("duckdb")), far)
    far.engine.close()


def test_a_server_that_dies_in_a_conversion_is_told_and_a_rerun_completes(
    running, source, tmp_path
):
    (tmp_path / "spark").mkdir()
    died = []
    with cluster(tmp_path / "spark", workers=1) as short:

        def kill():
            short.processes["connect"].kill()
            died.append(time.monotonic())

        killer = in_the_middle(tmp_path / "rows", kill)
        with pytest.raises(TableError, match="Spark at sc://127.0.0.1.* lost.* run again"):
            pz.load(source(spark(short, tmp_path)))
        assert time.monotonic() - died[0] < 60
        killer.join()
    assert not list((tmp_path / "cache").glob("*.json"))
    far = pz.load(source(spark(running, tmp_path)))
    same(pz.load(source("duckdb")), far)
    far.engine.close()
