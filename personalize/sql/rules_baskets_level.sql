-- One row an order and product group in it; returned lines are no purchase, anonymous orders count.
select distinct o.order_id, {level} as product_id, o.customer_id
from {orders} o
join {products} p on p.product_id = o.product_id
where o.quantity >= 0 and {level} is not null
order by order_id, product_id
