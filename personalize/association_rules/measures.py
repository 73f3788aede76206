"""Further measures of a rule, all from the same four counts."""

import numpy as np
import pandas as pd


def measures(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with fifteen more measures of interest beside them.

    Parameters
    ----------
    rules : as `rules` returns them, or any table with n, n_antecedent, n_consequent and support (n / N).

    Returns
    -------
    DataFrame, the rules with the added columns: cosine, jaccard, kulczynski, imbalance, all_confidence,
    max_confidence (these six do not change when baskets with neither product are added), zhang, certainty,
    added_value, phi, odds_ratio, yule_q, relative_risk, laplace, gini.

    Notes
    -----
    With x = P(X), y = P(Y), b = P(XY), c = b / x: cosine = b / sqrt(xy); jaccard = b / (x + y - b);
    kulczynski = (b/x + b/y) / 2; imbalance = |x - y| / (x + y - b); all_confidence = b / max(x, y);
    max_confidence = b / min(x, y); zhang = (b - xy) / max(b (1 - x), x (y - b)); certainty = (c - y) / (1 - y)
    for c >= y, else (c - y) / y; added_value = c - y; phi = (b - xy) / sqrt(x (1-x) y (1-y));
    odds_ratio = n11 n00 / (n10 n01); yule_q = (odds_ratio - 1) / (odds_ratio + 1);
    relative_risk = c / P(Y | not X); laplace = (n11 + 1) / (n_X + 2);
    gini = x (c² + (1-c)²) + (1-x) (d² + (1-d)²) - y² - (1-y)² with d = P(Y | not X).
    A measure whose denominator is 0 (a product in every basket) is inf, or nan for 0 / 0.

    References
    ----------
    Tan, Kumar, Srivastava (2004), Selecting the right objective measure, Information Systems 29; Wu, Chen, Han
    (2010), Re-examination of interestingness measures, DMKD 21 (null invariance); Zhang (2000) for zhang.

    Examples
    --------
    >>> one = pd.DataFrame({"n": [2], "n_antecedent": [2], "n_consequent": [4], "support": [0.25]})
    >>> measures(one)[["cosine", "jaccard", "zhang"]].round(3)
       cosine  jaccard  zhang
    0   0.707      0.5  0.667
    """
    n, first, second = (
        rules[name].to_numpy(float) for name in ("n", "n_antecedent", "n_consequent")
    )
    total = n / rules["support"].to_numpy(float)
    b, x, y = n / total, first / total, second / total
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _null_invariant(b, x, y) | _contrasts(b, x, y)
        values |= {"laplace": (n + 1) / (first + 2), "gini": _gini(b, x, y)}
    return rules.assign(**values)


def _null_invariant(b: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    either = x + y - b
    return {
        "cosine": b / np.sqrt(x * y),
        "jaccard": b / either,
        "kulczynski": (b / x + b / y) / 2,
        "imbalance": np.abs(x - y) / either,
        "all_confidence": b / np.maximum(x, y),
        "max_confidence": b / np.minimum(x, y),
    }


def _contrasts(b: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Measures that compare with independence or with the baskets without the antecedent."""
    c, above = b / x, b - x * y
    odds = b * np.maximum(1 - x - y + b, 0) / (np.maximum(x - b, 0) * np.maximum(y - b, 0))
    return {
        "zhang": above / np.maximum(b * (1 - x), x * (y - b)),
        "certainty": np.where(c >= y, (c - y) / (1 - y), (c - y) / y),
        "added_value": c - y,
        "phi": above / np.sqrt(x * (1 - x) * y * (1 - y)),
        "odds_ratio": odds,
        "yule_q": np.where(np.isinf(odds), 1.0, (odds - 1) / (odds + 1)),
        "relative_risk": c / ((y - b) / (1 - x)),
    }


def _gini(b: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    c, d = b / x, np.where(x < 1, (y - b) / np.where(x < 1, 1 - x, 1), 0.0)
    return x * (c**2 + (1 - c) ** 2) + (1 - x) * (d**2 + (1 - d) ** 2) - y**2 - (1 - y) ** 2
