import importlib.util
from pathlib import Path

import clock
import pandas as pd
from lifetimes import BetaGeoFitter

data = Path(importlib.util.find_spec("lifetimes").submodule_search_locations[0], "datasets/cdnow_customers_summary.csv")
t = pd.read_csv(data)
clock.report(
    lambda: BetaGeoFitter().fit(t.frequency, t.recency, t["T"]), lambda m: [round(float(m.params_[p]), 2) for p in "ra"]
)
