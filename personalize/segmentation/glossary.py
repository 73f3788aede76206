"""What the columns of this package's tables mean, and how they are best shown."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

# column: (unit, decimals or None for as many as matter, meaning); "money" becomes the currency
COLUMNS: Mapping[str, tuple[str, int | None, str]] = {
    "customer_id": ("", None, "the customer"),
    "as_of": ("", None, "last day known"),
    "segment": ("", None, "named segment, by rules on the three scores"),
    "cluster": ("", None, "k-means cluster, 1 has the highest mean spend"),
    "typical": ("", None, "named segment that most of its customers carry"),
    "typical_share": ("%", None, "their share of the cluster"),
    "recency_score": ("", None, "1 to 5, 5 bought most recently"),
    "frequency_score": ("", None, "1 to 5, 5 bought most often"),
    "monetary_score": ("", None, "1 to 5, 5 spent most"),
    "cell": ("", None, "the three scores as text: recency, frequency, money"),
    "recency_days": ("days", 0, "days since the last purchase (median of a group)"),
    "frequency": ("purchases", 0, "purchases (median of a group)"),
    "monetary": ("money", 0, "money of all orders, returns deducted (median of a group)"),
    "recency_days_above": ("days", 0, "lowest recency of the score, exclusive"),
    "recency_days_to": ("days", 0, "highest recency of the score, inclusive"),
    "frequency_above": ("purchases", 0, "lowest frequency of the score, exclusive"),
    "frequency_to": ("purchases", 0, "highest frequency of the score, inclusive"),
    "monetary_above": ("money", None, "lowest spend of the score, exclusive"),
    "monetary_to": ("money", None, "highest spend of the score, inclusive"),
    "customers": ("", None, "number of customers"),
    "customer_share": ("%", None, "share of all customers"),
    "spend_share": ("%", None, "share of all spend"),
    "spend_share_low": ("%", None, "lower end of its 95 % interval"),
    "spend_share_high": ("%", None, "upper end of its 95 % interval"),
    "spend_ratio": ("times the mean", None, "mean spend over the mean spend of all customers"),
    "characteristics": ("", None, "the typical customer in words"),
    "treatment": ("", None, "suggested treatment, from the editable table segments.csv"),
    "smallest_share": ("%", None, "customers in the smallest cluster"),
    "outlier_share": ("%", None, "outliers in the cluster that has most of them"),
    "inertia": ("", 0, "sum of squared distances to the centres"),
    "silhouette": ("", 3, "separation, -1 to 1"),
    "gap": ("", 2, "gap statistic"),
    "gap_se": ("", 3, "its standard error"),
    "jaccard": ("", 2, "stability of the least stable cluster, 0 to 1"),
    "jaccard_low": ("", 2, "its lower 95 % bound"),
    "ari": ("", 2, "agreement of repeated clusterings, 0 to 1"),
    "purity": ("%", None, "share of the customers under the rule who are in the cluster"),
    "share": ("%", None, "share within the segment"),
    "overall": ("%", None, "share within all customers"),
    "ratio": ("", 2, "share over overall"),
    "ratio_low": ("", 2, "lower end of its interval"),
    "ratio_high": ("", 2, "upper end of its interval"),
    "next_spend": ("money", 0, "mean spend in the later period"),
    "next_spend_low": ("money", 0, "lower end of its 95 % interval"),
    "next_spend_high": ("money", 0, "upper end of its 95 % interval"),
    "silent": ("%", None, "share without a purchase in the later period"),
    "silent_low": ("%", None, "lower end of its 95 % interval"),
    "silent_high": ("%", None, "upper end of its 95 % interval"),
    "spend_known": ("", 3, "share of the variance of next spend explained"),
    "spend_gain": ("", 3, "the same minus that of the spend score alone"),
    "spend_gain_low": ("", 3, "lower end of its 95 % interval"),
    "spend_gain_high": ("", 3, "upper end of its 95 % interval"),
    "silence_auc": ("", 3, "how well silence is told, .5 is guessing"),
    "silence_gain": ("", 3, "the same minus that of the spend score alone"),
    "silence_gain_low": ("", 3, "lower end of its 95 % interval"),
    "silence_gain_high": ("", 3, "upper end of its 95 % interval"),
    "auc": ("", 3, "area under the ROC curve, .5 is guessing"),
    "auc_low": ("", 3, "lower end of its 95 % interval"),
    "auc_high": ("", 3, "upper end of its 95 % interval"),
    "gain": ("", 3, "auc minus that of recency alone"),
    "gain_low": ("", 3, "lower end of its 95 % interval"),
    "gain_high": ("", 3, "upper end of its 95 % interval"),
    "average_precision": ("", 3, "area under the precision-recall curve"),
    "average_precision_low": ("", 3, "lower end of its 95 % interval"),
    "average_precision_high": ("", 3, "upper end of its 95 % interval"),
    "brier": ("", 4, "mean squared error of the chance"),
    "skill": ("%", None, "how far that error is below the one of telling everybody the past rate"),
    "skill_low": ("%", None, "lower end of its 95 % interval"),
    "skill_high": ("%", None, "upper end of its 95 % interval"),
    "observed_low": ("%", None, "lower end of its 95 % interval"),
    "observed_high": ("%", None, "upper end of its 95 % interval"),
    "odds_ratio_low": ("", 2, "lower end of its 95 % interval"),
    "odds_ratio_high": ("", 2, "upper end of its 95 % interval"),
    "predicted": ("%", None, "mean predicted chance"),
    "observed": ("%", None, "share that fell silent"),
    "lift": ("times the rate of all", 2, "observed over the rate of all"),
    "lift_low": ("times", 2, "lower end of its 95 % interval"),
    "lift_high": ("times", 2, "upper end of its 95 % interval"),
    "odds_ratio": ("", 2, "factor on the odds of silence when the feature doubles, all else equal"),
    "agreement": ("", 2, "adjusted Rand index with the k-means clusters of all customers"),
    "assigns": ("", None, "whether new customers can be placed without clustering again"),
    "state": ("", None, "settled, or too new: the first purchase is less than four weeks old"),
    "found": ("%", None, "share of the silent who are in the top tenth"),
    "found_gain": ("%", None, "the same minus that of recency alone"),
    "found_gain_low": ("%", None, "lower end of its 95 % interval"),
    "found_gain_high": ("%", None, "upper end of its 95 % interval"),
    "churn": (
        "%",
        None,
        "chance of no purchase in the coming period; empty: nothing bought lately, not scored",
    ),
    "at_risk": ("money", 0, "that chance times the usual spend of such a period"),
}


def with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every `x`, `x_low`, `x_high` written in one column of text, which takes less room.

    >>> with_intervals(pd.DataFrame({"silent": [0.12], "silent_low": [0.1], "silent_high": [0.15]})).silent.tolist()
    ['12.0 (10.0 to 15.0)']
    """
    ends = [name for name in table.columns if {f"{name}_low", f"{name}_high"} <= set(table.columns)]
    columns = {
        name: _interval(table, name) if name in ends else table[name] for name in table.columns
    }
    hidden = {f"{name}_{end}" for name in ends for end in ("low", "high")}
    return pd.DataFrame({name: values for name, values in columns.items() if name not in hidden})


def _interval(table: pd.DataFrame, name: str) -> list[str]:
    unit, decimals, _ = COLUMNS.get(name, ("", None, ""))
    scale, places = (100, 1) if unit == "%" else (1, 2 if decimals is None else decimals)
    values = (table[[name, f"{name}_low", f"{name}_high"]] * scale).itertuples(
        index=False, name=None
    )
    return [
        f"{x:,.{places}f} ({low:,.{places}f} to {high:,.{places}f})" if x == x else "–"
        for x, low, high in values
    ]


def layout(table: pd.DataFrame, currency: str = "") -> dict[str, dict[str, Any]]:
    """The units and decimals of a table of this package, after `with_intervals`, as `show.table` takes them.

    >>> layout(pd.DataFrame({"cluster": [1], "monetary": [2.0]}), "EUR")
    {'units': {'monetary': 'EUR'}, 'digits': {'monetary': 0}}
    """
    known = {name: COLUMNS[name] for name in with_intervals(table).columns if name in COLUMNS}
    units = {
        name: (currency or "money") if unit == "money" else unit
        for name, (unit, _, _) in known.items()
        if unit
    }
    digits = {name: decimals for name, (_, decimals, _) in known.items() if decimals is not None}
    return {"units": units, "digits": digits}


def about(table: pd.DataFrame) -> dict[str, str]:
    """The meaning of each column of a table of this package.

    >>> about(pd.DataFrame({"cell": ["555"]}))
    {'cell': 'the three scores as text: recency, frequency, money'}
    """
    return {name: COLUMNS[name][2] for name in table.columns if name in COLUMNS}


def in_words(table: pd.DataFrame, template: str) -> str:
    """Each row of a table in the words of a template, one after the other.

    >>> in_words(pd.DataFrame({"k": [2, 3], "share": [0.5, 0.25]}), "{k}: {share:.0%}")
    '2: 50%; 3: 25%'
    """
    return "; ".join(template.format(**row) for row in table.to_dict("records"))
