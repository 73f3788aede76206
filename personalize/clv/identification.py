"""What do the data allow: is leaving identified at all, and which kinds of model have a chance?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personalize.clv.bg_nbd import NBD, ModifiedBetaGeo
from personalize.clv.customers import Records
from personalize.clv.pareto_nbd import ParetoNBD
from personalize.tables import Tables, require_tables

__all__ = ["Dropout", "dropout", "regularity", "shape", "spend_independence"]

_SURE, _VAGUE = 0.99, 0.5


@dataclass(frozen=True)
class Dropout:
    """Can one see in these purchases that customers leave?

    Attributes
    ----------
    identified : True when the purchases pin the dropout down
    facts : DataFrame fact, value
    sentence : the verdict in words
    name : of the source
    """

    identified: bool
    facts: pd.DataFrame
    sentence: str
    name: str = "the data"

    def table(self) -> pd.DataFrame:
        """The facts behind the verdict: fact, value."""
        return self.facts

    def reading(self) -> str:
        """The verdict, and what P(alive) is good for."""
        use = "P(alive) means something here."
        if not self.identified:
            use = (
                "So P(alive) of this shop is shown for completeness and should not be used to "
                "pick customers; time since the last purchase, compared with the customer's own "
                "rhythm, is the better alarm."
            )
        return f"{self.name}: {self.sentence} {use}"


def dropout(tables: Tables | Records, *, as_of: Any) -> Dropout:
    """Whether leaving is identified: a verdict before anybody reads a P(alive).

    Parameters
    ----------
    tables : Tables, or the Records of them, which keep the fitted models
    as_of : date; the last known day

    Returns
    -------
    Dropout

    Raises
    ------
    TableError : when too few customers have bought again to learn from.

    Notes
    -----
    MBG/NBD describes leaving by a and b. Not identified means: a or b is known to no better than
    half its own size (standard error above 0.5 of the estimate, or a flat likelihood), or at least
    half of the customers have P(alive) above 0.99, so that the number separates nobody. The gain
    over NBD, the model in which nobody leaves, is shown beside it: a large sample makes even a tiny
    dropout "significant".
    """
    records = Records.of(tables)
    model = records.fitted(ModifiedBetaGeo(), as_of)
    never, pareto = records.fitted(NBD(), as_of), records.fitted(ParetoNBD(), as_of)
    vague = float((model.standard_errors_ / model.params_)[["a", "b"]].max(skipna=False))
    a, b = model.params_[["a", "b"]]
    leaves, sure = a / (a + b), float((model.p_alive() > _SURE).mean())
    identified = bool(vague <= _VAGUE and sure < 0.5)
    gain = (model.log_likelihood_ - never.log_likelihood_) / model.n_customers_
    less = pareto.log_likelihood_ - model.log_likelihood_
    facts = {
        "chance to leave after a purchase, a / (a + b)": leaves,
        "largest standard error of a or b, as a share of it": vague,
        f"share of customers with P(alive) above {_SURE}": sure,
        "log-likelihood gained over 'nobody leaves', a customer": gain,
        "Pareto/NBD: log-likelihood less that of MBG/NBD": less,
        "Pareto/NBD: parameters with a standard error": pareto.standard_errors_.count(),
    }
    verdict = "Dropout is identified" if identified else "Dropout is not identified"
    known = "not pinned down at all"
    if np.isfinite(vague):
        known = f"known to within {vague:.0%} of their size"
    because = (
        f"leaving after a purchase has a chance of {leaves:.2%}, its parameters are {known}, and "
        f"{sure:.0%} of the customers have P(alive) above {_SURE}"
    )
    table = pd.Series(facts, dtype=float).rename_axis("fact").reset_index(name="value")
    return Dropout(identified, table, f"{verdict}: {because}.", records.tables.name)


def regularity(tables: Tables, *, as_of: Any) -> float:
    """How regular purchases are: 1 for pure chance (Poisson), 2 or more for clockwork, below 1 for
    bursts.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day

    Returns
    -------
    float : the shape k of gamma-distributed gaps; NaN when fewer than 30 customers have two gaps

    Notes
    -----
    The share that the first of two successive gaps takes of both is Beta(k, k) whatever the
    customer's rate, so Var = 1 / (4 (2 k + 1)). The last two gaps of every customer are used; gaps
    are whole days, at least 1.

    References
    ----------
    Wheat and Morrison (1990), "Estimating purchase regularity with two interpurchase times",
    Journal of Marketing Research 27(1).
    """
    require_tables(tables, "pz.clv.regularity")
    gaps = tables.until(as_of).query("clv_gaps")
    share = gaps.gap_before / (gaps.gap_before + gaps.gap)
    if len(share) < 30:
        return float("nan")
    variance = float(((share - 0.5) ** 2).mean())
    if variance == 0:
        return float("inf")
    return (1 / (4 * variance) - 1) / 2


def spend_independence(customers: pd.DataFrame) -> float:
    """Rank correlation of how often and how much: gamma-gamma holds it to be 0. NaN below 10 repeat
    buyers.
    """
    repeat = customers[(customers.frequency > 0) & (customers.monetary_value > 0)]
    if len(repeat) < 10:
        return float("nan")
    ranks = repeat[["frequency", "monetary_value"]].rank()
    return float(ranks.corr().iloc[0, 1])


def shape(tables: Tables | Records, *, as_of: Any, horizon: int) -> pd.DataFrame:
    """What the data allow: one row a fact that decides between the models.

    Parameters
    ----------
    tables : Tables, or the Records of them
    as_of : date; the last known day
    horizon : weeks to look ahead

    Returns
    -------
    DataFrame : fact, value, says
    """
    records = Records.of(tables)
    customers = records.summary(as_of)
    once, weeks = float((customers.frequency == 0).mean()), float(customers["T"].max())
    early = 1.0
    if weeks > 0:
        early = float((customers["T"] > 0.75 * weeks).mean())
    k, rank = regularity(records.tables, as_of=as_of), spend_independence(customers)
    rows = [
        ("customers", len(customers), 499, "enough for every model", "few: intervals are wide"),
        ("bought on one day only, share", once, 0.3,
         "many never come back: probability models have a case",
         "almost everybody comes back: recent rates carry the news"),
        ("first seen in the first quarter of the days, share", early, 0.8,
         "one cohort, or customers older than the data; newcomers are rare",
         "customers arrive all the time"),
        ("weeks to look back from the training day", weeks - horizon, np.nextafter(horizon / 2, 0),
         "a regression can be trained on an earlier cut",
         "too short for a regression: only models without training labels are left"),
        ("regularity k of the gaps (1: chance)", k, 1.5,
         "regular buyers: the last weeks say much",
         "near chance, as BG/NBD and Pareto/NBD hold"),
        ("rank correlation of frequency and spend", rank, 0.3,
         "gamma-gamma's independence is broken: read its spend with care",
         "weak: gamma-gamma's independence is acceptable"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["fact", "value", "limit", "above", "says"])
    table["says"] = table.above.where(table.value.abs() > table.limit, table.says)
    table["says"] = table.says.where(np.isfinite(table.value), "too few repeat buyers to say")
    return table[["fact", "value", "says"]]
