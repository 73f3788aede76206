-- One row an order and product in it; returned lines are no purchase, anonymous orders count.
select distinct o.order_id, o.product_id as product_id, o.customer_id
from {orders} o
where o.quantity >= 0
order by order_id, product_id
