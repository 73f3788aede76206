"""The notebooks obey the house rules, and the notebook test can fail."""

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat
import papermill
import pytest

from personalize import glossary
from personalize.report import Notebook

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINKS = (
    "https://doi.org/",
    "https://arxiv.org/",
    "http://brucehardie.com/",
    "https://www.brucehardie.com/",
)
MACHINE = re.compile(r"/(?:home|root|tmp|work|Users|mnt|private|var/folders)/|[A-Z]:\\\\?Users")
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
STRINGS = {kind for kind, name in tokenize.tok_name.items() if "STRING" in name}
every_notebook = pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)


def _read(path):
    return nbformat.read(path, as_version=4)


def _code(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def _lines(cell):
    return [
        line
        for line in cell.source.splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]


def _outputs(nb):
    return [output for cell in _code(nb) for output in cell.outputs]


def _facts(nb, kind):
    found = [output.get("metadata", {}).get("personalize", {}) for output in _outputs(nb)]
    return [fact for fact in found if fact.get("kind") == kind]


def _said(nb):
    """Everything a reader sees, pictures aside."""
    shown = [
        text
        for o in _outputs(nb)
        for mime, text in o.get("data", {}).items()
        if not mime.startswith("image/")
    ]
    streams = [output.text for output in _outputs(nb) if output.output_type == "stream"]
    return "\n".join([cell.source for cell in nb.cells] + shown + streams)


@every_notebook
def test_a_notebook_is_saved_in_order_with_outputs_and_plain_metadata(path):
    nb = _read(path)
    nbformat.validate(nb)
    assert (nb.nbformat, nb.nbformat_minor) == (4, 5)
    assert (
        set(nb.metadata) <= {"kernelspec", "language_info"}
        and nb.metadata.kernelspec.name == "python3"
    )
    assert [cell.id for cell in nb.cells] == [f"c{i:03d}" for i in range(len(nb.cells))]
    assert [cell.execution_count for cell in _code(nb)] == list(range(1, len(_code(nb)) + 1))
    assert all(set(cell.metadata) <= {"tags"} for cell in nb.cells)
    assert {tag for cell in nb.cells for tag in cell.metadata.get("tags", [])} == {"parameters"}
    assert path.stat().st_size < 1_500_000


@every_notebook
def test_a_notebook_opens_with_title_and_question_then_parameters_then_the_data(path):
    nb = _read(path)
    assert (
        nb.cells[0].cell_type == "markdown"
        and nb.cells[0].source.startswith("# ")
        and "?" in nb.cells[0].source
    )
    assert nb.cells[1].metadata.get("tags") == ["parameters"]
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in nb.cells) == 1
    assert (
        "import personalize as pz" in nb.cells[2].source and "pz.load(source)" in nb.cells[2].source
    )


@every_notebook
def test_parameters_are_read_as_papermill_reads_them(path):
    ours = Notebook.read(path).parameters
    theirs = papermill.inspect_notebook(str(path))
    assert list(ours) == list(theirs) and list(ours)[0] == "source"
    for name, parameter in ours.items():
        assert parameter.kind == theirs[name]["inferred_type_name"]
        assert parameter.default == ast.literal_eval(theirs[name]["default"])
        assert parameter.help == theirs[name]["help"] != ""


@every_notebook
def test_a_notebook_is_short_and_mostly_prose(path):
    nb = _read(path)
    sizes = [len(_lines(cell)) for cell in _code(nb)]
    words = sum(len(cell.source.split()) for cell in nb.cells if cell.cell_type == "markdown")
    assert len(sizes) <= 30
    assert max(sizes[2:]) <= 12 and statistics.median(sizes[2:]) <= 3
    assert words >= 8 * sum(sizes), f"{words} words for {sum(sizes)} lines of code"


@every_notebook
def test_code_is_open_no_long_cell_no_long_line_and_few_sentences(path):
    cells = [
        cell.source
        for cell in _code(_read(path))
        if "parameters" not in cell.metadata.get("tags", [])
    ]
    assert [cell for cell in cells if len(cell) > 400] == []
    assert [line for cell in cells for line in cell.splitlines() if len(line) > 100] == []
    total = strings = 0
    for cell in cells:
        for token in tokenize.generate_tokens(io.StringIO(cell).readline):
            if token.type not in LAYOUT:
                total += len(token.string)
                strings += len(token.string) * (token.type in STRINGS)
    assert strings <= 0.25 * total, f"{strings} of {total} characters of code are text"


CORE = {
    "01_statistics": {"pandas", "scipy", "statsmodels"},
    "02_segmentation": {"sklearn"},
    "03_association_rules": {"pandas"},
    "04_recommenders": {"sklearn"},
    "05_clv": {"sklearn", "statsmodels"},
}


@pytest.mark.parametrize("name", CORE)
def test_the_core_of_a_topic_stands_in_the_open_in_standard_packages(name):
    imported = set()
    for cell in _code(_read(ROOT / "notebooks" / f"{name}.ipynb")):
        for node in ast.walk(ast.parse(cell.source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            imported |= {module.split(".")[0] for module in names}
    assert imported & CORE[name]


@every_notebook
def test_a_notebook_ends_with_what_to_change(path):
    nb = _read(path)
    prose = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    assert re.findall(r"(?m)^## (.+)$", prose)[-2:] == ["Change it", "Decision"]


@every_notebook
def test_code_cells_call_the_package_and_hold_no_machinery(path):
    nb = _read(path)
    ends = 0
    for cell in _code(nb):
        tree = ast.parse(cell.source)
        for node in ast.walk(tree):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While), (
                cell.source
            )
            name = getattr(getattr(node, "func", None), "id", "") or getattr(
                getattr(node, "func", None), "attr", ""
            )
            assert name not in ("print", "seed", "display"), cell.source
        tokens = tokenize.generate_tokens(io.StringIO(cell.source).readline)
        assert ";" not in {token.string for token in tokens}, cell.source
        ends += isinstance(tree.body[-1], ast.Expr)
    assert ends >= 0.6 * (len(_code(nb)) - 2)


@every_notebook
def test_prose_has_formulas_but_no_money_signs_and_only_known_links(path):
    nb = _read(path)
    for cell in (cell for cell in nb.cells if cell.cell_type == "markdown"):
        rest = re.sub(
            r"\$\$.+?\$\$|`[^`]*`|(?<!\\)\$(?=\S)[^$]*?(?<=\S)\$(?!\d)",
            "",
            cell.source,
            flags=re.DOTALL,
        )
        assert "$" not in rest.replace(r"\$", ""), f"a stray money sign: {rest}"
        assert not re.search(r"<[a-zA-Z/!]", re.sub(r"`[^`]*`", "", rest)), f"raw HTML: {rest}"
    links = re.findall(r"https?://[^\s)>\"']+", _said(nb))
    assert not [link for link in links if not link.startswith(LINKS)]


@every_notebook
def test_outputs_hold_no_error_no_warning_no_address_and_no_machine_path(path):
    nb = _read(path)
    assert all(output.output_type in ("execute_result", "display_data") for output in _outputs(nb))
    assert not MACHINE.search(_said(nb))
    assert not re.search(r" at 0x[0-9a-f]{6,}", _said(nb))


@every_notebook
def test_every_figure_has_a_description_with_numbers_and_no_customer_is_named(path):
    nb = _read(path)
    for output in _outputs(nb):
        data = output.get("data", {})
        if "image/png" in data:
            alt = output.metadata["image/png"]["alt"]
            assert re.search(r"\d", alt) and data["text/plain"] == f"[figure] {alt}"
        assert not re.search(r"<th[^>]*>customer[ _]id\b", data.get("text/html", ""))


@every_notebook
def test_a_notebook_ends_in_a_decision_with_an_answer_and_headline_numbers(path):
    nb = _read(path)
    headings = [
        m
        for cell in nb.cells
        if cell.cell_type == "markdown"
        for m in re.findall(r"(?m)^## (.+)$", cell.source)
    ]
    assert headings[-1] == "Decision"
    assert len(_facts(nb, "answer")) == 1
    assert len(_facts(nb, "headline")) <= 3
    for fact in _facts(nb, "export"):
        for column, held in fact["columns"].items():
            known = glossary.meaning(column, table=fact["name"]).text
            assert held == known != "", f"{fact['name']}.{column} is not as in the glossary"


CELLS = {
    "noise": ("0.1 + 0.2", "0.300000001"),
    "changed": ("0.1 + 0.2", "0.3003"),
    "whole": ("1234567", "1234568"),
    "words": ("'left'", "'right'"),
    "semicolon": ("6 * 7;", None),
    "figure": (
        "from personalize import show, plots\nshow.figure(plots.figure()[0], 'peak 12.5')",
        "[figure] peak 13.5",
    ),
}


def test_the_notebook_test_passes_noise_and_fails_what_changed(tmp_path):
    nb = nbformat.v4.new_notebook()
    for i, (source, saved) in enumerate(CELLS.values()):
        data = {"text/plain": saved} | ({"image/png": ""} if "figure" in source else {})
        shown = (
            [nbformat.v4.new_output("execute_result", data, execution_count=i + 1)] if saved else []
        )
        nb.cells.append(nbformat.v4.new_code_cell(source, outputs=shown, execution_count=i + 1))
    nbformat.write(nb, tmp_path / "probe.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(tmp_path / "probe.ipynb"),
        "--nbval",
        "--nbval-current-env",
        "-rA",
    ]
    command += [
        "--nbval-sanitize-with",
        "tests/nbval.cfg",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-c",
        "pyproject.toml",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    passed = {int(n) for n in re.findall(r"^PASSED .*::Cell (\d+)", done.stdout, re.MULTILINE)}
    assert passed == {list(CELLS).index(name) for name in ("noise", "semicolon")}, done.stdout
