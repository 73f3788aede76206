-- One row a word: documents, authors and ratings, with the sums over authors that its standard errors need.
with everyone as (
  select
    author,
    cast(count(rating) as decimal(15, 2)) as rated,
    cast(coalesce(sum(cast(rating as decimal(9, 2))), 0) as decimal(15, 2)) as points
  from {documents}
  where text is not null
  group by author
),
said as (
  select
    d.author,
    w.word_no,
    count(*) as documents,
    sum(w.times) as times,
    cast(count(d.rating) as decimal(15, 2)) as rated,
    cast(coalesce(sum(cast(d.rating as decimal(9, 2))), 0) as decimal(15, 2)) as points
  from {documents} d
  join {texts} t on t.text = d.text
  join {words} w on w.text_no = t.text_no
  group by d.author, w.word_no
)
select
  s.word_no,
  sum(s.documents) as documents,
  sum(s.times) as times,
  count(*) as authors,
  count(case when s.rated > 0 then 1 end) as raters,
  sum(s.rated) as n,
  sum(s.points) as p,
  sum(s.rated * s.rated) as nn,
  sum(s.rated * s.points) as np,
  sum(s.points * s.points) as pp,
  sum(s.rated * e.rated) as nn_all,
  sum(s.points * e.rated) as pn_all,
  sum(s.rated * e.points) as np_all,
  sum(s.points * e.points) as pp_all
from said s
join everyone e on e.author = s.author
group by s.word_no
order by s.word_no
