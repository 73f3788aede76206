"""What customers do, described fully and honestly: centre, spread, shape, time, relation and quality.

Everything is computed from aggregates of the engine (value counts and small tables), exactly, with an interval
wherever a sample speaks for more than itself, and with a note wherever something cannot be said.
"""

from personalize.statistics import readings
from personalize.statistics.attributes import Attributes, attributes
from personalize.statistics.behaviour import (
    CENTRE,
    SPREAD,
    Behaviour,
    Persistence,
    behaviour,
    customers,
    persistence,
    units,
)
from personalize.statistics.changes import Changes, changes
from personalize.statistics.cohorts import Months, months, wilson
from personalize.statistics.concentration import Concentration, concentration, sizes
from personalize.statistics.describe import (
    Description,
    bracket,
    describe,
    design_effect,
    ratio,
    value_counts,
    weighted_quantiles,
)
from personalize.statistics.glossary import about
from personalize.statistics.groups import Association, Comparison, associate, compare
from personalize.statistics.joint import JointOutliers, joint_outliers
from personalize.statistics.oddities import oddities
from personalize.statistics.opinions import opinions, sample_size
from personalize.statistics.quality import card, columns, contents, facts, promises
from personalize.statistics.relation import correlations, holm, outliers
from personalize.statistics.rhythm import (
    Season,
    Trend,
    by_hour,
    by_weekday,
    has_hours,
    hours,
    season,
    timeline,
    trend,
    trends,
    weekday_hour,
    weekly,
    with_trend,
)
from personalize.statistics.verdicts import verdicts
from personalize.statistics.visits import Visits, visits
from personalize.statistics.words import Words, texts, words

__all__ = [
    "CENTRE", "SPREAD", "Association", "Attributes", "Behaviour", "Changes", "Comparison", "Concentration",
    "Description", "JointOutliers", "Months", "Persistence", "Season", "Trend", "Visits", "Words", "about",
    "associate", "attributes", "behaviour", "bracket", "by_hour", "by_weekday", "card", "changes", "columns",
    "compare", "concentration", "contents", "correlations", "customers", "describe", "design_effect", "facts",
    "has_hours", "holm", "hours", "joint_outliers", "months", "oddities", "opinions", "outliers", "persistence",
    "promises", "ratio", "readings", "sample_size", "season", "sizes", "texts", "timeline", "trend", "trends", "units",
    "value_counts", "verdicts", "visits", "weekday_hour", "weekly", "weighted_quantiles", "wilson", "with_trend",
    "words",
]  # fmt: skip
