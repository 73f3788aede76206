"""Small tables, and every chart form drawn from them."""

import numpy as np
import pandas as pd

from personalize import plots

TABLE = pd.DataFrame(
    {
        "name": ["a", "b", "c"],
        "value": [3.0, -1.0, 2.0],
        "low": [2.0, -2.0, 1.0],
        "high": [4.0, 0.5, 3.0],
    }
)
SERIES = pd.DataFrame(
    {
        "day": pd.date_range("2017-01-01", periods=30).repeat(2),
        "who": ["old", "new"] * 30,
        "y": np.arange(60.0),
    }
)
PAIRS = pd.DataFrame(
    {"first": list("xyp"), "second": list("yzq"), "n": [3, 2, 1], "lift": [2.0, 3.0, 9.0]}
)
CHARTS = {
    "bars": lambda: plots.bars(
        TABLE, x="value", y="name", low="low", high="high", xlabel="gain, USD"
    ),
    "lines": lambda: plots.lines(
        SERIES, x="day", y="y", by="who", xlabel="day", ylabel="sales, USD"
    ),
    "histogram": lambda: plots.histogram(SERIES, x="y", log=True, xlabel="amount, USD"),
    "scatter": lambda: plots.scatter(
        TABLE, x="low", y="high", size="value", color="name", label="name"
    ),
    "heatmap": lambda: plots.heatmap(TABLE.set_index("name"), diverging=True),
    "intervals": lambda: plots.intervals(
        TABLE, label="name", estimate="value", low="low", high="high", reference=0
    ),
    "agreement": lambda: plots.agreement(TABLE, x="low", y="value", low="low", high="high"),
    "network": lambda: plots.network(
        PAIRS, source="first", target="second", width="n", color="lift", title="Pairs"
    ),
}
LONG = pd.DataFrame(
    {"name": [f"{word} " * 9 for word in ("SOFT", "台历", "a")], "value": [1.0, 12_345.6, 7.0]}
)
WORDY = {
    "names": lambda: plots.bars(LONG, x="value", y="name", fmt="{:,.2f}", title="Long names " * 4),
    "columns": lambda: plots.heatmap(
        pd.DataFrame(np.eye(12), columns=[f"PRODUCT GROUP {i}" for i in range(12)])
    ),
    "ends": lambda: plots.lines(
        SERIES.assign(who="a rather long " + SERIES.who), x="day", y="y", by="who"
    ),
    "scale": lambda: plots.scatter(TABLE, x="low", y="high", color="value", label="name"),
}
