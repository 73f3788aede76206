"""Who the customers are: RFM scores and named segments, stable clusters, rule cards, outlook and actions.

    rfm = pz.features.rfm(tables, as_of="2017-12-31")
    named = RFM().fit(rfm).assign(rfm)                     # scores 1 to 5 and a named segment
    clusters = KMeansSegments(choose_n_segments(rfm).n_segments).fit(rfm)
    actions(named.merge(clusters.assign(rfm)), rfm, by="cluster")

Modules: scores (RFM, named segments), clusters (k-means; kernels its inner loops), choice (how many), methods (other
ways of clustering), space (many or mixed attributes), segmenter (all rules in one file; scoring_sql says them in SQL),
profiles (what sets them apart), rulecard (the clusters as rules), traits (what they buy, who they are), outlook (what
they knew about the future), churn (who falls silent), contest (and how well), panel (what was known when), migration
(who moves), auc, glossary (columns and words), attempt.
"""

from personalize.segmentation.attempt import Refused, attempt, attempt_table
from personalize.segmentation.auc import compare_auc
from personalize.segmentation.choice import NumberOfSegments, choose_n_segments
from personalize.segmentation.churn import Churn, contest
from personalize.segmentation.clusters import KMeansSegments, warm
from personalize.segmentation.contest import ChurnReport
from personalize.segmentation.glossary import about, in_words, layout, with_intervals
from personalize.segmentation.methods import compare_methods
from personalize.segmentation.migration import Migration, migration, quarter
from personalize.segmentation.outlook import (
    Hindsight,
    foresight,
    hindsight,
    outcome,
    what_came_next,
)
from personalize.segmentation.profiles import actions, contrast, facts, overview, profile
from personalize.segmentation.rulecard import RuleCard, information_gain
from personalize.segmentation.scores import RFM, Cuts, segment_map
from personalize.segmentation.segmenter import TOO_NEW, Segmenter, newcomers
from personalize.segmentation.space import CustomerSpace
from personalize.segmentation.traits import attributes, differences, tastes

__all__ = [
    "RFM", "TOO_NEW", "Churn", "ChurnReport", "CustomerSpace", "Cuts", "Hindsight", "KMeansSegments",
    "Migration", "NumberOfSegments", "Refused", "RuleCard", "Segmenter", "about", "actions", "attempt",
    "attempt_table", "attributes", "choose_n_segments", "compare_auc", "compare_methods", "contest",
    "contrast", "differences", "facts", "foresight", "hindsight", "in_words", "information_gain", "layout",
    "migration", "newcomers", "outcome", "overview", "profile", "quarter", "segment_map", "tastes",
    "warm", "what_came_next", "with_intervals",
]  # fmt: skip
