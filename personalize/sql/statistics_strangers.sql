-- Known customers, and those of them who are not in the customers table, with their money.
select
  count(*) as customers,
  count(case when c.customer_id is null then 1 end) as strangers,
  coalesce(sum(case when c.customer_id is null then t.amount end), 0) as spend
from (
  select customer_id, sum(amount) as amount
  from {order_totals}
  where customer_id is not null
  group by customer_id
) t
left join {customers} c on c.customer_id = t.customer_id
