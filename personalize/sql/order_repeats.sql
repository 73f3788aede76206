-- One row an order and product that stands on several of its lines: how many of them were bought, not sent back.
select order_id, product_id, count(case when quantity >= 0 then 1 end) as bought
from {orders}
group by order_id, product_id
having count(*) > 1
