-- One row a customer: first and last purchase day, number of purchase days, money of the first day and of the later days,
-- and the sum of the logarithms of the gaps between purchase days, in days.
-- A purchase day is a day with an order that is not a pure return. A refund is taken off the purchase day it follows;
-- a refund without an earlier purchase belongs to a sale before the data and is left out.
with days as (
    select
        customer_id,
        day,
        cast(sum(amount) as decimal(18, 4)) as amount,
        max(case when is_return then 0 else 1 end) as bought
    from {order_totals}
    where customer_id is not null
    group by customer_id, day
),
visits as (
    select customer_id, day, lag(day, 1) over (partition by customer_id order by day) as day_before
    from days
    where bought = 1
),
customers as (
    select
        customer_id,
        min(day) as first_day,
        min(case when day_before is not null then day end) as second_day,
        max(day) as last_day,
        count(*) as days,
        sum(cast(ln(cast(day - day_before as int)) as decimal(18, 9))) as log_gaps
    from visits
    group by customer_id
)
select
    customers.customer_id,
    min(customers.first_day) as first_day,
    min(customers.last_day) as last_day,
    min(customers.days) as days,
    sum(case when days.day >= customers.second_day then 0 else days.amount end) as first_amount,
    sum(case when days.day >= customers.second_day then days.amount else 0 end) as later_amount,
    min(customers.log_gaps) as log_gaps
from customers
join days on days.customer_id = customers.customer_id and days.day >= customers.first_day
group by customers.customer_id
order by customers.customer_id
