"""Every model of segmentation keeps the promises of scikit-learn's ecosystem."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import personalize as pz
from personalize.segmentation import (
    RFM,
    Churn,
    CustomerSpace,
    KMeansSegments,
    RuleCard,
    Segmenter,
    churn_panel,
)
from tests.model_contract import Case, ModelContract

METRICS = ["recency_days", "frequency", "monetary"]


@pytest.fixture(scope="module")
def shop():
    return pz.load("complete_journey")


@pytest.fixture(scope="module")
def rfm(shop) -> pd.DataFrame:
    return pz.features.rfm(shop, as_of="2017-12-31")


CASES = {
    "RFM": (RFM(), "assign"),
    "RFM of 7 levels": (RFM(levels=7), "assign"),
    "KMeansSegments": (KMeansSegments(3), "predict"),
    "Segmenter": (Segmenter(3), "assign"),
    "CustomerSpace": (CustomerSpace(many=3), "transform"),
    "RuleCard": (RuleCard(), "predict"),
    "Churn logistic": (Churn(), "chance"),
    "Churn svm": (Churn("svm"), "chance"),
    "Churn tree": (Churn("tree"), "chance"),
    "Churn forest": (Churn(RandomForestClassifier(20, random_state=0)), "chance"),
}


class TestEveryModel(ModelContract):
    @pytest.fixture(params=CASES, ids=str)
    def case(self, request, shop, rfm) -> Case:
        model, question = CASES[request.param]

        def fit(model):
            if isinstance(model, Churn):
                return model.fit(shop, as_of="2017-12-31")
            return model.fit(rfm, rfm.monetary > 1000)

        return Case(model, fit, lambda model: getattr(model, question)(rfm))


def test_k_means_works_in_a_pipeline_on_a_table_and_on_an_array(rfm):
    steps = make_pipeline(StandardScaler(), KMeansSegments(3, log=False))
    by_table = steps.fit_predict(rfm.set_index("customer_id"))
    by_array = steps.fit_predict(rfm[METRICS].to_numpy())
    assert (by_table == by_array).all() and set(by_table) == {1, 2, 3}
    assert (steps.predict(rfm[METRICS].to_numpy()) == by_table).all()
    assert len(steps.fit(rfm)[-1].labels_) == len(rfm)


def test_mixed_attributes_are_encoded_and_clustered_in_one_pipeline(shop, rfm):
    people = rfm.merge(shop.customers.to_pandas(), on="customer_id", how="left")
    steps = make_pipeline(CustomerSpace(), KMeansSegments(3, log=False))
    assert set(steps.fit_predict(people)) == {1, 2, 3}


def test_the_panel_is_what_scikit_learn_scores_as_it_scores_any_table(shop):
    seen = churn_panel(shop, as_of="2017-10-15")
    model = make_pipeline(StandardScaler(), LogisticRegression())
    score = cross_val_score(model, np.log1p(seen[METRICS]), seen.silent, scoring="roc_auc")
    assert score.mean() > 0.8
