"""The clusters as a few rules that a person can read, and how faithful the rules are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from personalize.segmentation import scoring_sql
from personalize.segmentation.clusters import feature_names
from personalize.tables import TableError

_SAMPLE = 20_000


class RuleCard(BaseEstimator):
    """A small decision tree that says in plain conditions which customers are in which cluster.

    Parameters
    ----------
    max_depth : conditions on the way to a rule, 1 or more; 3 gives at most 8 rules
    min_cell : fewest customers under a rule
    seed : seed of the folds

    Attributes
    ----------
    tree_ : the fitted scikit-learn tree
    features_ : names of the feature columns, in order
    fidelity_ : share of customers, not seen while fitting, whose cluster the rules give (5 folds)
    fidelity_low_, fidelity_high_ : its 95 % interval (Wilson)
    baseline_ : share in the largest cluster, what one gets without any rule
    rules_ : the table that `table` returns

    Notes
    -----
    Each condition is the one with the largest information gain: the entropy of the clusters before the split,
    H = - sum p log2 p, minus the size-weighted entropy after it (the measure of ID3). Features enter in their own
    units, since a tree does not change when a feature is rescaled.

    References
    ----------
    Quinlan (1986), Induction of decision trees. Craven and Shavlik (1996), extracting tree-structured
    representations of trained networks (fidelity). Wilson (1927).

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(8), "frequency": [1, 2, 1, 2, 9, 8, 9, 8]})
    >>> RuleCard(max_depth=1, min_cell=1).fit(rfm, [2, 2, 2, 2, 1, 1, 1, 1]).table().rule.tolist()
    ['frequency >= 6', 'frequency <= 5']
    """

    def __init__(self, max_depth: int = 3, *, min_cell: int = 10, seed: int = 0) -> None:
        self.max_depth = max_depth
        self.min_cell = min_cell
        self.seed = seed

    def fit(self, table: pd.DataFrame, clusters) -> "RuleCard":
        """Learn the rules from customer_id and features, and the cluster of each row.

        Raises
        ------
        TableError : when the table is no table of features, or lengths differ.
        """
        names, label = feature_names(table), np.asarray(clusters)
        if len(label) != len(table):
            raise TableError(
                f"{len(label):,} clusters for {len(table):,} customers: one a row is needed"
            )
        order = np.argsort(table.customer_id.to_numpy(), kind="stable")
        x, y = table[names].to_numpy(float)[order], label[order]
        self.features_ = names
        self.tree_ = self._tree().fit(x, y)
        self.baseline_ = float(pd.Series(y).value_counts(normalize=True).iloc[0])
        self._measure(x, y)
        whole = [pd.api.types.is_integer_dtype(table[name]) for name in names]
        self.rules_ = _rules(self.tree_, names, whole, (x, y))
        return self

    def table(self) -> pd.DataFrame:
        """One row a rule, by cluster and size.

        Columns: rule (all conditions hold), cluster, customers, purity (share of them truly in that cluster).
        """
        return self.rules_.copy()

    def sql(self, relation: str) -> str:
        """A query that applies the rules to the customers of a relation inside the engine: customer_id, cluster."""
        grown = self.tree_.tree_
        cluster = scoring_sql.tree(
            grown, self.features_, self.tree_.classes_[grown.value[:, 0].argmax(axis=1)]
        )
        return f"select customer_id, {cluster} as cluster from {relation}"

    def _tree(self) -> DecisionTreeClassifier:
        return DecisionTreeClassifier(
            criterion="entropy",
            max_depth=self.max_depth,
            min_samples_leaf=self.min_cell,
            random_state=self.seed,
        )

    def _measure(self, x: np.ndarray, y: np.ndarray) -> None:
        drawn = np.random.default_rng(self.seed).permutation(len(x))[:_SAMPLE]
        folds = KFold(min(5, len(drawn)), shuffle=True, random_state=self.seed)
        same = (
            cross_val_predict(self._tree(), x[drawn], y[drawn], cv=folds) == y[drawn]
            if len(x) > 1
            else [True]
        )
        self.fidelity_ = float(np.mean(same))
        self.fidelity_low_, self.fidelity_high_ = wilson(int(np.sum(same)), len(same))


def information_gain(table: pd.DataFrame, label: np.ndarray) -> pd.DataFrame:
    """How much the best single question about each feature tells of the label, as ID3 measures it.

    Parameters
    ----------
    table : customer_id and numeric features
    label : what to tell, one a row

    Returns
    -------
    DataFrame, one row a feature, the most telling first: feature; cut (the question is: at most this much?); entropy
        of the label before, in bits; after, the size-weighted entropy of the two answers; gain, the difference

    Notes
    -----
    H = - sum p log2 p. A tree asks the question of the largest gain, and then again within each answer.

    References
    ----------
    Quinlan (1986), Induction of decision trees.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": range(4), "frequency": [1, 2, 8, 9], "age": [30, 50, 30, 50]})
    >>> information_gain(table, np.array([1, 1, 0, 0]))[["feature", "cut", "gain"]].to_dict("list")
    {'feature': ['frequency', 'age'], 'cut': [5.0, nan], 'gain': [1.0, 0.0]}
    """
    rows = []
    for name in feature_names(table):
        found = DecisionTreeClassifier(criterion="entropy", max_depth=1, random_state=0)
        grown = found.fit(table[[name]].to_numpy(float), label).tree_
        share = grown.n_node_samples[1:] / grown.n_node_samples[0]
        split = len(share) > 0 and grown.impurity[0] - (share * grown.impurity[1:]).sum() > 1e-12
        after = float((share * grown.impurity[1:]).sum()) if split else float(grown.impurity[0])
        rows.append({"feature": name, "cut": float(grown.threshold[0]) if split else np.nan,
                     "entropy": float(grown.impurity[0]), "after": after})  # fmt: skip
    found = pd.DataFrame(rows)
    found["gain"] = (found.entropy - found.after).round(12)
    return found.sort_values(["gain", "feature"], ascending=[False, True], ignore_index=True)


def wilson(hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The Wilson interval of a proportion; stays inside 0 to 1 even at 0 or n hits.

    >>> tuple(round(x, 4) for x in wilson(5, 5))
    (0.5655, 1.0)
    """
    z = norm.ppf(0.5 + level / 2)
    p, weight = hits / n, 1 + z**2 / n
    middle, half = (
        (p + z**2 / (2 * n)) / weight,
        z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / weight,
    )
    return float(max(middle - half, 0)) if hits else 0.0, float(
        min(middle + half, 1)
    ) if hits < n else 1.0


def _rules(
    fitted: DecisionTreeClassifier, names: list[str], whole: list[bool], data: tuple
) -> pd.DataFrame:
    x, y = data
    leaf, rows = fitted.apply(x), []
    for node, rule in tree_leaves(fitted.tree_, names, whole):
        inside = y[leaf == node]
        cluster = fitted.classes_[fitted.tree_.value[node][0].argmax()]
        rows.append({"rule": rule, "cluster": cluster,
                     "customers": len(inside), "purity": float((inside == cluster).mean())})  # fmt: skip
    return pd.DataFrame(rows).sort_values(["cluster", "customers", "rule"], ascending=[True, False, True],
                                          ignore_index=True)  # fmt: skip


def tree_leaves(tree: Any, names: list[str], whole: list[bool]) -> Iterator[tuple[int, str]]:
    """Each leaf of a scikit-learn tree with its rule in words; `whole` says which features are whole numbers."""
    stack = [(0, np.tile([-np.inf, np.inf], (len(names), 1)))]
    while stack:
        node, bounds = stack.pop()
        if tree.children_left[node] == -1:
            yield node, _sentence(bounds, names, whole)
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        for child, side in ((tree.children_left[node], 1), (tree.children_right[node], 0)):
            narrowed = bounds.copy()
            narrowed[feature, side] = threshold
            stack.append((child, narrowed))


def _sentence(bounds: np.ndarray, names: list[str], whole: list[bool]) -> str:
    conditions = []
    for (low, high), name, integer in zip(bounds, names, whole, strict=True):
        if np.isfinite(low):
            conditions.append(
                f"{name} >= {np.floor(low) + 1:,.0f}" if integer else f"{name} > {low:,.2f}"
            )
        if np.isfinite(high):
            conditions.append(
                f"{name} <= {np.floor(high):,.0f}" if integer else f"{name} <= {high:,.2f}"
            )
    return " and ".join(conditions) or "everybody"
