"""What every model of every topic keeps: the promises of the wider ecosystem.

A topic's test subclasses `ModelContract` and gives the fixture `case`, parametrized over its models.
"""

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from personalize.tables import TableError


@dataclass(frozen=True)
class Case:
    """A model that is not fitted yet, how it is fitted, and what it is then asked."""

    model: Any
    fit: Callable[[Any], Any]  # returns what model.fit(...) returned
    ask: Callable[[Any], Any]  # the model's output: a frame, a series, an array or a number
    wrong: Any = "no table"  # something that is no input, given to fit alone


def equal(one: Any, other: Any) -> bool:
    """Whether two outputs are the same to the last bit."""
    if isinstance(one, pd.DataFrame | pd.Series):
        return one.equals(other)
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


class ModelContract:
    """Tests for the fixture `case`."""

    def test_fit_returns_the_model(self, case: Case):
        model = clone(case.model)
        assert case.fit(model) is model

    def test_parameters_are_read_set_and_cloned(self, case: Case):
        given = case.model.get_params()
        assert clone(case.model).set_params(**given).get_params().keys() == given.keys()
        with pytest.raises(ValueError, match="no_such_parameter"):
            clone(case.model).set_params(no_such_parameter=1)

    def test_the_name_is_in_the_repr(self, case: Case):
        assert repr(case.model).startswith(type(case.model).__name__)

    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
    def test_a_copy_of_the_fitted_model_answers_the_same(self, case: Case, copied):
        fitted = case.fit(clone(case.model))
        assert equal(case.ask(copied(fitted)), case.ask(fitted))

    def test_an_unfitted_model_says_so(self, case: Case):
        with pytest.raises(TableError, match="not fitted yet"):
            case.ask(clone(case.model))

    def test_a_wrong_object_is_refused_in_words(self, case: Case):
        with pytest.raises(TableError):
            clone(case.model).fit(case.wrong)
