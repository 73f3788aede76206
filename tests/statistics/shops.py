"""Small shops that the tests of this topic describe."""

import pandas as pd

import personalize as pz

DAY0 = pd.Timestamp("2024-01-01")  # a Monday
COLUMNS = ["customer_id", "order_id", "product_id", "time", "quantity", "amount"]
SEVEN = [
    (1, 10, 5, DAY0 + pd.Timedelta(hours=9), 2, 4.0),
    (1, 10, 6, DAY0 + pd.Timedelta(hours=9), 1, 6.0),
    (1, 11, 5, DAY0 + pd.Timedelta(days=3, hours=17), 1, 2.0),
    (1, 12, 5, DAY0 + pd.Timedelta(days=40, hours=17), -1, -2.0),  # a return: money, no visit
    (2, 13, 7, DAY0 + pd.Timedelta(days=35, hours=17), 30_000, 60.0),  # not pieces: 0.002 a unit
    (2, 13, 6, DAY0 + pd.Timedelta(days=35, hours=17), 0, 0.0),
    (None, 14, 6, DAY0 + pd.Timedelta(days=41, hours=8), 1, 5.0),
]


def shop(rows: list[tuple], **more: pd.DataFrame) -> pz.tables.Tables:
    """A shop with these order lines, and more tables."""
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return pz.load({"orders": frame.astype({"customer_id": "Int64"}), **more})


def spenders(spend: list[float], **more: pd.DataFrame) -> pz.tables.Tables:
    """A shop in which each customer spends one amount."""
    rows = [(c, c, 1, DAY0 + pd.Timedelta(days=c % 3), 1, x) for c, x in enumerate(spend)]
    return pz.load({"orders": pd.DataFrame(rows, columns=COLUMNS), **more})
