"""Every notebook run in place with its default parameters, outputs stored: `python -m
personalize.report.refresh`.

Name notebooks to run only those: `python -m personalize.report.refresh 03 05`.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat

from personalize.report.execution import execute
from personalize.report.notebook import Notebook, choose, notebooks
from personalize.report.workspace import notebook_folder


def refresh(
    folder: Path, *, only: Sequence[str] = (), jobs: int = 2, say: Callable[[str], Any]
) -> int:
    """Execute the notebooks of a folder in place; one that fails keeps its old outputs. Returns the
    exit status.
    """
    chosen = choose(notebooks(folder), list(only))
    done = asyncio.run(_all(chosen, jobs, say))
    return int(not all(done))


async def _all(chosen: Sequence[Notebook], jobs: int, say: Callable[[str], Any]) -> list[bool]:
    slots = asyncio.Semaphore(jobs)

    async def one(notebook: Notebook) -> bool:
        async with slots:
            began = time.monotonic()
            nb, failure = await execute(notebook.path, {}, cwd=notebook.path.parent)
            if failure:
                say(f"{notebook.name} failed {failure}")
                return False
            half = notebook.path.with_suffix(".ipynb.new")
            half.write_text(
                nbformat.writes(nb, version=nbformat.NO_CONVERT) + "\n", encoding="utf-8"
            )
            os.replace(half, notebook.path)
            say(f"{notebook.name} done in {time.monotonic() - began:.1f} s")
            return True

    return await asyncio.gather(*(one(notebook) for notebook in chosen))


if __name__ == "__main__":
    sys.exit(
        refresh(
            notebook_folder(),
            only=sys.argv[1:],
            say=lambda line: sys.stdout.write(line + "\n"),
        )
    )
