"""Every recommender keeps the promises of the wider ecosystem."""

import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB

from personalize.recommenders import (
    ALS,
    EASE,
    TIFU,
    Content,
    Hybrid,
    ItemKNN,
    MostPopular,
    PersonalFrequency,
    Reorder,
    Social,
    UserKNN,
)
from personalize.tables import TableError
from tests.model_contract import Case, ModelContract
from tests.recommenders.shops import AS_OF, checkerboard

MODELS = [
    MostPopular(),
    PersonalFrequency(),
    TIFU(neighbours=5),
    UserKNN(neighbours=5),
    UserKNN(neighbours=5, components=3),
    ItemKNN(),
    EASE(l2=1),
    Content(min_products=1),
    Social(),
    Hybrid(PersonalFrequency(), ItemKNN(), alpha=0.5),
    Hybrid(Reorder(), Content(min_products=1)),
    Reorder(first=TIFU(neighbours=5)),
    Reorder(classifier=GaussianNB()),
]


class TestEveryRecommender(ModelContract):
    @pytest.fixture(params=MODELS, ids=repr)
    def case(self, request):
        board = checkerboard()
        return Case(
            request.param,
            lambda model: model.fit(board, as_of=AS_OF),
            lambda model: model.recommend(k=4),
            pd.DataFrame({"customer_id": [1]}),
        )


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_a_fitted_model_answers_when_its_source_is_closed(model):
    board = checkerboard()
    fitted = clone(model).fit(board)
    before = fitted.recommend(k=3, repeat="new")
    board.engine.close()
    pd.testing.assert_frame_equal(fitted.recommend(k=3, repeat="new"), before)


def test_models_given_to_a_model_stay_unfitted():
    first, second = PersonalFrequency(), TIFU(neighbours=5)
    Hybrid(first, second).fit(checkerboard())
    Reorder(first=first).fit(checkerboard())
    assert not hasattr(first, "history_") and not hasattr(second, "history_")


def test_a_model_on_a_cluster_has_parameters_and_refuses_what_is_no_cluster():
    assert clone(ALS(factors=3)).get_params()["factors"] == 3
    with pytest.raises(TableError, match="not fitted yet"):
        ALS().recommend()
    with pytest.raises(TableError, match="source in Spark"):
        ALS().fit("no table")
