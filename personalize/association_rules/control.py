"""The control: what the same procedure finds in shuffled baskets, where there is nothing to find."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from personalize.association_rules.counting import count_codes
from personalize.association_rules.encoding import encode
from personalize.association_rules.mining import mine
from personalize.association_rules.next_product import NextProduct, next_product_trial
from personalize.association_rules.null import shuffled
from personalize.association_rules.rules import lengths, passes, rules

THETAS = tuple(k / 10 for k in range(10, 51))


def theta_curve(
    baskets: pd.DataFrame,
    *,
    min_count: int,
    seed: int,
    min_confidence: float = 0.0,
    thetas: Sequence[float] = THETAS,
) -> pd.DataFrame:
    """How many rules pass each theta, in the real baskets and in shuffled ones that hold no association.

    Parameters
    ----------
    baskets, min_count, min_confidence : as in `rules`.
    seed : of the shuffle.
    thetas : thresholds, ascending.

    Returns
    -------
    DataFrame, one row a measure and theta: measure ("lift" or "adjusted lift"), theta, real, shuffled (rules
    above theta), false_share = shuffled / real, at most 1 (0 where both are 0).
    """
    frames = [rules(data, min_count=min_count, min_confidence=min_confidence, theta=0)
              for data in (baskets, shuffled(baskets, seed=seed))]  # fmt: skip
    return curve(*frames, thetas=thetas)


def curve(
    real: pd.DataFrame, control: pd.DataFrame, *, thetas: Sequence[float] = THETAS
) -> pd.DataFrame:
    """`theta_curve` from two tables of rules (theta=0) made before: of real and of shuffled baskets."""
    steps, parts = np.asarray(thetas, float), []
    for measure in ("lift", "adjusted_lift"):
        real_n, control_n = (
            len(table) - np.searchsorted(np.sort(table[measure].to_numpy()), steps, side="right")
            for table in (real, control)
        )
        share = np.minimum(control_n / np.maximum(real_n, 1), 1.0)
        columns = {"theta": steps, "real": real_n, "shuffled": control_n, "false_share": share}
        parts.append(pd.DataFrame({"measure": measure.replace("_", " "), **columns}))
    return pd.concat(parts, ignore_index=True)


def survivors(
    real: pd.DataFrame, control: pd.DataFrame, *, min_confidence: float, theta: float
) -> pd.DataFrame:
    """What each way of judging rules finds in real baskets, and in shuffled ones where there is nothing to find.

    Parameters
    ----------
    real, control : rules (theta=0) of real and of shuffled baskets.
    min_confidence, theta : the textbook's thresholds.

    Returns
    -------
    DataFrame, one row a judgement: rules, real, shuffled (counts), false_share = shuffled / real (at most 1; nan
    where neither finds any).
    """
    judged = {
        "all rules": lambda t: np.ones(len(t), bool),
        "lift > 1": lambda t: t["lift"] > 1,
        f"lift > {theta:g} and confidence >= {min_confidence:g}": lambda t: passes(
            t, min_confidence, theta
        ),
        "accepted beyond basket size": lambda t: t["accepted"],
        "passed and accepted": lambda t: t["accepted"] & passes(t, min_confidence, theta),
        "passed, accepted, every product adds": lambda t: (
            t["productive"] & passes(t, min_confidence, theta)
        ),
    }
    table = pd.DataFrame([(name, int(f(real).sum()), int(f(control).sum())) for name, f in judged.items()],
                         columns=["rules", "real", "shuffled"])  # fmt: skip
    either = table[["real", "shuffled"]].max(axis=1)
    return table.assign(
        false_share=(table["shuffled"] / table["real"].clip(lower=1))
        .clip(upper=1)
        .where(either > 0)
    )


def by_length(real: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Lift by the number of products in a rule, in real and in shuffled baskets: basket size alone makes it grow.

    Returns
    -------
    DataFrame, one row a number of products: products, rules (real), lift, adjusted_lift (medians, real),
    shuffled_lift, shuffled_adjusted_lift (medians, shuffled; nan where there is no such rule).
    """
    parts = [
        table.groupby(lengths(table["antecedent"]) + 1)[["lift", "adjusted_lift"]].median()
        for table in (real, control)
    ]
    joined = parts[0].join(parts[1].add_prefix("shuffled_"))
    joined.insert(0, "rules", pd.Series(lengths(real["antecedent"]) + 1).value_counts())
    return joined.rename_axis("products").reset_index()


def recommended_theta(table: pd.DataFrame, *, tolerance: float = 0.05) -> float:
    """The smallest theta from which on lift lets through at most `tolerance` false rules; nan where none does.

    >>> recommended_theta(pd.DataFrame({"measure": "lift", "theta": [1.0, 2.0], "false_share": [0.4, 0.01]}))
    2.0
    """
    lift = table[table["measure"] == "lift"].sort_values("theta")
    bad = lift["false_share"].to_numpy() > tolerance
    first = bad.size - np.argmax(bad[::-1]) if bad.any() else 0
    return float(lift["theta"].iloc[first]) if first < len(lift) else float("nan")


def warm() -> None:
    """Compile the inner loops, or find them compiled: run once at set-up, so that no report waits for it."""
    toy = pd.DataFrame({"order_id": [1, 1, 1, 2, 2, 2], "product_id": list("abcabc")})
    found = mine(toy, min_count=1)
    found.table()
    count_codes(encode(toy), found.levels[1].items, group=np.zeros(2, np.int64), groups=1)
    next_product_trial(NextProduct(min_count=1).fit(toy), toy, seed=0)
    shuffled(toy, seed=0)
