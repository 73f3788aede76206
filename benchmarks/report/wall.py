"""Wall time of all reports, this kit's runner against `make -j2` over papermill and nbconvert, in one environment.

    python benchmarks/report/wall.py [--runs N] [--warm]

Ours is `personalize report complete_journey --force` into an empty folder: every notebook, its page, its tables, the
index. The peer is `peer.mk`: the same notebooks and tables, two at a time. Taken in turns. Each starts from an empty
data cache, so that each converts the raw files by itself: ours once, before the first notebook, the peer in whichever
notebooks come first; with --warm both find the data prepared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT)}


def main() -> int:
    """Take the times and print one line."""
    parser = argparse.ArgumentParser(
        description="Time the reports against papermill and nbconvert under make."
    )
    parser.add_argument("--runs", type=int, default=1, help="runs of each (default: %(default)s)")
    parser.add_argument("--warm", action="store_true", help="prepare the data before")
    given = parser.parse_args()
    pairs = [(_seconds(_ours, given.warm), _seconds(_peer, given.warm)) for _ in range(given.runs)]
    ours, peer = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(b / a for a, b in pairs)
    sys.stdout.write(
        f"{'report':<28}{'ours wall s':>12}{'peer wall s':>19}{'peer/ours':>19}  make -j2\n"
    )
    sys.stdout.write(f"{'complete_journey':<28}{ours:>12.1f}{peer:>19.1f}{ratio:>19.2f}\n")
    return 0


def _ours(folder: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "personalize",
        "report",
        "complete_journey",
        "--force",
        "--out",
        str(folder),
    ]


def _peer(folder: Path) -> list[str]:
    names = [f"PYTHON={sys.executable}", f"FROM={CHECKOUT / 'notebooks'}"]
    return ["make", "-j2", "-C", str(folder), "-f", str(HERE / "peer.mk"), *names]


def _seconds(command, warm: bool) -> float:
    """Wall seconds of a command in an empty folder; it must leave a page for every notebook."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as cache:
        folder = Path(name)
        settings = {
            **os.environ,
            **SETTINGS,
            "PERSONALIZE_TABLES": str(folder / "tables"),
            "PERSONALIZE_CACHE": cache,
        }
        if warm:
            check = [sys.executable, "-m", "personalize", "check", "complete_journey"]
            subprocess.run(check, check=True, capture_output=True, env=settings)
        began = time.monotonic()
        done = subprocess.run(
            command(folder), capture_output=True, text=True, env=settings, cwd=CHECKOUT
        )
        taken = time.monotonic() - began
        pages = {path.stem for path in folder.rglob("*.html")}
        missing = [p.stem for p in (CHECKOUT / "notebooks").glob("*.ipynb") if p.stem not in pages]
        if done.returncode or missing:
            raise SystemExit(
                f"{' '.join(command(folder))}\nno page of {missing}\n{done.stdout}{done.stderr}"
            )
    return taken


if __name__ == "__main__":
    sys.exit(main())
