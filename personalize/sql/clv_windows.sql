-- One row a customer who has bought by {as_of}: money (returns deducted) and purchase days after each of six days up to
-- {as_of}, and after {as_of} up to {until}. A purchase day is a day with an order that is not a pure return.
with days as (
    select
        customer_id,
        day,
        cast(sum(amount) as decimal(18, 4)) as amount,
        max(case when is_return then 0 else 1 end) as bought
    from {order_totals}
    where customer_id is not null and day <= {until}
    group by customer_id, day
)
select
    customer_id,
    coalesce(sum(case when day > {after_1} and day <= {as_of} then amount end), 0) as spend_1,
    coalesce(sum(case when day > {after_2} and day <= {as_of} then amount end), 0) as spend_2,
    coalesce(sum(case when day > {after_3} and day <= {as_of} then amount end), 0) as spend_3,
    coalesce(sum(case when day > {after_4} and day <= {as_of} then amount end), 0) as spend_4,
    coalesce(sum(case when day > {after_5} and day <= {as_of} then amount end), 0) as spend_5,
    coalesce(sum(case when day > {after_6} and day <= {as_of} then amount end), 0) as spend_6,
    coalesce(sum(case when day > {as_of} then amount end), 0) as spend_later,
    coalesce(sum(case when day > {after_1} and day <= {as_of} then bought end), 0) as orders_1,
    coalesce(sum(case when day > {after_2} and day <= {as_of} then bought end), 0) as orders_2,
    coalesce(sum(case when day > {after_3} and day <= {as_of} then bought end), 0) as orders_3,
    coalesce(sum(case when day > {after_4} and day <= {as_of} then bought end), 0) as orders_4,
    coalesce(sum(case when day > {after_5} and day <= {as_of} then bought end), 0) as orders_5,
    coalesce(sum(case when day > {after_6} and day <= {as_of} then bought end), 0) as orders_6,
    coalesce(sum(case when day > {as_of} then bought end), 0) as orders_later
from days
group by customer_id
having max(case when day <= {as_of} then bought else 0 end) = 1
order by customer_id
