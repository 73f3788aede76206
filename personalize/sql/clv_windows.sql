-- One row a customer who has bought by {as_of}: money (returns deducted) and purchase days after each of six days up to
-- {as_of}, and after {as_of} up to {until}. A purchase day is a day with an order that is not a pure return.
with days as (
    select
        customer_id,
        day,
        sum(amount) as amount,
        max(case when is_return then 0 else 1 end) as bought
    from {order_totals}
    where customer_id is not null and day <= {until}
    group by customer_id, day
)
select
    customer_id,
    sum(case when day > {after_1} and day <= {as_of} then amount else 0 end) as spend_1,
    sum(case when day > {after_2} and day <= {as_of} then amount else 0 end) as spend_2,
    sum(case when day > {after_3} and day <= {as_of} then amount else 0 end) as spend_3,
    sum(case when day > {after_4} and day <= {as_of} then amount else 0 end) as spend_4,
    sum(case when day > {after_5} and day <= {as_of} then amount else 0 end) as spend_5,
    sum(case when day > {after_6} and day <= {as_of} then amount else 0 end) as spend_6,
    sum(case when day > {as_of} then amount else 0 end) as spend_later,
    sum(case when day > {after_1} and day <= {as_of} then bought else 0 end) as orders_1,
    sum(case when day > {after_2} and day <= {as_of} then bought else 0 end) as orders_2,
    sum(case when day > {after_3} and day <= {as_of} then bought else 0 end) as orders_3,
    sum(case when day > {after_4} and day <= {as_of} then bought else 0 end) as orders_4,
    sum(case when day > {after_5} and day <= {as_of} then bought else 0 end) as orders_5,
    sum(case when day > {after_6} and day <= {as_of} then bought else 0 end) as orders_6,
    sum(case when day > {as_of} then bought else 0 end) as orders_later
from days
group by customer_id
having max(case when day <= {as_of} then bought else 0 end) = 1
order by customer_id
