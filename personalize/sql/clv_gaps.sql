-- One row a customer with three purchase days or more: the last two gaps between them, in days, the earlier one first.
with days as (
    select distinct customer_id, day
    from {order_totals}
    where customer_id is not null and not is_return
),
places as (
    select customer_id, day, row_number() over (partition by customer_id order by day desc) as place
    from days
)
select
    customer_id,
    cast(max(case when place = 2 then day end) - max(case when place = 3 then day end) as int) as gap_before,
    cast(max(case when place = 1 then day end) - max(case when place = 2 then day end) as int) as gap
from places
where place <= 3
group by customer_id
having count(*) = 3
order by customer_id
