"""The cost of size: convert, clean, RFM, statistics and cohorts of an order log, by stage, beside three peers.

    python benchmarks/scale/wall.py [--lines 1e6,1e7,5e7] [--runs N]

Ours is `sources.prepare` and the functions the notebooks call, on Parquet written by `personalize simulate`. The peers
(programs beside this one) compute the same numbers straight from the Parquet: the best SQL for DuckDB that we could
write by hand, polars, and pandas up to ten million lines. All print the same result, or the line says so. DuckDB has
1 GB in both. CPU seconds and peak memory are those of the whole process beyond imports; the exponent is the slope of
log CPU over log lines. Last, ours again with 300 MB.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent
BENCH = HERE.parents[1] / ".bench"
sys.path.insert(0, str(HERE.parents[1]))
STAGES = ("convert", "rfm", "statistics", "cohorts", "total")
NEEDS = ("duckdb", "polars", "pandas", "pyarrow")
PANDAS = 10_000_000  # lines beyond which pandas needs more memory than most have


def main() -> int:
    """Run every program at every size and print a line each."""
    parser = argparse.ArgumentParser(
        description="Time the kit from a million to fifty million order lines."
    )
    parser.add_argument("--lines", default="1e6,1e7,5e7", help="sizes (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=1, help="runs of each; the median counts (default: %(default)s)"
    )
    given = parser.parse_args()
    BENCH.mkdir(exist_ok=True)
    sizes = [int(float(text)) for text in given.lines.split(",")]
    _say(
        f"{'scale':<10}{'program':<16}"
        + "".join(f"{stage:>12}" for stage in STAGES)
        + f"{'MB':>8}  of ours"
    )
    ours = [_at(lines, given.runs) for lines in sizes]
    for (one, other), (few, many) in zip(pairwise(sizes), pairwise(ours), strict=True):
        growth = math.log(other / one)
        slopes = [math.log(many[stage] / few[stage]) / growth for stage in STAGES]
        _say(
            f"{'exponent':<10}{f'{one:.0e}-{other:.0e}':<16}"
            + "".join(f"{slope:>12.2f}" for slope in slopes)
        )
    return 0


def _at(lines: int, runs: int) -> dict[str, float]:
    source = _log(lines)
    ours = [_run("ours_stages", source, "1GB") for _ in range(runs)]
    _line(lines, "ours", ours, ours)
    for peer in ("duckdb", "polars", "pandas"):
        if lines <= PANDAS or peer != "pandas":
            _line(lines, peer, [_run(f"by_hand_{peer}", source, "1GB") for _ in range(runs)], ours)
    _line(lines, "ours, 300 MB", [_run("ours_stages", source, "300MB")], ours)
    return {stage: statistics.median(run["cpu"][stage] for run in ours) for stage in STAGES}


def _log(lines: int) -> Path:
    from personalize.simulate import large

    folder = BENCH / "scale" / str(lines)
    return folder / "shop.yml" if folder.exists() else large(folder, lines=lines)


def _peers() -> Path:
    """The python of the peers' environment, with what this case needs."""
    python = BENCH / "bin" / "python"
    if not python.exists():
        venv.create(BENCH, with_pip=True)
    if subprocess.run(
        [python, "-c", f"import {', '.join(NEEDS)}"], capture_output=True, check=False
    ).returncode:
        _say("installing duckdb, polars, pandas and pyarrow into .bench")
        subprocess.run([python, "-m", "pip", "install", "-q", *NEEDS], check=True)
    return python


def _run(program: str, source: Path, memory: str) -> dict:
    python = _peers() if program.startswith("by_hand") else sys.executable
    with tempfile.TemporaryDirectory(dir=BENCH) as cache:
        settings = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(HERE.parents[1]),
            "PERSONALIZE_CACHE": cache,
        }
        command = [python, str(HERE / f"{program}.py"), str(source), memory]
        done = subprocess.run(command, capture_output=True, text=True, env=settings, check=False)
    if done.returncode:
        raise SystemExit(f"{program} on {source}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _line(lines: int, name: str, runs: list[dict], ours: list[dict]) -> None:
    found = {
        stage: statistics.median(run["cpu"][stage] for run in runs) for stage in runs[0]["cpu"]
    }
    peak = max(run["mb"] for run in runs)
    ratio = statistics.median(mine["cpu"]["total"] for mine in ours) / found["total"]
    differ = "" if all(run["result"] == ours[0]["result"] for run in runs) else "  RESULTS DIFFER"
    numbers = "".join(
        f"{found[stage]:>12.2f}" if stage in found else f"{'':>12}" for stage in STAGES
    )
    _say(f"{lines:<10.0e}{name:<16}{numbers}{peak:>8.0f}{ratio:>9.2f}{differ}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
