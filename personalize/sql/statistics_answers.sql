-- How often each customer gave each score to each question.
select question, customer_id, score, count(*) as n
from {surveys}
where score is not null
group by question, customer_id, score
order by question, customer_id, score
