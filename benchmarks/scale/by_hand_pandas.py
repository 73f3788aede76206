"""The same numbers by pandas, all lines in memory."""

import sys
from pathlib import Path

import pandas as pd
from stages import Clock

folder = Path(sys.argv[1]).parent
clock = Clock()
lines = pd.concat(
    [pd.read_parquet(part) for part in sorted(folder.glob("orders-*.parquet"))], ignore_index=True
)
lines["amount"] = lines.amount.astype("float64")
lines = lines.dropna(subset=["order_id", "product_id", "time", "quantity", "amount"])
lines["bought"] = lines.quantity >= 0
found = {
    "lines": len(lines),
    "anonymous_lines": lines.customer_id.isna().sum(),
    "return_lines": (~lines.bought).sum(),
    "zero_lines": (lines.quantity == 0).sum(),
    "products_sold": lines.product_id.nunique(),
    "repeated_lines": lines.duplicated(["order_id", "product_id", "quantity", "amount"]).sum(),
}
orders = lines.groupby("order_id").agg(
    customer_id=("customer_id", "max"),
    time=("time", "min"),
    lines=("product_id", "size"),
    bought=("bought", "sum"),
    pieces=("quantity", "sum"),
    amount=("amount", "sum"),
)
pairs = lines.loc[lines.bought, ["order_id", "product_id"]].drop_duplicates()
orders["products"] = pairs.groupby("order_id").size().reindex(orders.index).fillna(0)
orders["is_return"], orders["day"] = orders.bought == 0, orders.time.dt.normalize()
del lines, pairs
clock.stage("convert")
known = orders.dropna(subset="customer_id").reset_index()
sold = known[~known.is_return]
by = sold.groupby("customer_id")
money = known.groupby("customer_id").amount.sum()
found |= {
    "purchases": len(sold),
    "monetary": money[by.size().index].sum(),
    "recency": (orders.day.max() - by.day.max()).dt.days.sum(),
}
clock.stage("rfm")
found |= {
    "orders": len(orders),
    "products_of_orders": orders.products.sum(),
    "days": orders.day.nunique(),
    "mixed_orders": ((orders.products >= 2) & ~orders.is_return).sum(),
    "return_orders": orders.is_return.sum(),
    "customers": known.customer_id.nunique(),
    "spend": orders.amount.sum(),
}
gaps = (
    sold.sort_values(["customer_id", "time", "order_id"])
    .groupby("customer_id")
    .day.diff()
    .dt.days.dropna()
)
gaps = gaps.value_counts()
found |= {"gaps": gaps.sum(), "gap_days": (gaps.index * gaps).sum(), "values": 0}
kept = orders[~orders.is_return]
kept = kept.assign(amount=kept.amount.round(2))
for name, column in {"lines": "lines", "pieces": "pieces", "spend": "amount"}.items():
    counts = kept.groupby([column, kept.customer_id.isna()]).size()
    found["values"] += len(counts)
    found[f"value_{name}"] = (counts.index.get_level_values(0) * counts).sum()
people = known.groupby("customer_id").agg(
    orders=("is_return", "size"), lines=("lines", "sum"), pieces=("pieces", "sum"), spend=("amount", "sum"),
    first=("day", "min"), last=("day", "max"),
)  # fmt: skip
clock.stage("statistics")
month = sold.day.dt.year * 12 + sold.day.dt.month
active = sold.assign(month=month).groupby(["customer_id", "month"], as_index=False).amount.sum()
active["first"] = active.groupby("customer_id").month.transform("min")
found |= {"cohort_cells": active.groupby(["first", "month"]).ngroups, "cohort_active": len(active)}
clock.stage("cohorts")
clock.report(found)
