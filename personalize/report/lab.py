"""Exploring: copies of the notebooks in a folder that git ignores, so that JupyterLab never changes
the product.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from personalize.parameters import COPIED, Parameter
from personalize.report.notebook import is_tagged, source_of
from personalize.report.plan import Plan
from personalize.report.workspace import TEMPLATES

FOLDER, DEFAULT = Path("lab"), "complete_journey"


def copies(
    source: str | None,
    *,
    only: str = "",
    parameters: Mapping[str, Any] | None = None,
    notebooks: str | Path | None = None,
) -> tuple[Path, list[str]]:
    """Copies of the notebooks to explore on, in a folder that git ignores; those that are there
    stay as they are.

    Parameters
    ----------
    source : what to fill in, with the parameters of its file; None to copy the notebooks as they
        are
    only, parameters, notebooks : as in `report.run`

    Returns
    -------
    tuple : the folder, lab/<name of the source>, and the names of the copies that were there
        already

    Raises
    ------
    TableError : for a source or parameters that cannot be used.
    """
    plan = Plan(source or DEFAULT, only, parameters, notebooks=notebooks)
    folder = FOLDER / plan.spec.name
    folder.mkdir(parents=True, exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    kept, names = [], {}
    for notebook in plan.chosen:
        names[notebook.path.name] = list(notebook.parameters)
        copy = folder / notebook.path.name
        if copy.exists():
            kept.append(copy.name)
            continue
        given = plan.changed(notebook)
        if "source" in given and Path(given["source"]).is_file():
            given["source"] = str(Path(given["source"]).resolve())
        text = notebook.path.read_text(encoding="utf-8")
        if given:
            text = _filled(json.loads(text), notebook.parameters, given)
        copy.write_text(text, encoding="utf-8")
    (folder / COPIED).write_text(json.dumps(names), encoding="utf-8")
    return folder, kept


def _filled(nb: dict[str, Any], declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> str:
    """The notebook with these values in its parameters cell and without outputs."""
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    cell = next(cell for cell in nb["cells"] if is_tagged(cell))
    lines = source_of(cell).splitlines()
    for name, value in given.items():
        changed = declared[name].line(value)
        lines = [changed if re.match(rf"{name}\s*:", line) else line for line in lines]
    cell["source"] = "\n".join(lines)
    return json.dumps(nb, indent=1, ensure_ascii=False) + "\n"


def open_jupyter(folder: Path, more: Sequence[str]) -> None:
    """Become JupyterLab on that folder, and ask nothing about news, nor look into the network."""
    settings = [str(TEMPLATES / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))
    os.environ["PERSONALIZE_LAB_TABLES"] = str(folder.resolve() / "tables")
    root = f"--ServerApp.root_dir={folder.resolve()}"
    os.execv(sys.executable, [sys.executable, "-m", "jupyter", "lab", root, *more])
