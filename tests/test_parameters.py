"""Parameters: a line is read as papermill reads it, a value is kept or refused, in the kernel as by
the runner.
"""

import json
import re

import papermill
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.parameters import KINDS, Parameter, Range, declared
from personalize.tables import TableError


@pytest.mark.parametrize(
    "line",
    ["k = 4", "k: int | None = 4", "k: int = 4  # a=b", "k: int = 2 * 3", "k: int = 'x'", "k()",
     "k: int = 4  # [5 to 6]", "k: int = 4  # [6 to 5]", "k: int = 4  # [some]", "k: str = 'x'  # [a, b]"],
)  # fmt: skip
def test_a_parameter_line_that_papermill_would_misread_is_refused(line):
    with pytest.raises(TableError, match="name: type = default"):
        declared(line, "a.ipynb")


RANGES = {
    "[0.5 to 0.999]": ([0.5, 0.999, 0.7], [0.499, 1, -0.7]),
    "[1 or more]": ([1, 10**9], [0, 0.999]),
    "[0, or 2 to 20]": ([0, 2, 20], [1, -1, 21]),
    "[-1.5 to 0]": ([-1.5, 0], [0.1, -2]),
    "[day, week]": (["day", "week"], ["month", ""]),
    "no range": ([-1, 1e300, "x"], []),
}


@pytest.mark.parametrize("text", RANGES)
def test_a_range_holds_its_ends_and_nothing_beyond(text, notebook_file, tmp_path):
    allowed, inside, outside = Range.of(f"a help {text}"), *RANGES[text]
    assert all(map(allowed.holds, inside)) and not any(map(allowed.holds, outside))
    assert allowed.holds(inside) and not any(allowed.holds([*inside, value]) for value in outside)
    line = f"p:k: {type(inside[0]).__name__} = {inside[0]!r}  # a help {text}"
    theirs = papermill.inspect_notebook(str(notebook_file(tmp_path / "00_range.ipynb", [line])))[
        "k"
    ]
    assert theirs["help"] == f"a help {text}" and theirs["default"] == repr(inside[0])


VALUES = {
    "int": st.integers(), "float": st.floats(allow_nan=False, allow_infinity=False), "bool": st.booleans(),
    "str": st.text(), "list[int]": st.lists(st.integers()), "list[float]": st.lists(st.floats(-1e9, 1e9)),
    "list[str]": st.lists(st.text()),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_value_of_the_right_type_is_kept_as_it_is(kind, data):
    value = data.draw(VALUES[kind])
    assert Parameter("x", kind, None, "").read(value) == value


@pytest.mark.parametrize("kind", ["int", "float"])
@given(value=st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_text_is_read_as_the_number_it_says(kind, value):
    if kind == "int" and not isinstance(value, int):
        with pytest.raises(ValueError, match="whole number"):
            Parameter("x", kind, 0, "").read(str(value))
    else:
        assert Parameter("x", kind, 0, "").read(str(value)) == value


CELL = """source: str = "complete_journey"  # built-in source or path of a source file
theta: float = 1.5  # least lift [0 to 50]
min_cell: int = 10  # smallest group [1 or more]
level: str = "category"  # what counts as a product [product, or a column of products]
as_of: str = ""  # last known day"""
LOAD = "import personalize as pz\ntables = pz.load(source)"
WRONG = [
    ("theta", -1, "'theta' must be 0 to 50, not -1"),
    ("theta", True, "'theta' must be a number (float), not True"),
    ("min_cell", None, "'min_cell' must be a whole number (int), not None"),
    ("min_cell", "10", "'min_cell' must be a whole number (int), not '10'"),
    ("thteta", 2, "unknown parameter 'thteta', known: source, theta, min_cell, level, as_of"),
    (
        "level",
        "subcatgory",
        "must be product, or a column of products, not 'subcatgory'; known are",
    ),
    ("as_of", "1999-01-01", "'as_of' is 1999-01-01, outside the data, which run from 2017-01-01"),
    ("as_of", "soon", "'as_of' must be a day written YYYY-MM-DD, not 'soon'"),
]


@pytest.fixture(scope="module")
def lab():
    """A function that runs cells as JupyterLab does, in one kernel, and gives what each says of its
    error.
    """
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")

    def run(*cells):
        said = []
        for cell in ("%reset -f -s", "get_ipython().history_manager.reset()", *cells):
            reply = client.execute_interactive(cell, timeout=120, output_hook=lambda _: None)
            content = reply["content"]
            said.append(content.get("traceback", []))
        return said[-1]

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_a_wrong_parameter_is_one_line_under_papermill_alone(
    lab, notebook_file, tmp_path, name, value, words
):
    path = notebook_file(tmp_path / "03_rules.ipynb", [f"p:{CELL}", LOAD])
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            str(path), str(tmp_path / "out.ipynb"), {name: value}, progress_bar=False
        )
    told = "\n".join(caught.value.traceback).splitlines()
    assert len(told) == 1 and words in told[0] and told[0].startswith("ParameterError: ")


@pytest.mark.parametrize(("name", "value", "words"), [row for row in WRONG if row[0] != "thteta"])
def test_a_wrong_parameter_is_one_line_where_the_cell_is_edited_by_hand(lab, name, value, words):
    edited = re.sub(rf"({name}: \w+ = )\S+", rf"\g<1>{value!r}", CELL)
    told = "\n".join(lab(edited, LOAD)).splitlines()
    assert len(told) == 1 and words in told[0]
    told = "\n".join(lab(CELL, f"{name} = {value!r}", LOAD)).splitlines()
    assert len(told) == 1 and words in told[0]


def test_parameters_that_fit_are_taken_whoever_runs_the_notebook(lab):
    assert (
        lab(CELL, "# Parameters\ntheta = 2\nlevel = 'department'\nas_of = '2017-06-01'", LOAD) == []
    )
    assert lab(CELL, "theta = -1", "import personalize as pz\npz.load('cdnow')") == []
    assert lab("source = 'cdnow'", LOAD) == []


def test_a_column_that_the_kit_knows_may_be_missing(lab):
    assert lab(CELL.replace("complete_journey", "cdnow").replace("category", "brand"), LOAD) == []
    assert lab(CELL.replace("complete_journey", "cdnow").replace("category", "brnd"), LOAD)


def test_a_name_mistyped_in_a_copy_of_lab_is_one_line_and_a_further_name_is_none(lab, tmp_path):
    names = re.findall(r"^(\w+):", CELL, re.MULTILINE)
    (tmp_path / ".parameters.json").write_text(json.dumps({"03_rules.ipynb": names}))
    there = f"%cd -q {tmp_path}\n%env JPY_SESSION_NAME=lab/cdnow/03_rules.ipynb"
    told = "\n".join(lab(there, CELL.replace("theta:", "thteta:"), LOAD)).splitlines()
    assert len(told) == 1 and "unknown parameter 'thteta', known: " in told[0]
    assert lab(there, f"{CELL}\nmine: int = 1  # a number of one's own", LOAD) == []
