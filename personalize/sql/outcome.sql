-- One row a customer with an order in the days of the tables: purchases, days with one, and money with returns deducted.
select
    customer_id,
    count(*) filter (where not is_return) as next_orders,
    count(distinct case when not is_return then day end) as next_days,
    sum(amount) as next_spend
from {order_totals}
where customer_id is not null
group by customer_id
order by customer_id
