-- One row a product bought: the customers who bought it.
select product_id, count(distinct customer_id) as buyers
from {orders}
where customer_id is not null and quantity > 0
group by product_id
order by product_id
