-- What is odd in the order lines, counted in one pass.
select
  count(*) as lines,
  sum(amount) as spend,
  count(case when quantity = 0 then 1 end) as zero_quantity,
  sum(case when quantity = 0 then amount else 0 end) as zero_quantity_spend,
  count(case when quantity = 0 and amount <> 0 then 1 end) as paid_without_quantity,
  count(case when amount = 0 then 1 end) as zero_amount,
  count(case when quantity < 0 or amount < 0 then 1 end) as negative,
  sum(case when quantity < 0 or amount < 0 then amount else 0 end) as negative_spend,
  count(case when customer_id is null then 1 end) as anonymous,
  sum(case when customer_id is null then amount else 0 end) as anonymous_spend,
  count(case when quantity >= {many} and amount > 0 and amount < quantity * {coin} then 1 end) as other_unit,
  sum(case when quantity >= {many} and amount > 0 and amount < quantity * {coin} then amount else 0 end)
    as other_unit_spend,
  count(case when quantity <> floor(quantity) then 1 end) as broken_quantity,
  sum(case when quantity <> floor(quantity) then amount else 0 end) as broken_quantity_spend
from {orders}
