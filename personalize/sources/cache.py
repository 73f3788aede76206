"""The folder of converted sources: what a conversion depends on, where it lies, what gives way."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import platformdirs

from personalize.sources.spec import SourceSpec

PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """The folder of engine files: $PERSONALIZE_CACHE, else the user's own cache; owner only."""
    chosen = Path(os.environ.get("PERSONALIZE_CACHE") or platformdirs.user_cache_dir("personalize"))
    chosen.mkdir(parents=True, exist_ok=True, mode=0o700)
    return chosen


def short(text: str) -> str:
    """A key of eight characters."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def fingerprint(spec: SourceSpec) -> str:
    """What the tables depend on: raw content, source file and code.

    The engine is left out: both give equal results.
    """
    digest = hashlib.sha256(version("duckdb").encode())
    rules = spec.model_dump(mode="json", exclude={"parameters", "engine"})
    for table in rules["tables"].values():
        del table["folder"]
        if table["sql"]:
            del table["path"]
    digest.update(json.dumps(rules, sort_keys=True).encode())
    for name, file in [*_code(spec), *_raw(spec)]:
        digest.update(name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _code(spec: SourceSpec) -> Iterator[tuple[str, Path]]:
    """The code that makes the tables."""
    patterns = ["tables.py", "sql/order_*.sql", "sources/*.py", "engine/*.py"]
    if spec.simulate is not None:
        patterns += ["simulate/*.py", "simulate/*.csv"]
    for pattern in patterns:
        for file in sorted(PACKAGE.glob(pattern)):
            yield file.name, file


def _raw(spec: SourceSpec) -> Iterator[tuple[str, Path]]:
    """The raw files; what a database gave bears the name of its table."""
    for name, table in spec.tables.items():
        for file in table.files():
            yield name if table.sql else file.name, file


def write(note: Path, facts: Mapping) -> None:
    """Write a note; under its own name it is always whole."""
    made = note.with_name(f"{note.name}.{os.getpid()}")
    made.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(made, note)


def older(path: Path, note: Path) -> list[Path]:
    """What was converted from the same source for the same engine before, or a broken run left.

    The file and its note themselves are not among them: another process may be about to open them.
    """
    stem, _, ending = path.name.rpartition(".")
    found = set(path.parent.glob(f"{stem[:-16]}{'[0-9a-f]' * 16}.{ending}*"))
    return sorted(found - {path, note})


def remove(old: Path) -> None:
    """Remove a file or a folder, where it is there."""
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)
