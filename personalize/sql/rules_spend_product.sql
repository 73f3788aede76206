-- One row a product: the orders that hold it and the money spent on it; returned lines are no purchase.
select o.product_id as product_id, count(distinct o.order_id) as baskets, sum(o.amount) as amount
from {orders} o
where o.quantity >= 0
group by o.product_id
order by product_id
