"""The loyal shop, and its trial."""

import pytest

from personalize.evaluate import time_split
from personalize.recommenders import Trial
from tests.recommenders.shops import CUT, loyal_shop


@pytest.fixture(scope="session")
def tables():
    return loyal_shop()


@pytest.fixture(scope="session")
def trial(tables):
    return Trial.load(time_split(tables, cut=CUT), k=5)
