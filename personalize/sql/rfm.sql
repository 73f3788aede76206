-- One row a customer: the last day with a purchase, the number of purchases and the money, after the day {after}.
-- An order that holds only returned lines counts in the money, never as a purchase.
select
    customer_id,
    max(day) filter (where not is_return) as last_day,
    count(*) filter (where not is_return) as frequency,
    sum(amount) as monetary
from {order_totals}
where customer_id is not null and day > {after}
group by customer_id
order by customer_id
