-- One row a customer and product bought in the days of these tables: what a recommendation should have named.
select distinct customer_id, product_id
from {orders}
where customer_id is not null and quantity > 0
order by customer_id, product_id
