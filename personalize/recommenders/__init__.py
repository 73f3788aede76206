"""What to show whom: repeat purchases, discoveries, and the proof that a model earns its place.

    model = pz.recommenders.PersonalFrequency().fit(tables, as_of="2017-10-29")
    model.recommend(k=10, repeat="due")  # customer_id, rank, product_id, score, slate, reason
    trial = pz.recommenders.Trial.load(pz.evaluate.time_split(tables, cut="2017-10-29"))
    trial.compare({"mine": model}).table()

Every model has the same two verbs (see `Recommender`). `Hybrid` blends two of them.
"""

from personalize.recommenders.als import ALS
from personalize.recommenders.base import Recommender
from personalize.recommenders.content import Content
from personalize.recommenders.evaluation import Trial
from personalize.recommenders.history import History
from personalize.recommenders.hybrid import AlphaCurve, Hybrid, alpha_curve
from personalize.recommenders.items import EASE, ItemKNN
from personalize.recommenders.kernels import warm
from personalize.recommenders.neighbours import (
    TIFU,
    MostPopular,
    PersonalFrequency,
    Social,
    UserKNN,
)
from personalize.recommenders.pitfalls import leakage, random_split, sampled_ranks
from personalize.recommenders.reorder import Reorder
from personalize.recommenders.scoreboard import Scoreboard
from personalize.recommenders.slate import (
    Periods,
    answer,
    cold_start,
    most_named,
    periods,
    saleable,
    slates,
)

__all__ = [
    "ALS",
    "EASE",
    "TIFU",
    "AlphaCurve",
    "Content",
    "History",
    "Hybrid",
    "ItemKNN",
    "MostPopular",
    "Periods",
    "PersonalFrequency",
    "Recommender",
    "Reorder",
    "Scoreboard",
    "Social",
    "Trial",
    "UserKNN",
    "alpha_curve",
    "answer",
    "cold_start",
    "leakage",
    "most_named",
    "periods",
    "random_split",
    "saleable",
    "sampled_ranks",
    "slates",
    "warm",
]
