"""Notebooks 00 and 01 against ydata-profiling on the same order lines: CPU seconds and peak memory.

    python benchmarks/profile/wall.py [--runs N]

The peer does not install beside pandas 3, so it has an environment of its own (.bench/profile, made at the first run).
Both read the data, compute, and write what a reader sees; imports do not count, peak memory is of the whole process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEER = HERE.parents[1] / ".bench" / "profile"
SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}


def main() -> int:
    """Run the programs in turn and print one line for each peer."""
    parser = argparse.ArgumentParser(
        description="Time notebooks 00 and 01 against ydata-profiling."
    )
    parser.add_argument("--runs", type=int, default=1, help="runs of each (default: %(default)s)")
    given = parser.parse_args()
    peer = _peer()
    sys.stdout.write(
        f"{'case':<28}{'ours CPU s':>12}{'MB':>7}{'peer CPU s':>12}{'MB':>7}{'peer/ours':>11}  peer\n"
    )
    for kind in ("minimal", "full"):
        pairs = [
            (_run(sys.executable, "notebooks.py"), _run(peer, "ydata.py", kind))
            for _ in range(given.runs)
        ]
        ours, theirs = (
            {k: statistics.median(p[i][k] for p in pairs) for k in ("cpu", "mb")} for i in (0, 1)
        )
        numbers = (
            ours["cpu"],
            ours["mb"],
            theirs["cpu"],
            theirs["mb"],
            theirs["cpu"] / ours["cpu"],
        )
        line = "{:>12.2f}{:>7.0f}{:>12.2f}{:>7.0f}{:>11.1f}".format(*numbers)
        sys.stdout.write(f"{'profile, notebooks 00 + 01':<28}{line}  ydata-profiling, {kind}\n")
        sys.stdout.flush()
    return 0


def _peer() -> Path:
    """The python of the peer's environment, made where it is missing."""
    python = PEER / "bin" / "python"
    if not python.exists():
        sys.stdout.write("installing ydata-profiling into .bench/profile\n")
        venv.create(PEER, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True
        )
    return python


def _run(python: str | Path, program: str, *arguments: str) -> dict:
    """What one program says of itself, in a fresh process."""
    settings = {**os.environ, **SETTINGS, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(
        [python, HERE / program, *arguments], capture_output=True, text=True, env=settings
    )
    if done.returncode:
        raise SystemExit(f"{program} {' '.join(arguments)} failed\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
