"""Shops that several tests of this topic read."""

import pytest

import personalize as pz
from tests.statistics.shops import SEVEN, shop


@pytest.fixture(scope="module")
def seven() -> pz.tables.Tables:
    return shop(SEVEN)


@pytest.fixture(scope="module")
def groceries() -> pz.tables.Tables:
    return pz.load("complete_journey")


@pytest.fixture(scope="module")
def cdnow() -> pz.tables.Tables:
    return pz.load("cdnow")
