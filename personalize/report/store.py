"""The folder of one source's reports: what is in it, whether it is whole, and how it changes.

`manifest.json` says of every report what it was made from and the digests of its files. Files are written under
`.new-*` and renamed; the entry is taken out before and put back after, so that a run that is cut off at any moment
leaves a report that is either whole or known to be unfinished.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from personalize.report.keys import digest
from personalize.tables import TableError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FORMAT = 1


class Store:
    """The reports of one source.

    Parameters
    ----------
    folder : <out>/<source name>
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = {"format": FORMAT, "reports": {}}
        try:
            found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return
        if isinstance(found, dict) and found.get("format") == FORMAT:
            self.manifest = found

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """What is known of each report, by notebook name."""
        return self.manifest["reports"]

    def damage(self, name: str) -> str:
        """What is wrong with the files of a report, in words; empty where they are as they were written."""
        for path, expected in self.reports[name]["files"].items():
            file = self.folder / path
            if not file.is_file():
                return f"{path} is missing"
            if digest(file.read_bytes()) != expected:
                return f"{path} was changed by hand"
        return ""

    def write(self, name: str, text: str) -> None:
        """Write one file of the folder under another name, then rename; nothing is touched where it is the same."""
        path, data = self.folder / name, text.encode()
        if path.is_file() and path.read_bytes() == data:
            return
        half = path.with_name(f".new-{os.getpid()}-{path.name}")
        half.write_bytes(data)
        os.replace(half, path)

    def save(self) -> None:
        """Write the manifest."""
        self.write("manifest.json", json.dumps(self.manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs out of this folder, and clear away what an earlier one left half-written.

        Raises
        ------
        TableError : where another run is at work.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            self._clear()
            yield
            return
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise TableError(f"another run is writing {self.folder}: wait for it, or use another --out") from None
            self._clear()
            yield

    def _clear(self) -> None:
        for left in self.folder.glob(".new-*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for half-written files, on the same disk."""
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as folder:
            yield Path(folder)

    def publish(self, name: str, made: Path, entry: Mapping[str, Any]) -> None:
        """Put the files of one report in place of its earlier ones.

        Parameters
        ----------
        name : the notebook
        made : folder that holds the new files as they are to lie in the report folder
        entry : what to note of the report
        """
        old = self.reports.pop(name, {}).get("files", {})
        self.manifest.pop("index", None)  # the index page no longer shows what is there
        self.save()
        paths = sorted(p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file())
        for gone in set(old) - set(paths):
            (self.folder / gone).unlink(missing_ok=True)
        digests = {path: digest((made / path).read_bytes()) for path in paths}
        for path in paths:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(made / path, self.folder / path)
        self.reports[name] = {**entry, "files": digests}
        self.save()

    def owner(self, table: str, but: str) -> str:
        """The other report that already has a table of this file name; empty where there is none."""
        return next((n for n, e in self.reports.items() if n != but and table in e["files"]), "")


def today() -> str:
    """The moment, for the manifest only."""
    return datetime.now(UTC).isoformat(timespec="seconds")
