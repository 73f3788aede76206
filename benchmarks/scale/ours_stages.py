import sys
from pathlib import Path

from stages import Clock

import personalize as pz
from personalize import statistics

source, memory = Path(sys.argv[1]), sys.argv[2]
limited = source.with_name(f"at_{memory}.yml")
limited.write_text(f"{source.read_text()}engine: {{name: duckdb, memory: {memory}}}\n")

clock = Clock()
pz.sources.prepare(limited)
clock.stage("convert")
tables = pz.load(limited)
rfm = pz.features.rfm(tables, as_of=tables.end)
clock.stage("rfm")
facts, behaviour = statistics.facts(tables), statistics.behaviour(tables)
clock.stage("statistics")
months = statistics.months(tables)
clock.stage("cohorts")

log = tables.log[tables.log.table == "orders"].set_index("reason").rows
totals = tables.sql(
    "select sum(products) as products, sum(amount) as spend from {order_totals}"
).iloc[0]
values = behaviour.orders.assign(weighted=lambda t: t.value * t.n).groupby("measure").weighted.sum()
clock.report(
    {
        "lines": facts.lines,
        "anonymous_lines": log["anonymous: order line without customer"],
        "return_lines": log["return lines (quantity below 0)"],
        "repeated_lines": log["lines repeated exactly within their order"],
        "zero_lines": log.get("lines with quantity 0", 0),
        "orders": facts.orders,
        "products_of_orders": totals.products,
        "mixed_orders": facts.mixed_orders,
        "return_orders": facts.return_orders,
        "products_sold": facts.products,
        "customers": facts.customers,
        "days": facts.days_with_orders,
        "spend": totals.spend,
        "purchases": rfm.frequency.sum(),
        "recency": rfm.recency_days.sum(),
        "monetary": rfm.monetary.sum(),
        "gaps": behaviour.gaps.n.sum(),
        "gap_days": (behaviour.gaps.value * behaviour.gaps.n).sum(),
        "values": len(behaviour.orders),
        "value_lines": values["lines"],
        "value_pieces": values["pieces"],
        "value_spend": values["spend"],
        "cohort_cells": months.counts.groupby(["first_month", "month"]).ngroups,
        "cohort_active": months.counts.customers.sum(),
    }
)
