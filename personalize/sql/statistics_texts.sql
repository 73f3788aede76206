-- Distinct texts and how many documents have each.
select text, count(*) as n
from {documents}
where text is not null
group by text
order by text
