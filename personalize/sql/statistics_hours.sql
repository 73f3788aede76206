-- One row a day and hour of the day: orders, lines and money (returns reduce the money only).
select
  day,
  hour(time) as hour,
  count(case when not is_return then 1 end) as orders,
  sum(case when is_return then 0 else lines end) as lines,
  sum(amount) as spend
from {order_totals}
group by day, hour(time)
order by day, hour
