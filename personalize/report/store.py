"""The folder of one source's reports: what is in it, whether it is whole, and how it changes.

`manifest.json` says of every report what it was made from and the digests of its files. A report is
replaced in one
step, page, notebook, tables and manifest together: the folder as it is to be is put together beside
it, from hard
links, and takes its place. A run that is cut off at any moment leaves the old folder or the new
one, both whole.
"""

import ctypes
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from personalize.report.fingerprint import digest
from personalize.tables import TableError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
AT_WORKING_FOLDER, EXCHANGE = -100, 2  # of renameat2 and renamex_np


class Store:
    """The reports of one source.

    Parameters
    ----------
    folder : <out>/<source name>
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = self._read()

    def _read(self) -> dict[str, Any]:
        """The manifest that lies in the folder; an empty one where there is none of this format."""
        try:
            found = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            found = {}
        if isinstance(found, dict) and found.get("format") == FORMAT:
            return found
        return {"format": FORMAT, "reports": {}}

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """What is known of each report, by notebook name."""
        return self.manifest["reports"]

    def damage(self, name: str) -> str:
        """What is wrong with the files of a report, in words; empty where they are as they were
        written.
        """
        for path, expected in self.reports[name]["files"].items():
            file = self.folder / path
            if not file.is_file():
                return f"{path} is missing"
            if digest(file.read_bytes()) != expected:
                return f"{path} was changed by hand"
        return ""

    def write(self, name: str, text: str) -> None:
        """Write one file of the folder under another name, then rename; nothing is touched where it
        is the same.
        """
        path, data = self.folder / name, text.encode()
        if path.is_file() and path.read_bytes() == data:
            return
        half = path.with_name(f".new-{os.getpid()}-{path.name}")
        half.write_bytes(data)
        os.replace(half, path)

    def save(self) -> None:
        """Write the manifest."""
        self.write("manifest.json", self._text())

    def _text(self) -> str:
        return json.dumps(self.manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs out of this folder, and clear away what an earlier one left half-written.

        Raises
        ------
        TableError : where another run is at work.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f".{self.folder.name}.lock").open("w") as lock:
            try:
                if fcntl:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise TableError(
                    f"another run is writing {self.folder}: wait for it, or use another --out"
                ) from None
            self._clear()
            self.folder.mkdir(exist_ok=True)
            self.manifest = self._read()  # what another run wrote while this one waited
            yield

    def _clear(self) -> None:
        for left in self.folder.parent.glob(f"{self._half}*"):
            if (left / "old").is_dir() and not self.folder.is_dir():  # cut off between two steps
                os.rename(left / "old", self.folder)
            shutil.rmtree(left)
        for file in self.folder.glob(".new-*"):
            file.unlink()

    @property
    def _half(self) -> str:
        return f".{self.folder.name}-new-"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for half-written files, on the same disk."""
        with tempfile.TemporaryDirectory(prefix=self._half, dir=self.folder.parent) as folder:
            yield Path(folder)

    @contextmanager
    def change(self) -> Iterator[Path]:
        """The folder as it will be: what the block does to it, and the manifest, takes effect in
        one step.
        """
        with self.scratch() as scratch:
            new = Path(
                shutil.copytree(self.folder, scratch / "new", symlinks=True, copy_function=_linked)
            )
            yield new
            Store(new).write("manifest.json", self._text())
            _exchange(new, self.folder)

    def publish(self, name: str, made: Path, entry: Mapping[str, Any]) -> None:
        """Put the files of one report in place of its earlier ones.

        Parameters
        ----------
        name : the notebook
        made : folder that holds the new files as they are to lie in the report folder
        entry : what to note of the report
        """
        digests = {}
        for file in sorted(made.rglob("*")):
            if file.is_file():
                digests[file.relative_to(made).as_posix()] = digest(file.read_bytes())
        with self.change() as new:
            for gone in self.reports.get(name, {}).get("files", {}):
                (new / gone).unlink(missing_ok=True)
            for path in digests:
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(made / path, new / path)
            self.manifest.pop("index", None)  # the index page no longer shows what is there
            self.reports[name] = {**entry, "files": digests}

    def owner(self, table: str, but: str) -> str:
        """The other report that has a table of this file name; empty where there is none."""
        for name, entry in self.reports.items():
            if name != but and table in entry["files"]:
                return name
        return ""


def _linked(source: str, target: str) -> str:
    """Another name for a file, or a copy of it where the disk knows no other names."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
    return target


def _exchange(new: Path, folder: Path) -> None:
    """Let two folders change places: in one step where the system can, else in two that `alone`
    completes.
    """
    sys.audit("os.rename", str(folder), str(new), -1, -1)
    one, other = os.fsencode(new), os.fsencode(folder)
    libc: Any = None if sys.platform == "win32" else ctypes.CDLL(None)
    if hasattr(libc, "renameat2"):  # Linux
        done = libc.renameat2(AT_WORKING_FOLDER, one, AT_WORKING_FOLDER, other, EXCHANGE) == 0
    else:  # macOS
        done = hasattr(libc, "renamex_np") and libc.renamex_np(one, other, EXCHANGE) == 0
    if not done:
        os.rename(folder, new.with_name("old"))
        os.rename(new, folder)
