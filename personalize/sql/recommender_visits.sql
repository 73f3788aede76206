-- One row a purchase of a product by a known customer: returned and free lines of quantity 0 are no purchase.
select customer_id, product_id, day
from (
    select distinct customer_id, product_id, order_id, cast(time as date) as day
    from {orders}
    where customer_id is not null and quantity > 0
) as visits
order by customer_id, product_id, day
