-- The size of a shop in one row.
select
  count(*) as orders,
  count(case when is_return then 1 end) as return_orders,
  count(case when customer_id is null then 1 end) as anonymous_orders,
  count(case when products >= 2 and not is_return then 1 end) as mixed_orders,
  count(distinct day) as days_with_orders,
  count(case when hour(time) <> 0 or minute(time) <> 0 then 1 end) as timed_orders,
  sum(lines) as lines,
  sum(lines - products) - (select count(*) from {orders} where quantity < 0) as repeated_lines,
  sum(amount) as spend,
  (select count(distinct product_id) from {orders}) as products,
  (select count(*) from (
    select customer_id from {order_totals} where customer_id is not null group by customer_id) c) as customers,
  (select count(*) from (
    select customer_id from {order_totals} where customer_id is not null and not is_return
    group by customer_id having count(*) >= 2) r) as repeat_customers
from {order_totals}
