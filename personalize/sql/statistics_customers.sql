-- One row a known customer: orders, lines, pieces, money, first and last day.
-- An order that only returns things counts in money, never as an order.
-- A line whose unit costs less than the smallest coin is not sold in pieces and adds none.
with other as (
  select order_id, sum(quantity) as quantity
  from {orders}
  where quantity >= {many} and amount > 0 and amount < quantity * {coin}
  group by order_id
)
select
  t.customer_id,
  count(case when not t.is_return then 1 end) as orders,
  sum(case when t.is_return then 0 else t.lines end) as lines,
  sum(t.quantity - coalesce(o.quantity, 0)) as pieces,
  sum(t.amount) as spend,
  min(case when not t.is_return then t.day end) as first_day,
  max(case when not t.is_return then t.day end) as last_day
from {order_totals} t
left join other o on o.order_id = t.order_id
where t.customer_id is not null
group by t.customer_id
order by t.customer_id
