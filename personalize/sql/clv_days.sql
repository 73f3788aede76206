-- One row a customer and purchase day: a day with an order that is not a pure return.
select customer_id, day
from {order_totals}
where customer_id is not null and not is_return
group by customer_id, day
order by customer_id, day
