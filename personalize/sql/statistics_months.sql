-- Customers by the month of their first order, the month they ordered in, and the month they ordered in before.
-- A month is year * 12 + month - 1.
with active as (
  select
    customer_id,
    year(day) * 12 + month(day) - 1 as month_no,
    count(*) as orders,
    sum(amount) as spend
  from {order_totals}
  where customer_id is not null and not is_return
  group by customer_id, year(day) * 12 + month(day) - 1
),
seen as (
  select
    month_no,
    orders,
    spend,
    min(month_no) over (partition by customer_id) as first_month,
    lag(month_no) over (partition by customer_id order by month_no) as previous_month
  from active
)
select
  first_month,
  month_no as month,
  coalesce(previous_month, -1) as previous_month,
  count(*) as customers,
  sum(orders) as orders,
  sum(spend) as spend
from seen
group by first_month, month_no, coalesce(previous_month, -1)
order by first_month, month, previous_month
