"""How fitted rules leave Python: as a JSON file that says what it is, or as SQL that scores
customers in the engine.

The SQL keeps to what DuckDB and Spark read alike, and gives the labels that the Python objects
give.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from personalize.engine import quoted, ticked
from personalize.tables import TableError

_VERSION = 1


class Saved:
    """`save` and `load` for rules that give their plain values by `state` and are made of them by
    `of`.
    """

    KIND: ClassVar[str]
    KEYS: ClassVar[tuple[str, ...]]

    def state(self) -> dict[str, Any]:
        """The values of `KEYS`, from which `of` makes the object again."""
        raise NotImplementedError

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Self:
        """The object that `state` describes."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write the fitted rules as JSON with their version; `load` gives rules that place
        everybody alike.
        """
        content = {"kind": self.KIND, "version": _VERSION, **self.state()}
        text = json.dumps(content, indent=1, allow_nan=False, default=np.ndarray.tolist)
        target = Path(path)
        target.write_text(text + "\n", encoding="utf-8")
        return target

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; numbers keep every digit.

        Raises
        ------
        TableError : when the file is missing, no JSON, of another kind or version, or incomplete.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise TableError(
                f"'{path}' does not exist: fit on your customers first, then save"
            ) from None
        except ValueError as problem:
            raise TableError(
                f"'{path}' is no JSON ({problem}): save it again from a fitted object"
            ) from None
        kind = found.get("kind") if isinstance(found, dict) else None
        if kind != cls.KIND:
            raise TableError(
                f"'{path}' holds {kind!r}, not {cls.KIND!r}: choose the file that belongs here"
            )
        if found.get("version") != _VERSION:
            raise TableError(
                f"'{path}' is of version {found.get('version')!r}, this package reads {_VERSION}: "
                "fit and save again"
            )
        try:
            return cls.of(found)
        except TableError as problem:
            raise TableError(f"'{path}': {problem}") from None

    @classmethod
    def complete(cls, state: Any) -> dict[str, Any]:
        """The values of `KEYS` among those that were read; a missing one is named."""
        known = state if isinstance(state, dict) else {}
        missing = sorted(set(cls.KEYS) - set(known))
        if missing:
            raise TableError(
                f"the {cls.KIND} part lacks {missing}: it was cut short or edited; "
                "fit and save again"
            )
        return {key: known[key] for key in cls.KEYS}


def number(value: float) -> str:
    """The value as a double, every digit kept (a literal without exponent would be read as
    DECIMAL).

    >>> number(-0.5)
    '(-5.00000000000000000e-01)'
    """
    return f"({float(value):.17e})"


def standardised(
    features: Sequence[str], mean: np.ndarray, scale: np.ndarray, *, log: bool
) -> list[str]:
    """Each feature as the standardised number that the model sees, an expression each."""
    found = []
    for name, middle, width in zip(features, mean, scale, strict=True):
        value = f"cast({ticked(name)} as double)"
        if log:
            value = f"sign({value}) * ln(1e0 + abs({value}))"
        found.append(f"(({value}) - {number(middle)}) / {number(width)}")
    return found


def nearest_center(z: Sequence[str], centers: np.ndarray, relation: str) -> str:
    """A query: customer_id and cluster, the number of the nearest centre, the first on a tie."""
    spots = _listed(z, "z")
    squares = []
    for center in centers:
        steps = [f"(z{i} - {number(c)})" for i, c in enumerate(center, start=1)]
        squares.append(" + ".join(f"{step} * {step}" for step in steps))
    names = [f"d{j}" for j in range(1, len(squares) + 1)]
    least = f"least({', '.join(names)})" if len(names) > 1 else names[0]
    cases = _cases(f"{name} = {least}" for name in names)
    return (
        f"select customer_id, {cases} as cluster "
        f"from (select customer_id, {_listed(squares, 'd')} "
        f"from (select customer_id, {spots} from {relation}) as spots) as distances"
    )


def logistic(z: Sequence[str], coefficients: np.ndarray, intercept: float) -> str:
    """The chance 1 / (1 + exp(-(a + b'z))) as an expression."""
    total = number(intercept)
    for weight, text in zip(coefficients, z, strict=True):
        total += f" + {number(weight)} * ({text})"
    return f"1e0 / (1e0 + exp(-({total})))"


def tree(fitted: Any, features: Sequence[str], values: Sequence[Any]) -> str:
    """A scikit-learn tree as nested cases; `values` holds what each node gives, and leaves are
    read.

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
    """The score of a metric by its cuts, 1 to their number + 1, as an expression."""
    above = " + ".join(f"case when {ticked(metric)} > {number(c)} then 1 else 0 end" for c in cuts)
    return f"{len(cuts) + 1} - ({above})" if metric == "recency_days" else f"1 + ({above})"


def segment(names: pd.DataFrame, recency: str, value: str) -> str:
    """The named segment of two expressions, by the rows of the segment map, as an expression."""
    cases = ""
    for row in names.itertuples():
        cases += (
            f" when {recency} between {int(row.recency_low)} and {int(row.recency_high)}"
            f" and {value} between {int(row.value_low)} and {int(row.value_high)}"
            f" then {quoted(row.segment)}"
        )
    return f"case{cases} end"


def _listed(expressions: Iterable[str], letter: str) -> str:
    return ", ".join(f"{text} as {letter}{i}" for i, text in enumerate(expressions, start=1))


def _cases(conditions: Iterable[str]) -> str:
    """The number of the first condition that holds."""
    cases = " ".join(f"when {text} then {i}" for i, text in enumerate(conditions, start=1))
    return f"case {cases} end"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    return str(int(value)) if isinstance(value, int | np.integer) else number(value)
