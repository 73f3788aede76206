"""Fitted rules on disk: a JSON file that says what it is and which version wrote it."""

import json
from pathlib import Path
from typing import Any

from personalize.tables import TableError

_VERSION = 1


def write(path: str | Path, kind: str, content: dict[str, Any]) -> Path:
    """Write a fitted object; numbers keep every digit."""
    target = Path(path)
    text = json.dumps({"kind": kind, "version": _VERSION, **content}, indent=1, allow_nan=False)
    target.write_text(text + "\n", encoding="utf-8")
    return target


def read(path: str | Path, kind: str, keys: set[str]) -> dict[str, Any]:
    """Read a fitted object and check that it is the right one, of this version, and complete.

    Raises
    ------
    TableError : when the file is missing, no JSON, of another kind or version, or lacks a key.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(
            f"'{path}' does not exist: fit on your customers first, then save"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise TableError(
            f"'{path}' is no JSON ({problem}): save it again from a fitted object"
        ) from None
    if not isinstance(found, dict) or found.get("kind") != kind:
        kind_found = found.get("kind") if isinstance(found, dict) else None
        raise TableError(
            f"'{path}' holds {kind_found!r}, not {kind!r}: choose the file that belongs here"
        )
    if found.get("version") != _VERSION:
        raise TableError(
            f"'{path}' is of version {found.get('version')!r}, this package reads {_VERSION}: fit and save again"
        )
    if missing := sorted(keys - set(found)):
        raise TableError(
            f"'{path}' lacks {missing}: it was cut short or edited; fit and save again"
        )
    return {key: found[key] for key in keys}
