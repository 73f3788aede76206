"""The reports of a small shop, made once for all tests of a module."""

import shutil

import pytest

from personalize.report import fingerprint
from tests.report.helpers import BAD, GOOD, Shop


@pytest.fixture(scope="module")
def made(tmp_path_factory, notebook_file):
    """The reports of both notebooks, run once; tests that change them copy the folder."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_CACHE", str(folder / "cache"))
        patch.setattr(
            fingerprint, "package", lambda: "this package"
        )  # however it is edited while the tests run
        notebook_file(folder / "notebooks" / "00_good.ipynb", GOOD)
        notebook_file(folder / "notebooks" / "01_bad.ipynb", BAD)
        shop = Shop(folder)
        shop.result = shop.run(parameters={"01.k": 5})
        yield shop


@pytest.fixture
def shop(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "copy")
    return Shop(tmp_path / "copy")
