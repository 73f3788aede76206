"""The house plan as a test: who may import whom, how long a module may grow, what the package names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import personalize

PACKAGE = Path(personalize.__file__).parent
TOPICS = ["statistics", "segmentation", "association_rules", "clv", "recommenders"]
FLOORS = [  # a module imports from lower floors only
    ["tables", "deprecation", "glossary"],
    ["compiled", "parameters"],
    ["inference", "engine", "plots", "simulate"],
    ["show", "evaluate"],
    ["sources", "features"],
    TOPICS,
]
BELOW = {name: sum(FLOORS[:floor], []) for floor, names in enumerate(FLOORS) for name in names}
MAY_IMPORT = BELOW | {
    "sources": [*BELOW["sources"], "simulate"],
    "features": [*BELOW["features"]],
    "report": ["tables", "parameters", "sources", "glossary"],
    "__main__": ["tables", "parameters", "report", "sources", "simulate"],
    "__init__": [*BELOW, "report"],
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """The modules of this package that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "personalize":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("personalize."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("personalize.")}
        assert not (isinstance(node, ast.ImportFrom) and node.level), (
            f"relative import in {path.name}"
        )
    return found - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_below_it(path):
    name = _name(path)
    assert _imports(path) <= {*MAY_IMPORT[name], name}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_stays_within_four_hundred_lines_of_code(path):
    text = path.read_text(encoding="utf-8")
    prose = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            prose |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    code = [n for n, line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert len(set(code) - prose) <= 400


def _edges(path: Path) -> set[str]:
    """The files of this package that a file imports, for a type checker only included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("personalize"):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found - {"personalize"}


def test_no_two_files_import_each_other_by_any_way():
    names = {
        ".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): p
        for p in MODULES
    }
    graph = {
        name: _edges(path) & set(names) - {name}
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    left = dict(graph)
    while free := [name for name, needs in left.items() if not needs & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"a circle runs through some of {sorted(left)}"


def _functions():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def test_no_function_body_is_longer_than_sixty_lines():
    long = {}
    for path, node in _functions():
        body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        length = body[-1].end_lineno - body[0].lineno + 1
        if length > 60:
            long[f"{path.relative_to(PACKAGE)}:{node.name}"] = length
    assert not long


def test_positional_parameters_are_at_most_five():
    many = {
        f"{path.relative_to(PACKAGE)}:{node.name}": len(node.args.args)
        for path, node in _functions()
        if len([a for a in node.args.args if a.arg not in ("self", "cls")]) > 5
    }
    assert not many


def test_every_public_function_and_class_is_documented():
    bare = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                bare += (
                    [] if ast.get_docstring(node) else [f"{path.relative_to(PACKAGE)}:{node.name}"]
                )
    assert not bare


def test_importing_the_package_loads_no_heavy_library():
    code = "import sys, personalize; print(sorted({'pandas', 'sklearn', 'numba', 'matplotlib'} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
