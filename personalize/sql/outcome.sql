-- One row a customer with an order in the days of the tables: purchases, and money with returns deducted.
select
    customer_id,
    count(*) filter (where not is_return) as next_orders,
    sum(amount) as next_spend
from {order_totals}
where customer_id is not null
group by customer_id
order by customer_id
