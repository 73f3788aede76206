-- One row a customer with an order in the days of the tables: purchase days, and money with returns deducted.
select
    customer_id,
    count(distinct case when not is_return then day end) as orders,
    sum(amount) as spend
from {order_totals}
where customer_id is not null
group by customer_id
order by customer_id
