-- One row two different products in the same orders, and one row each product with itself: in how many orders.
with held as (
    select distinct o.order_id, o.product_id as product_id
    from {orders} o
    where o.quantity >= 0
),
frequent as (select product_id from held group by product_id having count(*) >= {min_count}),
kept as (select h.order_id, h.product_id from held h join frequent f on f.product_id = h.product_id)
select a.product_id as one, b.product_id as other, count(*) as n
from kept a
join kept b on b.order_id = a.order_id and b.product_id >= a.product_id
group by a.product_id, b.product_id
having count(*) >= {min_count}
order by one, other
