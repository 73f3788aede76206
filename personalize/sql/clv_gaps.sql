-- One row a customer with three purchase days or more: the last two gaps between them, in days, the earlier one first.
with days as (
    select distinct customer_id, day
    from {order_totals}
    where customer_id is not null and not is_return
),
steps as (
    select
        customer_id,
        row_number() over (partition by customer_id order by day desc) as place,
        cast(day - lag(day, 1) over (partition by customer_id order by day) as int) as gap,
        cast(
            lag(day, 1) over (partition by customer_id order by day)
            - lag(day, 2) over (partition by customer_id order by day) as int
        ) as gap_before
    from days
)
select customer_id, gap_before, gap
from steps
where place = 1 and gap_before is not null
order by customer_id
