-- One row a customer: first and last purchase day, number of purchase days, money of the first day and of the later days,
-- and the sum of the logarithms of the gaps between purchase days, in days.
-- A purchase day is a day with an order that is not a pure return. A refund is taken off the purchase day it follows;
-- a refund without an earlier purchase belongs to a sale before the data and is left out.
with days as (
    select
        customer_id,
        day,
        sum(amount) as amount,
        max(case when is_return then 0 else 1 end) as bought
    from {order_totals}
    where customer_id is not null
    group by customer_id, day
),
marked as (
    select
        customer_id,
        amount,
        bought,
        day,
        max(case when bought = 1 then day end) over (partition by customer_id order by day) as visit,
        min(case when bought = 1 then day end) over (partition by customer_id order by day) as first_day,
        max(case when bought = 1 then day end) over (
            partition by customer_id order by day rows between unbounded preceding and 1 preceding
        ) as visit_before
    from days
)
select
    customer_id,
    min(first_day) as first_day,
    max(visit) as last_day,
    count(case when bought = 1 then day end) as days,
    sum(case when visit = first_day then amount else 0 end) as first_amount,
    sum(case when visit > first_day then amount else 0 end) as later_amount,
    sum(
        case when bought = 1 then cast(ln(cast(day - visit_before as int)) as decimal(18, 9)) end
    ) as log_gaps
from marked
where visit is not null
group by customer_id
order by customer_id
