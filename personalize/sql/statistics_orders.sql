-- Value counts an order: how many orders (returns left out) have this many lines, pieces, this amount.
with other as (
  select order_id, sum(quantity) as quantity
  from {orders}
  where quantity >= {many} and amount > 0 and amount < quantity * {coin}
  group by order_id
),
baskets as (
  select
    case when t.customer_id is null then 1 else 0 end as anonymous,
    t.lines,
    t.quantity - coalesce(o.quantity, 0) as pieces,
    t.amount
  from {order_totals} t
  left join other o on o.order_id = t.order_id
  where not t.is_return
)
select 'lines' as measure, cast(lines as decimal(38, 4)) as value, anonymous, count(*) as n
from baskets group by lines, anonymous
union all
select 'pieces' as measure, cast(pieces as decimal(38, 4)) as value, anonymous, count(*) as n
from baskets group by pieces, anonymous
union all
select 'spend' as measure, cast(amount as decimal(38, 4)) as value, anonymous, count(*) as n
from baskets group by amount, anonymous
order by measure, value, anonymous
