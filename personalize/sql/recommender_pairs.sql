-- One row a customer and product bought: in how many orders, and how much that weighs.
select customer_id, product_id, count(distinct order_id) as orders, ln(1 + count(distinct order_id)) as weight
from {orders}
where customer_id is not null and quantity > 0
group by customer_id, product_id
order by customer_id, product_id
