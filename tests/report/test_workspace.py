"""The kit outside its checkout: the wheel holds everything, and what it makes stays in the working
folder.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import personalize
from personalize import sources
from personalize.report import Notebook, notebooks
from personalize.report.workspace import new, notebook_folder
from personalize.tables import TableError
from tests.report.helpers import PARAMETERS

ROOT = Path(__file__).parents[2]
OURS = ["md:# Ours\n\nWhat do we sell?", PARAMETERS, "import personalize as pz\nk + 1"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, installed into a folder beside the libraries of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *offline, "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("personalize-*.whl")
    install = [*pip, "install", "--no-deps", "--no-index", "--target", folder / "site", wheel]
    subprocess.run(install, check=True)
    return folder / "site"


@pytest.fixture
def program(installed, tmp_path):
    """A function that runs the installed program in an empty folder, and says what is left there."""
    here = tmp_path / "empty"
    here.mkdir()

    def run(*arguments, folder=here):
        command = [sys.executable, "-P", "-m", "personalize", *arguments]
        env = {**os.environ, "PYTHONPATH": str(installed)}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    run.folder = here
    return run


def test_the_wheel_makes_a_report_in_an_empty_folder(program, installed):
    before = sorted(path for path in installed.rglob("*") if "__pycache__" not in path.parts)
    done = program("report", "cdnow", "--only", "00")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in program.folder.iterdir()} == {"reports"}
    assert (program.folder / "reports" / "cdnow" / "00_start_here.html").is_file()
    assert (program.folder / "reports" / "index.html").is_file()
    after = sorted(path for path in installed.rglob("*") if "__pycache__" not in path.parts)
    assert before == after, "nothing is written beside the package"


def test_the_wheel_makes_a_folder_in_which_a_notebook_of_ones_own_is_a_full_citizen(
    program, notebook_file
):
    done = program("new", "work")
    assert done.returncode == 0, done.stderr
    work = program.folder / "work"
    assert {path.name for path in work.iterdir()} == {
        ".gitignore",
        "Makefile",
        "notebooks",
        "shop.yml",
    }
    notebook_file(work / "notebooks" / "10_ours.ipynb", OURS)
    done = program("report", "cdnow", "--only", "10", "-p", "k=7", folder=work)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (work / "reports" / "cdnow" / "index.html").read_text()
    assert "What do we sell?" in page and "k: 7" in page
    assert program("report", "cdnow", "--only", "10", "-p", "k=no", folder=work).returncode == 2


def test_the_wheel_has_types_notebooks_and_templates(installed):
    package = installed / "personalize"
    assert (package / "py.typed").is_file()
    names = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (package / "notebooks").iterdir()} == names
    made = {p.relative_to(package) for p in package.rglob("*") if p.suffix not in (".pyc", "")}
    inside = ROOT / "personalize"
    kept = {p.relative_to(inside) for p in inside.rglob("*.*") if "__pycache__" not in p.parts}
    assert kept <= made


def test_notebooks_of_the_working_folder_come_before_those_of_the_package(
    tmp_path, monkeypatch, notebook_file
):
    monkeypatch.chdir(tmp_path)
    assert notebook_folder().name == "notebooks" and notebook_folder() != Path("notebooks")
    notebook_file(tmp_path / "notebooks" / "10_ours.ipynb", OURS)
    assert [notebook.name for notebook in notebooks()] == ["10_ours"]
    assert notebook_folder("elsewhere") == Path("elsewhere")


def test_a_new_folder_is_whole_and_its_source_is_a_source(tmp_path):
    written = new(tmp_path / "work")
    assert written == [".gitignore", "Makefile", "notebooks", "shop.yml"]
    assert Notebook.read(tmp_path / "work" / "notebooks" / "00_start_here.ipynb").parameters
    spec = sources.read(tmp_path / "work" / "shop.yml")
    assert spec.name == "shop" and set(spec.tables) == {"orders"}
    with pytest.raises(TableError, match="not empty"):
        new(tmp_path / "work")


def test_the_version_stands_once_and_the_citation_agrees():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == personalize.__version__
    assert "\nversion =" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
