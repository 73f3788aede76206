"""Small shops whose right answers are known."""

import numpy as np
import pandas as pd

import personalize as pz

AS_OF = "2024-03-31"


SIZE = 20


CUT = "2024-02-29"


BASKETS = [
    (1, 5, 1),
    (1, 6, 1),
    (2, 5, 1),
    (2, 6, 1),
    (3, 5, 1),
    (3, 7, 1),
    (4, 7, 1),
    (4, 8, 1),
    (5, 8, 1),
    (6, 5, 1),
]


def orders_of(pairs: list[tuple], day: str = "2024-03-01") -> pd.DataFrame:
    """One order a row: (customer, product) or (customer, product, day)."""
    rows = [(*pair, day)[:3] for pair in pairs]
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "time"])
    frame["time"] = pd.to_datetime(frame.time)
    return frame.assign(order_id=range(len(frame)), quantity=1, amount=1.0)


def checkerboard() -> "pz.tables.Tables":
    """Customer u buys every product of its own colour (parity) but u; texts and ties tell it."""
    pairs = [(u, p) for u in range(SIZE) for p in range(SIZE) if u % 2 == p % 2 and u != p]
    end = orders_of([(0, 2)], AS_OF)
    orders = pd.concat([orders_of(pairs), end.assign(order_id=10_000)])
    products = pd.DataFrame(
        {"product_id": range(SIZE), "text": ["black square", "white circle"] * (SIZE // 2)}
    )
    links = pd.DataFrame(
        [(u, (u + 2) % SIZE) for u in range(SIZE)], columns=["customer_id", "other_id"]
    )
    return pz.load({"orders": orders, "products": products, "links": links})


def shop(rows: list[tuple], **others: pd.DataFrame) -> "pz.tables.Tables":
    """Orders from (customer, product, day of January 2024); every row is an order."""
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    time = pd.Timestamp("2023-12-31") + pd.to_timedelta(frame.pop("day"), unit="D")
    return pz.load(
        {
            "orders": frame.assign(time=time, order_id=range(len(frame)), quantity=1, amount=1.0),
            **others,
        }
    )


def loyal_shop(customers: int = 60, seed: int = 0) -> "pz.tables.Tables":
    """Customers who buy three favourites of 20 again and again, two at a time, and noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        favourites = rng.choice(20, 3, replace=False)
        for day in range(0, 91, 6):
            rows += [(customer, p, day) for p in rng.choice(favourites, 2, replace=False)]
            rows.append((customer, rng.integers(0, 20), day))
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    frame["order_id"] = frame.groupby(["customer_id", "day"]).ngroup()
    frame["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    products = pd.DataFrame(
        {
            "product_id": range(25),
            "name": [f"Thing {i}" for i in range(25)],
            "department": ["FOOD"] * 18 + ["FUEL"] * 7,
            "category": [f"group {i % 5}" for i in range(25)],
        }
    )
    return pz.load({"orders": frame.assign(quantity=1, amount=1.0), "products": products})


def scores(model, tables, day: int, customer=1, **options) -> dict:
    table = model.fit(tables, as_of=f"2024-01-{day:02}").recommend([customer], **options)
    return dict(zip(table.product_id, table.score, strict=True))


def lists_of(history, pairs):
    row, col = (np.array(numbers) for numbers in zip(*pairs, strict=True))
    pair = history.find(row, col)
    return pd.DataFrame({"_place": row, "_row": row, "_col": col, "_pair": pair})
