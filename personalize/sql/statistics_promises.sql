-- What must hold for every order line and order, as counts of the breaches.
select
  sum(lines) as lines,
  sum(no_product) as no_product,
  sum(no_time) as no_time,
  sum(no_quantity) as no_quantity,
  sum(no_amount) as no_amount,
  count(case when order_id is null then 1 end) as no_order,
  count(case when first_customer <> last_customer or (known > 0 and known < lines) then 1 end) as shared_orders,
  count(case when first_time <> last_time then 1 end) as split_orders,
  sum(amount) as spend
from (
  select
    order_id,
    count(*) as lines,
    count(customer_id) as known,
    count(*) - count(product_id) as no_product,
    count(*) - count(time) as no_time,
    count(*) - count(quantity) as no_quantity,
    count(*) - count(amount) as no_amount,
    min(customer_id) as first_customer,
    max(customer_id) as last_customer,
    min(time) as first_time,
    max(time) as last_time,
    sum(amount) as amount
  from {orders}
  group by order_id
) o
