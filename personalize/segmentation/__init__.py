"""Who the customers are: RFM scores and named segments, stable clusters, rule cards, outlook and
actions.

    rfm = pz.features.rfm(tables, as_of="2017-12-31")
    named = RFM().fit(rfm).assign(rfm)                     # scores 1 to 5 and a named segment
    clusters = KMeansSegments(choose_n_segments(rfm).n_segments).fit(rfm)
    actions(named.merge(clusters.assign(rfm)), rfm, by="cluster")

Modules: rfm (scores, named segments), kmeans, cluster_validation (how many, and would other methods
agree), encoding (many or mixed attributes), segmenter (all rules in one file), deployment (rules as
files and SQL), characteristics (what sets them apart, what they buy, who they are), decision_tree
(the clusters as rules), predictive_validity (what they knew about the future), churn (who falls
silent), churn_evaluation (and how well), transition_matrix (who moves).
"""

from personalize.segmentation.characteristics import actions, differences, facts, overview
from personalize.segmentation.churn import Churn, churn_panel
from personalize.segmentation.churn_evaluation import ChurnReport, compare_auc, contest
from personalize.segmentation.cluster_validation import (
    NumberOfSegments,
    choose_n_segments,
    compare_methods,
)
from personalize.segmentation.decision_tree import RuleCard, information_gain
from personalize.segmentation.encoding import CustomerSpace, known_facts
from personalize.segmentation.kmeans import KMeansSegments, signed_log
from personalize.segmentation.predictive_validity import (
    Hindsight,
    foresight,
    hindsight,
    what_came_next,
)
from personalize.segmentation.rfm import RFM, Cuts, segment_map
from personalize.segmentation.segmenter import TOO_NEW, Segmenter, members, newcomers
from personalize.segmentation.transition_matrix import Migration, migration, quarter

__all__ = [
    "RFM",
    "TOO_NEW",
    "Churn",
    "ChurnReport",
    "CustomerSpace",
    "Cuts",
    "Hindsight",
    "KMeansSegments",
    "Migration",
    "NumberOfSegments",
    "RuleCard",
    "Segmenter",
    "actions",
    "choose_n_segments",
    "churn_panel",
    "compare_auc",
    "compare_methods",
    "contest",
    "differences",
    "facts",
    "foresight",
    "hindsight",
    "information_gain",
    "known_facts",
    "members",
    "migration",
    "newcomers",
    "overview",
    "quarter",
    "segment_map",
    "signed_log",
    "what_came_next",
]
