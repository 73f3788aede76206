-- One row an order as its lines add up; `last_time`, `first_customer` and `named` show where they disagree.
select
    o.order_id,
    o.customer_id,
    o.time,
    o.lines,
    o.bought - coalesce(r.further, 0) as products,
    o.quantity,
    o.amount,
    o.bought = 0 as is_return,
    o.last_time,
    o.first_customer,
    o.named
from (
    select
        order_id,
        max(customer_id) as customer_id,
        min(time) as time,
        count(*) as lines,
        count(case when quantity >= 0 then 1 end) as bought,
        cast(sum(quantity) as decimal(18, 3)) as quantity,
        cast(sum(amount) as decimal(18, 4)) as amount,
        max(time) as last_time,
        min(customer_id) as first_customer,
        count(customer_id) as named
    from {orders}
    group by order_id
) as o
left join (
    select order_id, cast(sum(bought - 1) as bigint) as further
    from {order_repeats}
    where bought > 1
    group by order_id
) as r on r.order_id = o.order_id
