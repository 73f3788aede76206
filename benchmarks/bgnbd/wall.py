"""BG/NBD on one million customers against pymc-marketing's MAP: CPU seconds of the fit, its compilation left out.

pymc-marketing needs Python 3.12 or newer and half a gigabyte, so it has an environment of its own (.bench/pymc).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OWN = HERE.parents[1] / ".bench" / "pymc"
NEEDS = "pymc-marketing==1.3.0"


def main() -> int:
    """Run both in turn and print one line, or one line that says why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    peer = _peer()
    if isinstance(peer, str):
        sys.stdout.write(f"bgnbd against pymc-marketing: not run, {peer}\n")
        return 0
    pairs = [
        (_run(sys.executable, "ours.py"), _run(peer, "map_pymc_marketing.py")) for _ in range(runs)
    ]
    ours, theirs = (statistics.median(pair[i]["cpu"] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(a["cpu"] / b["cpu"] for a, b in pairs)
    differ = "" if all(a["result"] == b["result"] for a, b in pairs) else "  RESULTS DIFFER"
    sys.stdout.write(
        f"{'bgnbd':<28}{ours:>12.3f}{'':>7}{theirs:>12.3f}{'':>7}{ratio:>11.2f}  "
        f"pymc_marketing MAP, compilation left out{differ}\n"
    )
    return 0


def _python(name: str) -> str | None:
    """The path of a Python that can be started; version managers put some there that cannot."""
    found = shutil.which(name)
    return (
        found
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0
        else None
    )


def _peer() -> Path | str:
    """The python of the peer's environment, made where it is missing; or why there is none."""
    python = OWN / "bin" / "python"
    if python.exists():
        return python
    base = next((found for minor in (12, 13, 14) if (found := _python(f"python3.{minor}"))), None)
    if base is None:
        return "no Python 3.12 or newer on the path"
    steps = ([base, "-m", "venv", OWN], [python, "-m", "pip", "install", "-q", NEEDS])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(OWN, ignore_errors=True)
            return f"{NEEDS} cannot be installed: {done.stderr.strip().splitlines()[-1:]}"
    return python


def _run(python: str | Path, program: str) -> dict:
    settings = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent),
    }
    done = subprocess.run(
        [python, HERE / program], capture_output=True, text=True, check=True, env=settings
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
