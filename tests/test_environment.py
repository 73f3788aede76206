"""pyproject.toml is the source of the dependencies; the lock and the conda file must say the same."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"python-duckdb": "duckdb"}
IMPORT_NAMES = {
    "xdist": "pytest-xdist",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def _declared(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for: always, and for these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [
        *project["dependencies"],
        *(r for extra in extras for r in project["optional-dependencies"][extra]),
    ]
    return {canonicalize_name(r.name): r for r in map(Requirement, listed)}


def _locked(file: str = "requirements.lock") -> dict[str, set[str]]:
    text = (ROOT / file).read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def _conda() -> dict[str, Requirement]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    plain = [
        entry
        for entry in listed
        if isinstance(entry, str) and entry.split()[0] not in ("python", "pip")
    ]
    found = [Requirement(entry) for entry in [*plain, *(p for p in pip if p != "-e .")]]
    return {canonicalize_name(CONDA_NAMES.get(r.name, r.name)): r for r in found}


def _imported() -> set[str]:
    """The third-party packages that the kit and its tests import, by the names they are installed under."""
    names = set()
    for path in [*(ROOT / "personalize").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()
    own = {"personalize", "tests", *(path.stem for path in (ROOT / "tests").rglob("*.py"))}
    roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names - own
    return {canonicalize_name(IMPORT_NAMES.get(root, root)) for root in roots}


def test_everything_that_is_imported_is_declared():
    assert _imported() <= set(_declared("test", "engines"))


def test_the_locks_hold_every_dependency_at_an_allowed_version():
    locked = _locked() | _locked("requirements-engines.lock")
    for name, requirement in _declared("test", "engines").items():
        assert locked.get(name), f"{name} is not locked"
        assert all(requirement.specifier.contains(version) for version in locked[name]), name


def test_the_lock_of_the_engines_only_adds_to_the_lock():
    assert not _locked().keys() & _locked("requirements-engines.lock").keys()
    assert set(_declared("spark", "postgres")) - {"pyspark-client"} <= set(_declared("engines"))


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-engines.lock"])
def test_every_locked_file_has_a_hash_and_no_index_is_named(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-zA-Z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)
    assert "index-url" not in text and "://" not in text


def test_conda_and_pyproject_name_the_same_packages_with_the_same_bounds():
    declared, conda = _declared("test"), _conda()
    assert set(conda) == set(declared)
    assert {n: str(r.specifier) for n, r in conda.items()} == {
        n: str(r.specifier) for n, r in declared.items()
    }


def test_conda_allows_the_pythons_that_pyproject_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][
        0
    ]
    assert conda.removeprefix("python ").strip() == project["requires-python"]
    assert "-e ." in str((ROOT / "environment.yml").read_text(encoding="utf-8"))
