-- One row a customer: the first day with a purchase. An order that holds only returned lines is no purchase.
select
    customer_id,
    min(day) as first_day
from {order_totals}
where customer_id is not null and not is_return
group by customer_id
order by customer_id
