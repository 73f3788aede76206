-- One row a product group: the orders that hold it and the money spent on it; returned lines are no purchase.
select {level} as product_id, count(distinct o.order_id) as baskets, sum(o.amount) as amount
from {orders} o
join {products} p on p.product_id = o.product_id
where o.quantity >= 0 and {level} is not null
group by {level}
order by product_id
