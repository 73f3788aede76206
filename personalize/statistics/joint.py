"""Customers unlike all others in several measures at once: robust distances, shown and never removed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.behaviour import Behaviour

JOINT = {"orders": "orders", "spend an order": "spend_per_order", "lines an order": "lines_per_order",
         "quiet days": "quiet_days"}  # fmt: skip
FAR = 3.5  # robust standard deviations that are far out in one measure


@dataclass(frozen=True)
class JointOutliers:
    """Customers far from the bulk in several measures at once.

    Attributes
    ----------
    groups : two rows, far out and all others: group, customers, share, revenue_share, and the median of each measure
    measures : used, on a log scale; those that more than half of the customers share are left out
    n, cutoff : customers measured; distance beyond which one is far out
    expected : customers who would be there if the logarithms were normal
    unseen : far out in no single measure: only the combination is odd; NaN where a group of
        fewer than `min_cell` could be worked out from it
    note : what could not be given, and why; empty when all is well
    """

    groups: pd.DataFrame
    measures: tuple[str, ...]
    n: int
    cutoff: float = np.nan
    expected: float = np.nan
    unseen: float = np.nan
    note: str = ""

    def table(self) -> pd.DataFrame:
        """Two rows: those far out, and all others."""
        return self.groups


def joint_outliers(
    behaviour: Behaviour, *, beyond: float = 0.001, min_cell: int = 10
) -> JointOutliers:
    """Customers whose combination of habits is unlike the others', and their share of revenue.

    Parameters
    ----------
    behaviour : from `behaviour`
    beyond : share of customers that would be called far out if the logarithms of the measures were normal
    min_cell : fewer customers far out (but some) are not counted, and the note says so

    Returns
    -------
    JointOutliers : empty, with a note, where fewer than two measures vary or customers are too few.

    Notes
    -----
    Robust Mahalanobis distance d² = (x - m)' S⁻¹ (x - m) of the logarithms (of quiet days + 1), with m and S from the
    half of the customers that lie closest together (minimum covariance determinant), then from all within the 97.5%
    ellipse of these; far out is d² beyond the chi-square quantile. Five deterministic starts, no seed; the order of the
    rows does not matter. At least 50 customers with orders and spend above 0 are needed.

    References
    ----------
    Rousseeuw & Van Driessen (1999), Technometrics 41: concentration steps. Hubert, Rousseeuw & Verdonck (2012),
    Journal of Computational and Graphical Statistics 21: deterministic starts.
    """
    people = behaviour.people
    people = people[(people.orders > 0) & (people.spend_per_order > 0)]
    logs = np.log(people[list(JOINT.values())].to_numpy(float) + [0, 0, 0, 1])
    varies = [bool(_mad(column) > 0) for column in logs.T] if len(people) else []
    measures = tuple(name for name, used in zip(JOINT, varies, strict=False) if used)
    why = (
        ""
        if len(people) >= 50
        else f"{len(people)} customer(s) with orders and spend, 50 are needed"
    )
    why = why or ("" if len(measures) > 1 else "fewer than two measures vary: nothing to combine")
    found = robust_distances(logs[:, varies]) if not why else None
    if found is None:
        return JointOutliers(
            pd.DataFrame(), measures, len(people), note=why or "two measures are one: no distance"
        )
    limit = float(special.chdtri(len(measures), beyond))
    far = found > limit
    single = (np.abs(logs - np.median(logs, axis=0)) > FAR * _mad(logs))[:, varies].any(axis=1)
    unseen = float((far & ~single).sum())
    if 0 < far.sum() < min_cell or not far.any():
        why = (
            f"fewer than {min_cell} are far out: not counted here"
            if far.any()
            else "nobody is far out"
        )
        return JointOutliers(
            pd.DataFrame(), measures, len(people), limit**0.5, beyond * len(people), note=why
        )
    told = all(part == 0 or part >= min_cell for part in (unseen, far.sum() - unseen))
    crowds = (
        "more than a tenth: these are several crowds, not outliers; see the segments"
        if far.mean() > 0.1
        else ""
    )
    return JointOutliers(_described(people, far, measures), measures, len(people), limit**0.5, beyond * len(people),
                         unseen if told else np.nan, crowds)  # fmt: skip


def _described(people: pd.DataFrame, far: np.ndarray, measures: tuple[str, ...]) -> pd.DataFrame:
    total = float(people.spend.sum())
    return pd.DataFrame([
        {"group": name, "customers": int(mask.sum()), "share": float(mask.mean()),
         "revenue_share": float(people.spend[mask].sum()) / total if total else np.nan}
        | {f"median_{m}".replace(" ", "_"): float(people[JOINT[m]][mask].median()) for m in measures}
        for name, mask in (("far out", far), ("all others", ~far))
    ])  # fmt: skip


def robust_distances(values: np.ndarray) -> np.ndarray | None:
    """Squared robust distance of each row from the bulk of the rows; None where the bulk has no volume.

    Parameters
    ----------
    values : one row a customer, one column a measure, each with a median absolute deviation above 0
    """
    n, p = values.shape
    z = (values - np.median(values, axis=0)) / _mad(values)
    half = (n + p + 1) // 2
    fits = [fit for start in _starts(z) if (fit := _concentrated(z, start, half)) is not None]
    if not fits:
        return None
    _, middle, spread = min(fits, key=lambda fit: fit[0])
    squared = _squared(z, middle, spread)
    squared *= special.chdtri(p, 0.5) / np.median(squared)
    inside = z[squared <= special.chdtri(p, 0.025)]
    middle, spread = inside.mean(axis=0), np.cov(inside, rowvar=False, ddof=0)
    return _squared(z, middle, spread * 0.975 / special.chdtr(p + 2, special.chdtri(p, 0.025)))


def _mad(values: np.ndarray) -> np.ndarray:
    return 1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0)


def _squared(z: np.ndarray, middle: np.ndarray, spread: np.ndarray) -> np.ndarray:
    off = z - middle
    return (off * np.linalg.solve(spread, off.T).T).sum(axis=1)


def _starts(z: np.ndarray) -> list[np.ndarray]:
    """Squared distances from five robust first guesses of location and scatter."""
    ranks = pd.DataFrame(z).rank().to_numpy()
    length = np.linalg.norm(z, axis=1, keepdims=True)
    core = z[length[:, 0] <= np.median(length)]
    guesses = [np.corrcoef(np.tanh(z), rowvar=False), np.corrcoef(ranks, rowvar=False),
               np.corrcoef(special.ndtri((ranks - 1 / 3) / (len(z) + 1 / 3)), rowvar=False),
               (s := z / np.where(length > 0, length, 1)).T @ s, np.cov(core, rowvar=False)]  # fmt: skip
    found = []
    for guess in guesses:
        axes = np.linalg.eigh(guess)[1]
        turned = z @ axes
        scale = _mad(turned)
        if scale.min() > 0:
            found.append((((turned - np.median(turned, axis=0)) / scale) ** 2).sum(axis=1))
    return found


def _concentrated(
    z: np.ndarray, squared: np.ndarray, half: int
) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Concentration steps: the closest half gives mean and covariance, which give the closest half, until it stays."""
    best = np.inf
    for _ in range(200):
        chosen = z[np.argsort(squared, kind="stable")[:half]]
        middle, spread = chosen.mean(axis=0), np.cov(chosen, rowvar=False, ddof=0)
        size = float(np.linalg.det(spread))
        if not size > 1e-12:
            return None
        if size >= best * (1 - 1e-12):
            break
        best, squared = size, _squared(z, middle, spread)
    return best, middle, spread
