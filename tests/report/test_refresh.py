"""Notebooks run in place."""

import nbformat

from personalize.report import refresh
from personalize.report.execution import normalised
from tests.report.helpers import PARAMETERS


def test_refresh_stores_outputs_in_place_and_keeps_the_old_ones_of_a_failure(
    tmp_path, notebook_file
):
    good = notebook_file(tmp_path / "00_good.ipynb", ["md:# Sum", PARAMETERS, "k + 1"])
    bad = notebook_file(tmp_path / "01_bad.ipynb", ["md:# Bad", PARAMETERS, "1 / 0"])
    before, said = bad.read_bytes(), []
    assert refresh.refresh(tmp_path, say=said.append) == 1
    nb = nbformat.read(good, as_version=4)
    assert nb.cells[2].outputs[0].data["text/plain"] == "5" and nb.cells[2].execution_count == 2
    assert bad.read_bytes() == before and any("ZeroDivisionError" in line for line in said)
    assert normalised(nbformat.read(good, as_version=4)) == nb, "normalising twice changes nothing"
