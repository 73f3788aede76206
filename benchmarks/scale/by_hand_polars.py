"""The same numbers by polars, streaming."""

import sys
from pathlib import Path

import polars as pl
from stages import Clock

folder = Path(sys.argv[1]).parent
clock = Clock()
keys = ["order_id", "product_id", "time", "quantity", "amount"]
lines = pl.scan_parquet(folder / "orders-*.parquet").drop_nulls(keys)
bought = pl.col("quantity") >= 0
whole = lines.select(
    lines=pl.len(),
    anonymous_lines=pl.col("customer_id").null_count(),
    return_lines=(~bought).sum(),
    zero_lines=(pl.col("quantity") == 0).sum(),
    products_sold=pl.col("product_id").n_unique(),
)
repeats = lines.group_by("order_id", "product_id", "quantity", "amount").len().select(
    repeated_lines=(pl.col("len") - 1).sum()
)  # fmt: skip
orders = lines.group_by("order_id").agg(
    customer_id=pl.col("customer_id").max(),
    time=pl.col("time").min(),
    lines=pl.len(),
    products=pl.col("product_id").filter(bought).n_unique(),
    bought=bought.sum(),
    pieces=pl.col("quantity").sum(),
    amount=pl.col("amount").sum(),
)
whole, repeats, orders = pl.collect_all([whole, repeats, orders], engine="streaming")
found = whole.row(0, named=True) | repeats.row(0, named=True)
orders = orders.with_columns(day=pl.col("time").dt.date(), is_return=pl.col("bought") == 0)
clock.stage("convert")
known, sold = orders.filter(pl.col("customer_id").is_not_null()), ~pl.col("is_return")
rfm = known.group_by("customer_id").agg(
    last=pl.col("day").filter(sold).max(), f=sold.sum(), m=pl.col("amount").sum()
).drop_nulls("last")  # fmt: skip
last = orders["day"].max()
found |= rfm.select(
    purchases=pl.col("f").sum(), monetary=pl.col("m").sum(), recency=(last - pl.col("last")).dt.total_days().sum()
).row(0, named=True)  # fmt: skip
clock.stage("rfm")
found |= orders.select(
    orders=pl.len(),
    products_of_orders=pl.col("products").sum(),
    days=pl.col("day").n_unique(),
    mixed_orders=((pl.col("products") >= 2) & sold).sum(),
    return_orders=pl.col("is_return").sum(),
    customers=pl.col("customer_id").drop_nulls().n_unique(),
    spend=pl.col("amount").sum(),
).row(0, named=True)
gaps = (
    known.filter(sold)
    .sort("customer_id", "time", "order_id")
    .select(gap=pl.col("day").diff().over("customer_id").dt.total_days())
    .drop_nulls()
    .group_by("gap")
    .len()
)
found |= {"gaps": gaps["len"].sum(), "gap_days": (gaps["gap"] * gaps["len"]).sum(), "values": 0}
for name, column in {"lines": "lines", "pieces": "pieces", "spend": "amount"}.items():
    counts = orders.filter(sold).group_by(column, pl.col("customer_id").is_null()).len()
    found["values"] += len(counts)
    found[f"value_{name}"] = (counts[column].cast(pl.Float64) * counts["len"]).sum()
people = known.group_by("customer_id").agg(
    sold.sum(), pl.col("lines", "pieces", "amount").sum(), first=pl.col("day").min(), last=pl.col("day").max()
).sort("customer_id")  # fmt: skip
clock.stage("statistics")
active = (
    known.filter(sold)
    .group_by("customer_id", month=pl.col("day").dt.truncate("1mo"))
    .agg(pl.col("amount").sum())
)
cells = (
    active.with_columns(first=pl.col("month").min().over("customer_id"))
    .group_by("first", "month")
    .len()
)
found |= {"cohort_cells": len(cells), "cohort_active": cells["len"].sum()}
clock.stage("cohorts")
clock.report(found)
