"""What several tests of segments start from: the groceries, and customers of three planted kinds."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.segmentation import RFM, KMeansSegments


@pytest.fixture(scope="session")
def tables() -> pz.tables.Tables:
    """A year of groceries."""
    return pz.load("complete_journey")


@pytest.fixture(scope="session")
def journey(tables) -> pd.DataFrame:
    """Its customers on the last day."""
    return pz.features.rfm(tables, as_of="2017-12-31")


@pytest.fixture(scope="session")
def november(tables) -> pd.DataFrame:
    """Its customers eight weeks before the last day."""
    return pz.features.rfm(tables, as_of="2017-11-05")


@pytest.fixture(scope="session")
def assigned(november) -> pd.DataFrame:
    """Named segment and cluster of each customer of November."""
    named = RFM().fit(november).assign(november)
    return named.merge(KMeansSegments(n_segments=5).fit(november).assign(november))


@pytest.fixture(scope="session")
def planted() -> pd.DataFrame:
    """Three hundred customers of three kinds that lie far apart."""
    rng = np.random.default_rng(5)
    kind = np.repeat([0, 1, 2], [150, 100, 50])
    centre = np.array([[3, 40, 2000.0], [30, 10, 300], [200, 2, 20]])[kind]
    values = np.rint(centre * np.exp(rng.normal(0, 0.15, centre.shape)))
    table = pd.DataFrame(values, columns=["recency_days", "frequency", "monetary"])
    return table.assign(customer_id=rng.permutation(300), kind=kind)[
        ["customer_id", *table.columns, "kind"]
    ]
