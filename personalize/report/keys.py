"""What a report depends on, as one small mapping, and why it must be made again when that mapping differs."""

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from personalize.report.parameters import Notebook

PACKAGE = Path(__file__).parents[1]
LIBRARIES = (
    "personalize", "pandas", "numpy", "scipy", "scikit-learn", "statsmodels", "duckdb", "numba", "matplotlib",
    "pyarrow", "ipykernel", "nbconvert",
)  # fmt: skip
_WORDS = {"notebook": "notebook changed", "package": "package changed", "data": "data changed"}


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
    for part in ("notebook", "package", "parameters", "data", "lock", "libraries"):
        before, after = old.get(part), new.get(part)
        if before == after:
            continue
        if part in _WORDS:
            said.append(_WORDS[part])
        elif part == "parameters":
            said.append(f"parameters changed: {_differences(before or {}, after)}")
        elif part == "libraries":
            said.append(f"libraries changed: {_differences(before or {}, after)}")
        else:
            said.append("requirements.lock changed")
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
    files = sorted(
        p for p in PACKAGE.rglob("*") if p.suffix in endings and "__pycache__" not in p.parts
    )
    return digest(
        *(part for p in files for part in (p.relative_to(PACKAGE).as_posix(), p.read_bytes()))
    )


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
    names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {_plain(old.get(name))} -> {_plain(new.get(name))}" for name in names)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
