"""How big and how open the house is: counted, so that it stays a house one can live in."""

import ast
import importlib
import io
import statistics
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

import personalize

PACKAGE = Path(personalize.__file__).parent
CHAPTERS = {"profiles", "campaigns", "offers", "realtime", "trust"}
NESTED = (
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.IfExp,
    ast.Lambda,
    ast.NamedExpr,
)
UNCOUNTED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _files() -> dict[str, list[Path]]:
    """Room -> its files."""
    rooms = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        rooms[_room(path)].append(path)
    return rooms


ROOMS = _files()
STILL_DENSE = {
    "sources": 0.12,
    "engine": 0.09,
    "features": 0.11,
    "tables": 0.1,
}  # on the way to .06
every_room = pytest.mark.parametrize("room", ROOMS)


def _bodies(path: Path) -> list[list[ast.stmt]]:
    """The body of every function, without its docstring."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None and len(node.body) > 1
            found.append(node.body[1:] if documented else node.body)
    return found


def _length(body: list[ast.stmt]) -> int:
    return body[-1].end_lineno - body[0].lineno + 1


def _nested(body: list[ast.stmt]) -> int:
    return sum(isinstance(node, NESTED) for part in body for node in ast.walk(part))


def _tokens(path: Path) -> int:
    """Tokens without comments, docstrings and line breaks; an f-string is one, as in Python 3.11."""
    text = path.read_text(encoding="utf-8")
    docstrings = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            docstrings.add(node.body[0].lineno)
    count = depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            depth += 1
        if name == "FSTRING_END":
            depth -= 1
        inside = depth > 0
        documentation = token.type == tokenize.STRING and token.start[0] in docstrings
        count += not (inside or documentation or token.type in UNCOUNTED)
    return count


@every_room
def test_expressions_are_open(room):
    bodies = [body for path in ROOMS[room] for body in _bodies(path)]
    lines = sum(map(_length, bodies))
    nested = sum(map(_nested, bodies))
    most = max(2, STILL_DENSE.get(room, 0.06) * lines)
    assert nested <= most, f"{nested} nested expressions in {lines} lines of bodies"


def test_functions_are_short():
    lengths = [
        _length(body) for paths in ROOMS.values() for path in paths for body in _bodies(path)
    ]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 30
    assert max(lengths) <= 60


def test_the_formatter_has_its_way_and_lines_are_no_longer_than_a_hundred():
    texts = [path.read_text(encoding="utf-8") for paths in ROOMS.values() for path in paths]
    lines = [line for text in texts for line in text.splitlines()]
    assert sum(text.count("fmt: skip") for text in texts) <= 10
    assert sum(len(line) > 100 for line in lines) <= 0.01 * len(lines)


def test_the_house_grows_no_larger():
    old = [path for room, paths in ROOMS.items() if room not in CHAPTERS for path in paths]
    assert len(old) <= 130  # on the way to 115
    assert sum(map(_tokens, old)) <= 175_800  # on the way to 158,000


@pytest.mark.parametrize("init", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_a_package_has_a_face_and_no_name_of_it_hides_a_module(init):
    allowed = ast.Import | ast.ImportFrom | ast.Assign | ast.Expr
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        assert isinstance(node, allowed) or getattr(node, "name", "") == "__getattr__"
    offered = getattr(importlib.import_module(f"personalize.{init.parent.name}"), "__all__", ())
    modules = {path.stem for path in init.parent.glob("*.py")}
    hidden = modules & set(offered)
    assert not hidden, f"{sorted(hidden)}: a function and a module of the same name"
