-- One row an order of a known customer: when it was made and what it came to; returned lines are no purchase.
select o.order_id, min(o.customer_id) as customer_id, min(o.time) as time, sum(o.amount) as amount
from {orders} o
where o.quantity >= 0 and o.customer_id is not null
group by o.order_id
order by customer_id, time, order_id
