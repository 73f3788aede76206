"""What customers say in surveys: net promoter score, satisfaction, and how many answers a claim needs."""

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.cohorts import wilson
from personalize.statistics.describe import ratio
from personalize.tables import TableError, Tables


def opinions(tables: Tables, *, level: float = 0.95, min_cell: int = 10) -> pd.DataFrame:
    """The score of every survey question, with its interval.

    Parameters
    ----------
    tables : Tables with a table `surveys`
    level : of the intervals, which take customers as what was sampled: one may answer more than once
    min_cell : questions answered by fewer customers are left out

    Returns
    -------
    DataFrame, one row a question: question, measure ("NPS" or "CSAT"), answers, customers, value, low, high, mean
    (of the scores), needed (customers to ask for an interval of 5 points either side).

    Raises
    ------
    TableError : when the source has no table `surveys`.

    Notes
    -----
    A question with a score above 5 is on the 0 to 10 scale: net promoter score, the share of 9 and 10 less the share of
    0 to 6, from -1 to 1; t interval of a ratio over customers. Others are on the 1 to 5 scale: satisfaction, the share
    of 4 and 5; Wilson interval, with as many single answers as the answers of the customers are worth.

    References
    ----------
    Reichheld (2003), The one number you need to grow, Harvard Business Review 81. Cochran (1977), section 2.11.
    """
    if "surveys" not in tables:
        raise TableError(
            f"source '{tables.name}' has no table 'surveys': add customer_id, time, question, score"
        )
    given = tables.query("statistics_answers")
    rows = [_question(name, part, level) for name, part in given.groupby("question", sort=True)]
    names = [
        "question",
        "measure",
        "answers",
        "customers",
        "value",
        "low",
        "high",
        "mean",
        "needed",
    ]
    found = pd.DataFrame(rows, columns=names)
    return found[found.customers >= min_cell].reset_index(drop=True)


def _question(name: str, part: pd.DataFrame, level: float) -> tuple:
    score, n = part.score.astype(float), part.n
    wide = score.max() > 5
    point = (score >= 9) * 1.0 - (score <= 6) * 1.0 if wide else (score >= 4) * 1.0
    each = (
        pd.DataFrame({"customer": part.customer_id, "points": point * n, "n": n})
        .groupby("customer")
        .sum()
    )
    value, low, high = ratio(each.points, each.n, level=level)
    spread = (high - low) / 2 * np.sqrt(len(each))
    ends = np.clip([low, high], -1, 1) if wide else _wilson(each, value, level)
    needed = int(np.ceil((spread / 0.05) ** 2)) if np.isfinite(spread) else 0
    return (
        name,
        "NPS" if wide else "CSAT",
        int(n.sum()),
        len(each),
        value,
        *ends,
        float(score @ n / n.sum()),
        needed,
    )


def _wilson(each: pd.DataFrame, share: float, level: float) -> np.ndarray:
    """Wilson's interval of a share, for as many single answers as the customers' answers are worth."""
    spread = float(((each.points - share * each.n) ** 2).sum())
    worth = (
        float(each.n.sum()) ** 2 * share * (1 - share) / spread if spread > 0 else float(len(each))
    )
    return np.array(wilson(share * worth, worth, level=level), float)


def sample_size(
    share: float, margin: float, *, level: float = 0.95, population: int | None = None
) -> int:
    """How many to ask so that a share is known to within a margin.

    Parameters
    ----------
    share : the share expected, 0 to 1; 0.5 is the safe choice
    margin : half the width of the interval, such as 0.05
    level : of the interval
    population : all who could be asked; fewer need to be asked of a small one

    Raises
    ------
    TableError : for a share or margin outside its range.

    Notes
    -----
    n = z² p (1 - p) / e², then n / (1 + (n - 1) / N) for a population of N (Cochran 1977, section 4.4).

    Examples
    --------
    >>> sample_size(0.5, 0.05), sample_size(0.5, 0.05, population=1000)
    (385, 278)
    """
    if not (0 <= share <= 1 and 0 < margin < 1):
        raise TableError(
            f"share = {share} must lie from 0 to 1, margin = {margin} between 0 and 1 (0.05 is 5 points)"
        )
    n = special.ndtri(0.5 + level / 2) ** 2 * share * (1 - share) / margin**2
    return int(np.ceil(n / (1 + (n - 1) / population) if population else n))
