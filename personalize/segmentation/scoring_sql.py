"""Fitted rules as SQL text, so that customers are scored where their rows live, whatever their number.

The text keeps to what DuckDB and Spark read alike, and gives the labels that the Python objects give.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from personalize.engine import quoted, ticked


def number(value: float) -> str:
    """The value as a double, every digit kept (a literal without exponent would be read as DECIMAL).

    >>> number(-0.5)
    '(-5.00000000000000000e-01)'
    """
    return f"({float(value):.17e})"


def standardised(
    features: Sequence[str], mean: np.ndarray, scale: np.ndarray, *, log: bool
) -> dict[str, str]:
    """Each feature as the standardised number that the model sees, by feature name."""
    raw = {name: f"cast({ticked(name)} as double)" for name in features}
    shown = {name: f"sign({x}) * ln(1e0 + abs({x}))" if log else x for name, x in raw.items()}
    return {name: f"(({shown[name]}) - {number(m)}) / {number(s)}"
            for name, m, s in zip(features, mean, scale, strict=True)}  # fmt: skip


def nearest_center(z: Sequence[str], centers: np.ndarray, relation: str) -> str:
    """A query: customer_id and cluster, the number of the nearest centre, the first on a tie."""
    spots = ", ".join(f"{text} as z{i}" for i, text in enumerate(z))
    squares = [" + ".join(f"(z{i} - {number(c)}) * (z{i} - {number(c)})" for i, c in enumerate(center))
               for center in centers]  # fmt: skip
    distances = ", ".join(f"{text} as d{j}" for j, text in enumerate(squares, start=1))
    names = [f"d{j}" for j in range(1, len(squares) + 1)]
    least = f"least({', '.join(names)})" if len(names) > 1 else names[0]
    cases = " ".join(f"when {name} = {least} then {j}" for j, name in enumerate(names, start=1))
    return (
        f"select customer_id, case {cases} end as cluster from (select customer_id, {distances} from "
        f"(select customer_id, {spots} from {relation}) as spots) as distances"
    )


def logistic(z: Mapping[str, str], coefficients: np.ndarray, intercept: float) -> str:
    """The chance 1 / (1 + exp(-(a + b'z))) as an expression."""
    terms = [f"{number(b)} * ({text})" for b, text in zip(coefficients, z.values(), strict=True)]
    return f"1e0 / (1e0 + exp(-({' + '.join([number(intercept), *terms])})))"


def tree(fitted: Any, features: Sequence[str], values: Sequence[Any]) -> str:
    """A scikit-learn tree as nested cases; `values` holds what each node gives, and leaves are read.

    scikit-learn compares features in single precision, and so does this.
    """

    def node(at: int) -> str:
        if fitted.children_left[at] == -1:
            return _value(values[at])
        feature = f"cast(cast({ticked(features[fitted.feature[at]])} as float) as double)"
        left, right = node(fitted.children_left[at]), node(fitted.children_right[at])
        return f"case when {feature} <= {number(fitted.threshold[at])} then {left} else {right} end"

    return node(0)


def score(metric: str, cuts: Sequence[float]) -> str:
    """The score 1 to 5 of a metric by its four cuts, as an expression."""
    above = " + ".join(
        f"case when {ticked(metric)} > {number(cut)} then 1 else 0 end" for cut in cuts
    )
    return f"5 - ({above})" if metric == "recency_days" else f"1 + ({above})"


def segment(rows: Sequence[Any]) -> str:
    """The named segment of three scores, by the rows of the segment map, as an expression."""
    cases = " ".join(
        f"when recency_score between {int(row.recency_low)} and {int(row.recency_high)} and frequency_score + "
        f"monetary_score between {int(row.value_low)} and {int(row.value_high)} then {quoted(row.segment)}"
        for row in rows
    )
    return f"case {cases} end"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    return str(int(value)) if isinstance(value, (int, np.integer)) else number(value)
