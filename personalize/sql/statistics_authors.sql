-- What all documents with a text hold: documents, authors, ratings, and the sums over authors of their squares.
select
  coalesce(sum(documents), 0) as documents,
  count(*) as authors,
  count(case when rated > 0 then 1 end) as raters,
  coalesce(sum(rated), 0) as n,
  coalesce(sum(points), 0) as p,
  coalesce(sum(rated * rated), 0) as nn,
  coalesce(sum(rated * points), 0) as np,
  coalesce(sum(points * points), 0) as pp,
  min(lowest) as lowest,
  max(highest) as highest
from (
  select
    count(*) as documents,
    cast(count(rating) as decimal(15, 2)) as rated,
    cast(coalesce(sum(cast(rating as decimal(9, 2))), 0) as decimal(15, 2)) as points,
    min(rating) as lowest,
    max(rating) as highest
  from {documents}
  where text is not null
  group by author
) a
