"""Notebooks read as data, chosen by number or name, their parameters from several places."""

from personalize import report
from personalize.report.notebook import Notebook, choose, notebooks, resolve


def test_a_notebook_is_read_without_a_kernel(made):
    notebook = Notebook.read(made.folder / "notebooks" / "00_good.ipynb")
    assert (notebook.title, notebook.question) == ("Good report", "What is **in** it?")
    assert list(notebook.parameters) == ["source", "as_of", "k", "theta"]


def test_notebooks_are_chosen_by_number_or_name(made):
    known = notebooks(made.folder / "notebooks")
    assert (
        [n.name for n in choose(known, "01")]
        == ["01_bad"]
        == [n.name for n in choose(known, ["bad"])]
    )
    assert choose(known, None) == choose(known, "") == known


def test_parameters_of_the_source_file_come_before_those_of_the_call(made):
    known = notebooks(made.folder / "notebooks")
    layers = {"shop.yml": {"k": 7, "01_bad": {"k": 8}, "theta": 2}, "given": {"theta": "3.5"}}
    values = resolve(known, known, layers)
    assert values["00_good"]["k"] == 7 and values["01_bad"]["k"] == 8
    assert values["00_good"]["theta"] == 3.5 and isinstance(values["01_bad"]["theta"], float)


def test_the_table_of_parameters_names_each_once_with_range_and_notebooks(made):
    frame = report.parameter_table(made.folder / "notebooks").set_index("parameter")
    assert list(frame.index) == ["as_of", "k", "theta"]
    assert list(frame.loc["theta", ["type", "default", "range"]]) == ["float", "1.5", "0 to 50"]
