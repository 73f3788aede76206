"""Sets of products to sell as one: closed, and such that none of them could be left out."""

import numpy as np
import pandas as pd

from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.rules import lengths


def bundles(
    rules: pd.DataFrame,
    baskets: pd.DataFrame,
    *,
    spend: pd.DataFrame | None = None,
    visits: pd.DataFrame | None = None,
    k: int = 100,
) -> pd.DataFrame:
    """The sets of two to four products that belong together, those with most extra baskets first.

    Parameters
    ----------
    rules : from `rules` on `baskets` with theta=0 and all confidences: what is left out there cannot be judged here.
    baskets : order_id, product_id.
    spend : from `spend`, to put money on the products of the set.
    visits : from `visits`, to put money on the whole baskets that hold it.
    k : most bundles of each size.

    Returns
    -------
    DataFrame, one row a bundle: itemset (sorted tuple), size, n (baskets that hold it), support, adjusted_lift,
    adjusted_low, adjusted_high, extra (of the weakest of its rules: the product that is held most loosely), and where
    known bundle_amount (what baskets spend on its products, each on average), basket_amount (what the baskets that
    hold it come to, on average), basket_times (that over the mean of all baskets).

    Notes
    -----
    A bundle is a *closed* set (no further product is in all its baskets) each of whose rules is accepted, so that
    every product goes with the others beyond basket size, and at least one of whose rules is productive, so that
    every product adds something (Webb 2007). Baskets that hold a bundle are big ones: basket_amount says where the
    bundle is bought, not what it brings.

    References
    ----------
    Webb (2007), Discovering significant patterns, Machine Learning 68; Pasquier, Bastide, Taouil, Lakhal (1999),
    Discovering frequent closed itemsets, ICDT, for closed sets.
    """
    table = (
        _candidates(rules)
        .sort_values(["extra", "n"], ascending=False, kind="stable")
        .groupby("size")
        .head(k)
    )
    data = encode(baskets)
    if spend is not None:
        price = spend.set_index("product_id")["amount_per_basket"].astype(float).to_dict()
        table["bundle_amount"] = [
            sum(price.get(item, 0.0) for item in items) for items in table["itemset"]
        ]
    if visits is not None:
        amount = (
            visits.set_index("order_id")["amount"]
            .astype(float)
            .reindex(data.order_ids)
            .reset_index(drop=True)
        )
        means = [amount.iloc[held].mean() for held in _held(data, table["itemset"])]
        table = table.assign(
            basket_amount=np.array(means, float),
            basket_times=np.array(means, float) / amount.mean(),
        )
    return table.reset_index(drop=True)


def _candidates(rules: pd.DataFrame) -> pd.DataFrame:
    """The sets whose rules are all accepted, one or more of them productive, and that are closed."""
    open_sets = set(rules.loc[rules["confidence"] == 1, "antecedent"])
    accepted = rules[rules["accepted"] & (lengths(rules["antecedent"]) <= 3)]
    sets = [
        tuple(a + b) for a, b in zip(accepted["antecedent"], accepted["consequent"], strict=True)
    ]
    keys = pd.Series(
        [tuple(sorted(items, key=str)) for items in sets], index=accepted.index, dtype=object
    )
    code, names = pd.factorize(keys)
    whole = accepted.assign(itemset=keys, code=code, size=lengths(keys))
    met = np.bincount(code, minlength=len(names))[code] == whole["size"]
    adds = np.bincount(code, weights=whole["productive"], minlength=len(names))[code] > 0
    weakest = (
        whole[met & adds].sort_values(["code", "extra"], kind="stable").drop_duplicates("code")
    )
    shown = [
        "itemset",
        "size",
        "n",
        "support",
        "adjusted_lift",
        "adjusted_low",
        "adjusted_high",
        "extra",
    ]
    return weakest.loc[~weakest["itemset"].isin(open_sets), shown]


def _held(data: Baskets, sets: pd.Series) -> list[np.ndarray]:
    """The baskets that hold each set."""
    code = {label: k for k, label in enumerate(data.labels.tolist())}
    asked = np.zeros(len(data.labels), bool)
    asked[[code[item] for items in sets for item in items]] = True
    lines = np.flatnonzero(asked[data.items])
    order = lines[np.argsort(data.items[lines], kind="stable")]
    ends = np.append(0, np.cumsum(np.where(asked, data.item_counts, 0)))
    found = []
    for items in sets:
        rows = [data.basket[order[ends[code[item]] : ends[code[item] + 1]]] for item in items]
        held = rows[0]
        for row in rows[1:]:
            held = np.intersect1d(held, row, assume_unique=True)
        found.append(held)
    return found
