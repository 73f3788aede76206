"""What a report depends on, as one small mapping, and why it must be made again when that mapping
differs.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from personalize.report.notebook import Notebook

PACKAGE = Path(__file__).parents[1]
LIBRARIES = (
    "personalize",
    "pandas",
    "numpy",
    "scipy",
    "scikit-learn",
    "statsmodels",
    "duckdb",
    "numba",
    "matplotlib",
    "pyarrow",
    "ipykernel",
    "nbconvert",
)
_WORDS = {
    "notebook": "notebook changed",
    "package": "package changed",
    "parameters": "parameters changed",
    "data": "data changed",
    "lock": "requirements.lock changed",
    "libraries": "libraries changed",
}


def key(notebook: Notebook, parameters: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """Everything a report depends on.

    Returns
    -------
    dict : notebook, package, data and lock (hex digests), parameters and libraries (plain values)
    """
    return {
        "notebook": digest(*notebook.code),
        "parameters": dict(parameters),
        "package": package(),
        "data": fingerprint,
        "lock": lock(),
        "libraries": libraries(),
    }


def why(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> str:
    """The difference between two keys in words; empty where there is none.

    >>> why({"parameters": {"k": 4}, "data": "a"}, {"parameters": {"k": 5}, "data": "b"})
    'parameters changed: k 4 -> 5; data changed'
    """
    if old is None:
        return "first run"
    said = []
    for part, words in _WORDS.items():
        before, after = old.get(part), new.get(part)
        if before == after:
            continue
        if isinstance(after, Mapping):
            words += f": {_differences(before or {}, after)}"
        said.append(words)
    return "; ".join(said)


def digest(*parts: str | bytes) -> str:
    """SHA-256 of the parts, each with its length, as hex."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()


@cache
def package() -> str:
    """Digest of every source file of the package: code, SQL, templates, built-in sources."""
    endings = {".py", ".sql", ".j2", ".css", ".js", ".json", ".csv", ".yml"}
    parts: list[str | bytes] = []
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in endings and "__pycache__" not in path.parts:
            parts += [path.relative_to(PACKAGE).as_posix(), path.read_bytes()]
    return digest(*parts)


@cache
def libraries() -> dict[str, str]:
    """Python and the libraries that results depend on, with their versions."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def lock() -> str:
    """Digest of requirements.lock of the checkout; empty where there is none."""
    path = PACKAGE.parent / "requirements.lock"
    return digest(path.read_bytes()) if path.is_file() else ""


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    said = []
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before != after:
            said.append(f"{name} {_plain(before)} -> {_plain(after)}")
    return ", ".join(said)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
