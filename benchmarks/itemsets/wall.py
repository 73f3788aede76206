"""Mining on every setting of real baskets at hand, against both miners of PyFIM: CPU seconds of the call.

    python benchmarks/itemsets/wall.py [--runs N]

Timed is the call after loading, in a warm process, on both sides from the raw ids: ours from a table of order lines to
a table of itemsets with closed and maximal marks, theirs from lists of items to tuples with counts. The ratio is to the
better of the two. The last lines are whole processes for one setting, with their peak memory: imports, reading, one
call. Ours reads an Arrow file whose products are categories.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".bench" / "bin" / "python"
PROGRAMS = {
    "ours": [sys.executable, HERE / "settings_ours.py"],
    "eclat": [PEERS, HERE / "settings_pyfim.py", "eclat"],
    "fpgrowth": [PEERS, HERE / "settings_pyfim.py", "fpgrowth"],
}
WHOLE = {
    "ours, file to sets": [sys.executable, HERE / "whole_ours.py", "sets"],
    "ours, file to rules": [sys.executable, HERE / "whole_ours.py", "rules"],
    "eclat, file to sets": [PEERS, HERE / "peer_pyfim_eclat.py"],
}


def main() -> int:
    """Take turns, print a line a setting."""
    parser = argparse.ArgumentParser(
        description="Mine all settings with our miner and with PyFIM's."
    )
    parser.add_argument(
        "--runs", type=int, default=3, help="turns of each program (default: %(default)s)"
    )
    given = parser.parse_args()
    turns = [
        {name: _settings(command) for name, command in PROGRAMS.items()} for _ in range(given.runs)
    ]
    sys.stdout.write(
        f"{'itemsets':<20}{'sets':>9}{'ours CPU s':>12}{'eclat':>9}{'fpgrowth':>10}{'ours/better':>13}\n"
    )
    for place, first in enumerate(turns[0]["ours"]):
        sys.stdout.write(
            _line(first, [{name: lines[place] for name, lines in turn.items()} for turn in turns])
        )
    sys.stdout.write(f"{'whole process, types 156':<29}{'CPU s':>12}{'peak MB':>9}\n")
    for name, command in WHOLE.items():
        cpu, peak = map(
            statistics.median, zip(*(_whole(command) for _ in range(given.runs)), strict=True)
        )
        sys.stdout.write(f"{name:<29}{cpu:>12.2f}{peak:>9.0f}\n")
    return 0


def _line(first: dict, turns: list[dict]) -> str:
    cpu = {name: statistics.median(turn[name]["cpu"] for turn in turns) for name in PROGRAMS}
    ratio = statistics.median(
        turn["ours"]["cpu"] / min(turn["eclat"]["cpu"], turn["fpgrowth"]["cpu"]) for turn in turns
    )
    differ = (
        ""
        if len({turn[name]["result"] for turn in turns for name in PROGRAMS}) == 1
        else "  RESULTS DIFFER"
    )
    times = f"{cpu['ours']:>12.4f}{cpu['eclat']:>9.4f}{cpu['fpgrowth']:>10.4f}{ratio:>13.2f}"
    return f"{first['baskets'] + ' ' + str(first['min_count']):<20}{first['result']:>9,}{times}{differ}\n"


def _settings(command: list) -> list[dict]:
    return [json.loads(line) for line in _run(command).splitlines()]


def _whole(command: list) -> tuple[float, float]:
    """CPU seconds of a whole process, and the peak of its memory in MB as it tells it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(_run(command))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, told["mb"]


def _run(command: list) -> str:
    settings = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent),
    }
    return subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout


if __name__ == "__main__":
    sys.exit(main())
