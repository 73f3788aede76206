"""Small decision trees in words: the clusters as a few rules that a person can read, and how
faithful they are.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from personalize.inference import proportion_interval
from personalize.segmentation import deployment
from personalize.segmentation.kmeans import customers_and_features
from personalize.tables import TableError, require_fitted

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
    Each condition is the one with the largest information gain: the entropy of the clusters before
    the split, H = - sum p log2 p, minus the size-weighted entropy after it (the measure of ID3).
    Features enter in their own units, since a tree does not change when a feature is rescaled. *In
    the engine*: `sql(relation)`.

    References
    ----------
    Quinlan (1986), Induction of decision trees. Craven and Shavlik (1996), extracting
    tree-structured representations of trained networks (fidelity). Wilson (1927).

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(8), "frequency": [1, 2, 1, 2, 9, 8, 9, 8]})
    >>> card = RuleCard(max_depth=1, min_cell=1).fit(rfm, [2, 2, 2, 2, 1, 1, 1, 1])
    >>> card.table().rule.tolist()
    ['frequency >= 6', 'frequency <= 5']
    """

    def __init__(self, max_depth: int = 3, *, min_cell: int = 10, seed: int = 0) -> None:
        self.max_depth = max_depth
        self.min_cell = min_cell
        self.seed = seed

    def fit(self, table: pd.DataFrame, y: Any = None) -> "RuleCard":
        """Learn the rules from customer_id and features, and the cluster `y` of each row.

        Raises
        ------
        TableError : when the table is no table of features, a parameter is out of range, or lengths
            differ.
        """
        ids, features = customers_and_features(table)
        label = np.asarray(y)
        if label.ndim != 1 or len(label) != len(features):
            raise TableError(
                f"{label.size:,} clusters for {len(features):,} customers: one a row is needed, "
                "as in fit(rfm, assigned.cluster)"
            )
        if min(self.max_depth, self.min_cell) < 1:
            raise TableError(
                f"max_depth = {self.max_depth}, min_cell = {self.min_cell}: each must be 1 or more"
            )
        order = np.argsort(ids, kind="stable")
        x, label = features.to_numpy(float)[order], label[order]
        self.features_ = features.columns.tolist()
        self.tree_ = self._tree().fit(x, label)
        self.baseline_ = float(pd.Series(label).value_counts(normalize=True).iloc[0])
        same = self._left_out(x, label)
        self.fidelity_ = float(same.mean())
        self.fidelity_low_, self.fidelity_high_ = proportion_interval(int(same.sum()), len(same))
        self.rules_ = self._rules(features, label, self.tree_.apply(x))
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The cluster that the rules give to each customer."""
        require_fitted(self, "rules_")
        features = customers_and_features(table)[1]
        return self.tree_.predict(features[self.features_].to_numpy(float))

    def table(self) -> pd.DataFrame:
        """One row a rule, by cluster and size.

        Columns: rule (all conditions hold), cluster, customers, purity (share of them truly in that
        cluster).
        """
        require_fitted(self, "rules_")
        return self.rules_.copy()

    @property
    def caption(self) -> str:
        """How faithful the rules are, in words."""
        require_fitted(self, "rules_")
        return (
            f"Rule card: {self.fidelity_:.1%} of left-out customers placed correctly "
            f"({self.fidelity_low_:.1%} to {self.fidelity_high_:.1%}), "
            f"{self.baseline_:.1%} without rules"
        )

    def sql(self, relation: str) -> str:
        """A query that applies the rules to the customers of a relation inside the engine:
        customer_id, cluster.
        """
        require_fitted(self, "rules_")
        grown = self.tree_.tree_
        largest = self.tree_.classes_[grown.value[:, 0].argmax(axis=1)]
        cluster = deployment.tree(grown, self.features_, largest)
        return f"select customer_id, {cluster} as cluster from {relation}"

    def _tree(self) -> DecisionTreeClassifier:
        return DecisionTreeClassifier(
            criterion="entropy",
            max_depth=self.max_depth,
            min_samples_leaf=self.min_cell,
            random_state=self.seed,
        )

    def _left_out(self, x: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Whether each customer, left out while the rules are made, is placed in the true
        cluster.
        """
        if len(x) == 1:
            return np.array([True])
        drawn = np.random.default_rng(self.seed).permutation(len(x))[:_SAMPLE]
        folds = KFold(min(5, len(drawn)), shuffle=True, random_state=self.seed)
        placed = cross_val_predict(self._tree(), x[drawn], label[drawn], cv=folds)
        return placed == label[drawn]

    def _rules(self, features: pd.DataFrame, label: np.ndarray, leaf: np.ndarray) -> pd.DataFrame:
        rules = leaf_rules(self.tree_.tree_, features)
        cluster = self.tree_.classes_[self.tree_.tree_.value[rules.index, 0].argmax(axis=1)]
        found = pd.DataFrame({"rule": rules, "cluster": cluster})
        inside = pd.Series(label == found.cluster.reindex(leaf).to_numpy()).groupby(leaf)
        found["customers"], found["purity"] = inside.size(), inside.mean()
        return found.sort_values(
            ["cluster", "customers", "rule"], ascending=[True, False, True], ignore_index=True
        )


def information_gain(table: pd.DataFrame, label: np.ndarray) -> pd.DataFrame:
    """How much the best single question about each feature tells of the label, as ID3 measures it.

    Parameters
    ----------
    table : customer_id and numeric features
    label : what to tell, one a row

    Returns
    -------
    DataFrame, one row a feature, the most telling first: feature; cut (the question is: at most
    this much?); entropy
        of the label before, in bits; after, the size-weighted entropy of the two answers; gain, the
        difference

    Notes
    -----
    H = - sum p log2 p. A tree asks the question of the largest gain, and then again within each
    answer.

    References
    ----------
    Quinlan (1986), Induction of decision trees.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": range(4), "frequency": [1, 2, 8, 9]})
    >>> table["age"] = [30, 50, 30, 50]
    >>> information_gain(table, np.array([1, 1, 0, 0]))[["feature", "cut", "gain"]].to_dict("list")
    {'feature': ['frequency', 'age'], 'cut': [5.0, nan], 'gain': [1.0, 0.0]}
    """
    rows = []
    for name, values in customers_and_features(table)[1].items():
        stump = DecisionTreeClassifier(criterion="entropy", max_depth=1, random_state=0)
        grown = stump.fit(values.to_numpy(float)[:, None], label).tree_
        before, answers = float(grown.impurity[0]), grown.n_node_samples[1:]
        after = float((answers * grown.impurity[1:]).sum()) / grown.n_node_samples[0]
        cut = float(grown.threshold[0])
        if len(answers) == 0 or before - after <= 1e-12:
            after, cut = before, np.nan
        rows.append({"feature": name, "cut": cut, "entropy": before, "after": after})
    found = pd.DataFrame(rows)
    found["gain"] = (found.entropy - found.after).round(12)
    return found.sort_values(["gain", "feature"], ascending=[False, True], ignore_index=True)


def leaf_rules(tree: Any, features: pd.DataFrame) -> pd.Series:
    """The rule of each leaf of a scikit-learn tree in words, by the number of its node; whole
    numbers stay whole.
    """
    rules, stack = {}, [(0, np.tile([-np.inf, np.inf], (len(features.columns), 1)))]
    while stack:
        node, bounds = stack.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left == -1:
            rules[node] = _sentence(bounds, features)
            continue
        for child, side in ((left, 1), (right, 0)):
            narrowed = bounds.copy()
            narrowed[tree.feature[node], side] = tree.threshold[node]
            stack.append((child, narrowed))
    return pd.Series(rules)


def _sentence(bounds: np.ndarray, features: pd.DataFrame) -> str:
    conditions = []
    for name, (low, high) in zip(features.columns, bounds, strict=True):
        whole = pd.api.types.is_integer_dtype(features[name])
        if low > -np.inf:
            least = f">= {np.floor(low) + 1:,.0f}" if whole else f"> {low:,.2f}"
            conditions.append(f"{name} {least}")
        if high < np.inf:
            most = f"<= {np.floor(high):,.0f}" if whole else f"<= {high:,.2f}"
            conditions.append(f"{name} {most}")
    return " and ".join(conditions) or "everybody"
