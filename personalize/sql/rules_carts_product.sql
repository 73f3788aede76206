-- One row an order: the different products in it; returned lines are no purchase, anonymous orders count.
select o.order_id, array_sort(array_agg(distinct o.product_id)) as items
from {orders} o
where o.quantity >= 0
group by o.order_id
order by order_id
