-- One row an order: the different product groups in it; returned lines are no purchase, anonymous orders count.
select o.order_id, array_sort(array_agg(distinct {level})) as items
from {orders} o
join {products} p on p.product_id = o.product_id
where o.quantity >= 0 and {level} is not null
group by o.order_id
order by order_id
