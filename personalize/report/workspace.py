"""Where the kit works: notebooks of this folder or of the package, and a folder to start from."""

import os
import shutil
from pathlib import Path

from personalize.tables import TableError

PACKAGE = Path(__file__).parents[1]
TEMPLATES = Path(__file__).parent / "templates"
REPORTS, HERE = Path("reports"), Path("notebooks")


def notebook_folder(given: str | Path | None = None) -> Path:
    """The folder named, else ./notebooks where it holds notebooks, else the one that came with the
    package.
    """
    if given is not None:
        return Path(given)
    return HERE if any(HERE.glob("[0-9]*.ipynb")) else _shipped()


def _shipped() -> Path:
    """The notebooks in the wheel, or those of the checkout."""
    inside = PACKAGE / "notebooks"
    return inside if inside.is_dir() else PACKAGE.parent / "notebooks"


def new(folder: Path) -> list[str]:
    """Make a folder to work in: the notebooks, a Makefile and a source file to start from; returns
    what was written.

    Raises
    ------
    TableError : where the folder is there and holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TableError(f"{folder} is there already and not empty: name a new folder")
    (folder / HERE).mkdir(parents=True)
    (folder / ".gitignore").write_text(f"{REPORTS}/\n", encoding="utf-8")
    for file in sorted(_shipped().glob("[0-9]*.ipynb")):
        shutil.copyfile(file, folder / HERE / file.name)
    for file in sorted((TEMPLATES / "new").iterdir()):
        shutil.copyfile(file, folder / file.name)
    return sorted(os.listdir(folder))
