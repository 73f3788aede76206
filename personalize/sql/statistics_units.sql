-- Products with lines whose unit costs less than the smallest coin: what they count is not pieces.
select
  product_id,
  count(*) as lines,
  count(case when quantity > {large} then 1 end) as large_lines,
  sum(quantity) as quantity,
  max(quantity) as largest,
  sum(amount) as spend
from {orders}
where quantity >= {many} and amount > 0 and amount < quantity * {coin}
group by product_id
order by lines desc, product_id
