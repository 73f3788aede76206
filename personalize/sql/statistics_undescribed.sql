-- Order lines whose product is not in the products table.
select count(*) as lines, count(distinct o.product_id) as products, coalesce(sum(o.amount), 0) as spend
from {orders} o
left join {products} p on p.product_id = o.product_id
where p.product_id is null
