"""What customers say in surveys: net promoter score, satisfaction, answers needed."""

import numpy as np
import pandas as pd

from personalize.inference import proportion_interval, ratio
from personalize.tables import Tables, Unavailable

COLUMNS = [
    "question",
    "measure",
    "answers",
    "customers",
    "result",
    "result_low",
    "result_high",
    "mean",
    "needed",
]


def opinions(tables: Tables, *, level: float = 0.95, min_cell: int = 10) -> pd.DataFrame:
    """The score of every survey question, with its interval.

    Parameters
    ----------
    tables : Tables with a table `surveys`
    level : of the intervals, which take customers as what was sampled: one may answer more than
        once
    min_cell : questions answered by fewer customers are left out

    Returns
    -------
    DataFrame, one row a question: question, measure ("NPS" or "CSAT"), answers, customers, value,
    value_low, value_high, mean (of the scores), needed (customers to ask for an interval of 5
    points either side).

    Raises
    ------
    Unavailable : when the source has no table `surveys`.

    Notes
    -----
    A question with a score above 5 is on the 0 to 10 scale: net promoter score, the share of 9 and
    10 less the share of 0 to 6, from -1 to 1; t interval of a ratio over customers. Others are on
    the 1 to 5 scale: satisfaction, the share of 4 and 5; Wilson interval, with as many single
    answers as the answers of the customers are worth.

    References
    ----------
    Reichheld (2003), The one number you need to grow, Harvard Business Review 81. Cochran (1977),
    section 2.11.
    """
    if "surveys" not in tables:
        raise Unavailable(
            f"source '{tables.name}' has no table 'surveys': add customer_id, time, question, score"
        )
    given = tables.query("statistics_answers")
    rows = []
    for name, part in given.groupby("question", sort=True):
        rows.append((name, *_question(part, level)))
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found[found.customers >= min_cell].reset_index(drop=True)


def _question(part: pd.DataFrame, level: float) -> tuple:
    score, n = part.score.astype(float), part.n
    wide = score.max() > 5
    good = (score >= 9) * 1.0 - (score <= 6) if wide else (score >= 4) * 1.0
    points = pd.DataFrame({"customer": part.customer_id, "points": good * n, "n": n})
    each = points.groupby("customer").sum()
    value, low, high = ratio(each.points, each.n, level=level)
    spread, needed = (high - low) / 2 * np.sqrt(len(each)), 0
    if np.isfinite(spread):
        needed = int(np.ceil((spread / 0.05) ** 2))
    if wide:
        measure, ends = "NPS", np.clip([low, high], -1, 1)
    else:
        measure, ends = "CSAT", _wilson(each, value, level)
    mean = float(score @ n / n.sum())
    return measure, int(n.sum()), len(each), value, *ends, mean, needed


def _wilson(each: pd.DataFrame, share: float, level: float) -> np.ndarray:
    """Wilson's interval of a share, for as many single answers as the customers' are worth."""
    spread, worth = float(((each.points - share * each.n) ** 2).sum()), float(len(each))
    if spread > 0:
        worth = float(each.n.sum()) ** 2 * share * (1 - share) / spread
    return np.array(proportion_interval(share * worth, worth, level=level))
