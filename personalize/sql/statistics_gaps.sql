-- Value counts of the calendar days between one order of a customer and the next.
select gap_days as value, count(*) as n
from (
  select cast(day - lag(day) over (partition by customer_id order by time, order_id) as int) as gap_days
  from {order_totals}
  where customer_id is not null and not is_return
) g
where gap_days is not null
group by gap_days
order by gap_days
