-- One row an order: the rung between lines and customers. `last_time` and `named` show where its lines disagree.
select
    order_id,
    max(customer_id) as customer_id,
    min(time) as time,
    cast(min(time) as date) as day,
    count(*) as lines,
    count(distinct case when quantity >= 0 then product_id end) as products,
    cast(sum(quantity) as decimal(18, 3)) as quantity,
    cast(sum(amount) as decimal(18, 4)) as amount,
    max(case when quantity < 0 then 0 else 1 end) = 0 as is_return,
    max(time) as last_time,
    count(customer_id) as named
from orders
group by order_id
order by min(time), order_id
