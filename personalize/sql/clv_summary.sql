-- One row a customer: first and last purchase day, number of purchase days, money of the first day and of the later days,
-- and the sum of the logarithms of the gaps between purchase days, in days.
-- A purchase day is a day with an order that is not a pure return. A refund is taken off the purchase day it follows;
-- a refund without an earlier purchase belongs to a sale before the data and is left out.
with marked as (
    select
        customer_id,
        amount,
        max(case when not is_return then day end) over (
            partition by customer_id order by day range between unbounded preceding and current row
        ) as bought
    from {order_totals}
    where customer_id is not null
),
days as (
    select
        customer_id,
        bought as day,
        sum(amount) as amount,
        min(bought) over (partition by customer_id) as first_day
    from marked
    where bought is not null
    group by customer_id, bought
),
gaps as (
    select
        *,
        cast(day - lag(day) over (partition by customer_id order by day) as int) as gap
    from days
)
select
    customer_id,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as days,
    sum(case when day = first_day then amount else 0 end) as first_amount,
    sum(case when day > first_day then amount else 0 end) as later_amount,
    sum(cast(ln(gap) as decimal(18, 9))) as log_gaps
from gaps
group by customer_id
order by customer_id
