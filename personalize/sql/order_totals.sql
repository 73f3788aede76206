-- One row an order: the rung between lines and customers. `is_return` is false throughout where returns are kept as sales.
select
    order_id,
    customer_id,
    time,
    cast(time as date) as day,
    lines,
    products,
    quantity,
    amount,
    {is_return} as is_return
from {order_sums}
order by time, order_id
