"""What the columns of the result tables hold, for exports and for readers."""

import pandas as pd

ABOUT = {
    "antecedent": "items in the basket",
    "consequent": "item that the rule speaks of",
    "product_id": "item in the basket",
    "partner": "item to offer with it",
    "other": "item kept apart from it",
    "group": "group from which an item is bought too",
    "itemset": "items of the bundle",
    "size": "number of items",
    "score": "confidence times adjusted lift: the order of the list",
    "missing": "baskets with both that are expected and not there",
    "bundle_amount": "what a basket spends on the items, each on average",
    "basket_amount": "what the baskets that hold all items come to, on average",
    "basket_times": "basket_amount over the mean of all baskets",
    "rank": "place in the list, 1 is best",
    "n": "baskets with all items of the rule",
    "n_antecedent": "baskets with the antecedent",
    "n_consequent": "baskets with the consequent",
    "support": "share of all baskets with all items of the rule",
    "confidence": "share of the antecedent's baskets that hold the consequent",
    "lift": "confidence over the consequent's share of all baskets",
    "lift_low": "lower end of the 95% interval of lift",
    "lift_high": "upper end of the 95% interval of lift",
    "leverage": "support beyond the product of the two shares",
    "conviction": "how much oftener the rule would fail if the items were independent",
    "expected": "baskets with all items, were basket size and popularity all there is",
    "extra": "baskets with all items beyond those expected",
    "extra_low": "lower end of the 95% interval of extra",
    "extra_high": "upper end of the 95% interval of extra",
    "extra_amount": "extra times what a basket spends on the partner",
    "adjusted_lift": "n over expected",
    "adjusted_low": "lower end of the 95% interval of adjusted lift",
    "adjusted_high": "upper end of the 95% interval of adjusted lift",
    "p_value": "chance of so many baskets, were basket size and popularity all there is",
    "p_adjusted": "p_value, corrected for every rule looked at (Benjamini-Hochberg)",
    "accepted": "p_adjusted is at most 0.05",
    "productive": "accepted, and each item of the antecedent adds to the rule",
}


def about(table: pd.DataFrame) -> dict[str, str]:
    """What each known column of a result table holds.

    >>> about(pd.DataFrame({"n": [12], "mine": [0]}))
    {'n': 'baskets with all items of the rule'}
    """
    return {name: ABOUT[name] for name in table.columns if name in ABOUT}


def spoken(table: pd.DataFrame, *, label: str, value: str, low: str, high: str) -> str:
    """The rows of a table of estimates as words, for the description of a picture.

    >>> rows = pd.DataFrame({"way": ["ours", "lift"], "n": [5.25, 2], "from": [4, 1], "to": [6, 3]})
    >>> spoken(rows, label="way", value="n", low="from", high="to")
    'ours 5.25 (4.00 to 6.00), lift 2.00 (1.00 to 3.00)'
    """
    rows = table[[label, value, low, high]].itertuples(index=False)
    return ", ".join(
        f"{name} {middle:.2f} ({start:.2f} to {end:.2f})" for name, middle, start, end in rows
    )


def pair_names(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with a column `pair`: antecedent and consequent as one name."""
    sides = zip(rules["antecedent"], rules["consequent"], strict=True)
    return rules.assign(pair=[" + ".join(map(str, a + b)) for a, b in sides])
