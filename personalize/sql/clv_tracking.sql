-- One row a day with a purchase of a customer first seen up to {as_of}: first purchases, and repeat purchases.
with days as (
    select customer_id, day, min(day) over (partition by customer_id) as first_day
    from (
        select distinct customer_id, day
        from {order_totals}
        where customer_id is not null and not is_return
    ) visits
)
select
    day,
    count(case when day = first_day then 1 end) as born,
    count(case when day > first_day then 1 end) as repeats
from days
where first_day <= {as_of}
group by day
order by day
