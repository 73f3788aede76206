"""When is a rule more than basket size? Intervals, p-values and their correction for all that was looked at."""

import numpy as np
import pandas as pd
from scipy.special import betainc, gammaincinv, stdtr, stdtrit

LEVEL, Q, GROUPS = 0.95, 0.05, 40


def classic(n: np.ndarray, sides: tuple[np.ndarray, np.ndarray], n_baskets: int) -> pd.DataFrame:
    """The counts of rules (baskets with both sides, with each side) and the textbook's measures from them."""
    first, second = sides
    confidence, share = n / first, second / max(1, n_baskets)
    with np.errstate(divide="ignore"):
        conviction = np.where(
            confidence < 1, (1 - share) / np.where(confidence < 1, 1 - confidence, 1), np.inf
        )
    support = n / max(1, n_baskets)
    return pd.DataFrame({
        "n": n, "n_antecedent": first, "n_consequent": second, "support": support, "confidence": confidence,
        "lift": confidence / share, "leverage": support - first / max(1, n_baskets) * share, "conviction": conviction,
    }, copy=False)  # fmt: skip


def judged(
    table: pd.DataFrame, chance: np.ndarray, errors: np.ndarray | None, *, looked_at: int
) -> pd.DataFrame:
    """The rules with expected baskets, size-adjusted lift, intervals and p-values; `errors`: see `clustered`."""
    n, trials = table["n"].to_numpy(float), table["n_antecedent"].to_numpy(float)
    expected = trials * chance
    adjusted = n / expected
    low, high = poisson_interval(n)
    p = betainc(n, trials - n + 1, chance)
    if errors is not None:
        reach = np.exp(stdtrit(GROUPS - 1, (1 + LEVEL) / 2) * np.minimum(errors, 30.0))
        low, high = np.minimum(low, 1 / reach), np.maximum(high, reach)
        p = np.maximum(p, stdtr(GROUPS - 1, -np.log(adjusted) / np.maximum(errors, 1e-12)))
    p_adjusted = benjamini_hochberg(p, tests=looked_at)
    lift = table["lift"].to_numpy()
    return table.assign(
        lift_low=lift * low, lift_high=lift * high, expected=expected, extra=n - expected,
        adjusted_lift=adjusted, adjusted_low=adjusted * low, adjusted_high=adjusted * high,
        p_value=p, p_adjusted=p_adjusted, accepted=p_adjusted <= Q,
    )  # fmt: skip


def poisson_interval(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact 95% interval of a Poisson mean, divided by the count n seen (n >= 1; Garwood 1936).

    >>> low, high = poisson_interval(np.array([10.0]))
    >>> (10 * low).round(3), (10 * high).round(3)
    (array([4.795]), array([18.39]))
    """
    tail, (counts, place) = (1 - LEVEL) / 2, np.unique(n, return_inverse=True)
    return (gammaincinv(counts, tail) / counts)[place], (
        gammaincinv(counts + 1, 1 - tail) / counts
    )[place]


def benjamini_hochberg(p: np.ndarray, *, tests: int) -> np.ndarray:
    """The p-values adjusted for `tests` comparisons, of which those without a p-value here count as 1.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03]), tests=4)
    array([0.04      , 0.05333333, 0.05333333])
    """
    order = np.argsort(p, kind="stable")
    stepped = p[order] * max(tests, len(p)) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return adjusted


def over_groups(left_out: np.ndarray) -> np.ndarray:
    """How far the 95% interval of an estimate reaches, from its values with each group of customers left out.

    The delete-a-group jackknife (Kott 2001) with as many t degrees of freedom as groups less one; columns are groups.
    """
    groups = left_out.shape[-1]
    return stdtrit(groups - 1, (1 + LEVEL) / 2) * np.sqrt(groups - 1) * left_out.std(axis=-1)
