"""What customers do, described fully and honestly: centre, spread, time, relation and quality.

Everything is computed from aggregates of the engine (value counts and small tables), exactly, with
an interval wherever a sample speaks for more than itself, and with a note wherever something cannot
be said.
"""

from personalize.statistics.bivariate import (
    Association,
    Comparison,
    Correlations,
    associate,
    compare,
    correlations,
)
from personalize.statistics.change_points import Changes, changes
from personalize.statistics.cohorts import Months, months
from personalize.statistics.customer_base import (
    CENTRE,
    SPREAD,
    Behaviour,
    behaviour,
    customers,
    units,
)
from personalize.statistics.data_card import card, facts, verdicts
from personalize.statistics.decision import decide, readiness
from personalize.statistics.demographics import Attributes, attributes
from personalize.statistics.descriptives import (
    Description,
    bracket,
    describe,
    design_effect,
    sizes,
    value_counts,
    weighted_quantiles,
)
from personalize.statistics.inequality import (
    Concentration,
    Persistence,
    concentration,
    persistence,
)
from personalize.statistics.outlier_detection import JointOutliers, joint_outliers, outliers
from personalize.statistics.quality import cleaning_log, columns, oddities, promises
from personalize.statistics.seasonality import (
    Season,
    Trend,
    Trends,
    WeekdayHours,
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
)
from personalize.statistics.sessions import Visits, visits
from personalize.statistics.surveys import opinions
from personalize.statistics.text_mining import Words, texts, words

__all__ = [
    "CENTRE",
    "SPREAD",
    "Association",
    "Attributes",
    "Behaviour",
    "Changes",
    "Comparison",
    "Concentration",
    "Correlations",
    "Description",
    "JointOutliers",
    "Months",
    "Persistence",
    "Season",
    "Trend",
    "Trends",
    "Visits",
    "WeekdayHours",
    "Words",
    "associate",
    "attributes",
    "behaviour",
    "bracket",
    "by_hour",
    "by_weekday",
    "card",
    "changes",
    "cleaning_log",
    "columns",
    "compare",
    "concentration",
    "correlations",
    "customers",
    "decide",
    "describe",
    "design_effect",
    "facts",
    "has_hours",
    "hours",
    "joint_outliers",
    "months",
    "oddities",
    "opinions",
    "outliers",
    "persistence",
    "promises",
    "readiness",
    "season",
    "sizes",
    "texts",
    "timeline",
    "trend",
    "trends",
    "units",
    "value_counts",
    "verdicts",
    "visits",
    "weekday_hour",
    "weekly",
    "weighted_quantiles",
    "words",
]
