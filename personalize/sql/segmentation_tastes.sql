-- One row a customer of {members} and group of products of {groups} (product_id, code): the money spent on it.
select
    o.customer_id,
    g.code,
    sum(o.amount) as spend
from {orders} o
join {members} m on o.customer_id = m.customer_id
join {groups} g on o.product_id = g.product_id
group by o.customer_id, g.code
order by o.customer_id, g.code
