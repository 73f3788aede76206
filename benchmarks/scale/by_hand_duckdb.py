"""The same numbers by hand-written SQL on DuckDB: the lines are never copied, every pass reads the Parquet."""

import sys
from pathlib import Path

import duckdb
from stages import Clock

folder, memory = Path(sys.argv[1]).parent, sys.argv[2]
clock = Clock()
base = duckdb.connect(
    config={"memory_limit": memory, "temp_directory": str(folder / "by_hand.spill")}
)
base.execute("set enable_progress_bar = false")
base.execute("set preserve_insertion_order = false")
lines = f"read_parquet('{folder}/orders-*.parquet')"
base.execute(f"create view lines as select * from {lines} where order_id is not null and product_id is not null "
             "and time is not null and quantity is not null and amount is not null")  # fmt: skip


def one(sql):
    return base.execute(sql).df().iloc[0].to_dict()


found = one("select count(*) as lines, count(*) - count(customer_id) as anonymous_lines, "
            "count(case when quantity < 0 then 1 end) as return_lines, count(case when quantity = 0 then 1 end) as "
            "zero_lines, count(distinct product_id) as products_sold from lines")  # fmt: skip
base.execute("""create temp table twice as select order_id, product_id, count(case when quantity >= 0 then 1 end) as
    bought from lines group by all having count(*) > 1""")
found |= one("""select coalesce(sum(n - 1), 0) as repeated_lines from (
    select count(*) as n from lines join twice using (order_id, product_id)
    group by order_id, product_id, quantity, amount having count(*) > 1)""")
base.execute("""create temp table orders as
    select s.*, bought - coalesce(further, 0) as products, bought = 0 as is_return, cast(time as date) as day
    from (select order_id, max(customer_id) as customer_id, min(time) as time, max(time) as last_time,
          min(customer_id) as first_customer, count(customer_id) as named, count(*) as lines,
          count(case when quantity >= 0 then 1 end) as bought, sum(quantity) as pieces, sum(amount) as amount
          from lines group by order_id) s
    left join (select order_id, sum(bought - 1) as further from twice where bought > 1 group by order_id) t
    using (order_id)""")
checks = one(
    "select count_if(first_customer <> customer_id) + count_if(last_time > time) as breaches from orders"
)
assert not checks["breaches"]
clock.stage("convert")
found |= one("""select sum(f) as purchases, sum(m) as monetary,
    sum(date_diff('day', last_day, (select max(day) from orders))) as recency
    from (select customer_id, max(day) filter (not is_return) as last_day, count(*) filter (not is_return) as f,
          sum(amount) as m from orders where customer_id is not null group by customer_id)
    where last_day is not null""")
clock.stage("rfm")
found |= one("""select count(*) as orders, sum(products) as products_of_orders, count(distinct day) as days,
    count(case when products >= 2 and not is_return then 1 end) as mixed_orders, count_if(is_return) as return_orders,
    count(distinct customer_id) as customers, sum(amount) as spend from orders""")
gaps = base.execute("""select gap, count(*) as n from (
    select day - lag(day) over (partition by customer_id order by time, order_id) as gap
    from orders where customer_id is not null and not is_return) where gap is not null group by gap""").df()
found |= {"gaps": gaps.n.sum(), "gap_days": (gaps.gap * gaps.n).sum()}
values = base.execute("""select measure, count(*) as rows, sum(value * n) as total from (
    select 'lines' as measure, lines as value, customer_id is null as a, count(*) as n from orders where not is_return
    group by all
    union all select 'pieces', pieces, customer_id is null, count(*) from orders where not is_return group by all
    union all select 'spend', amount, customer_id is null, count(*) from orders where not is_return group by all)
    group by measure""").df().set_index("measure")  # fmt: skip
found |= {
    "values": values.rows.sum(),
    **{f"value_{name}": values.total[name] for name in values.index},
}
people = base.execute("""select customer_id, count_if(not is_return) as orders, sum(lines) as lines, sum(pieces) as
    pieces, sum(amount) as spend, min(day) as first_day, max(day) as last_day from orders
    where customer_id is not null group by customer_id order by customer_id""").df()
clock.stage("statistics")
cells = base.execute("""select first_month, month, count(*) as n from (
    select *, min(month) over (partition by customer_id) as first_month from (
        select customer_id, year(day) * 12 + month(day) as month, count(*) as orders, sum(amount) as spend
        from orders where customer_id is not null and not is_return group by all))
    group by all""").df()
found |= {"cohort_cells": len(cells), "cohort_active": cells.n.sum()}
clock.stage("cohorts")
clock.report(found)
