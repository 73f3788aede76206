"""The models of association rules keep what every model keeps."""

import pandas as pd
import pytest

from personalize.association_rules import NextProduct
from tests.model_contract import Case, ModelContract

BASKETS = pd.DataFrame({"order_id": [1, 1, 1, 2, 2, 3], "product_id": list("abcabc")})
CASES = {
    "next product": Case(
        NextProduct(min_count=1),
        lambda model: model.fit(BASKETS),
        lambda model: model.recommend(["a"]),
    ),
    "next product for each": Case(
        NextProduct(min_count=1), lambda model: model.fit(BASKETS), lambda model: model.table()
    ),
}


@pytest.fixture(params=list(CASES))
def case(request) -> Case:
    return CASES[request.param]


class TestContract(ModelContract):
    pass
