"""A notebook in a kernel: what papermill makes of it, in the same environment everywhere, each in
its turn.
"""

import ast
import asyncio
import threading
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import DeadKernelError

from personalize.report.execution import Turn, execute, normalised
from tests.report.helpers import PARAMETERS


def test_a_notebook_that_leaves_early_has_failed(tmp_path, notebook_file):
    path = notebook_file(
        tmp_path / "00_leave.ipynb", ["md:# Leave", PARAMETERS, "import sys\nsys.exit(0)", "2 + 2"]
    )
    _, failure = asyncio.run(execute(path, {}, cwd=tmp_path))
    assert failure.cell == 2 and "SystemExit" in failure.error


def test_a_notebook_that_names_no_kernel_is_run(tmp_path):
    path, cells = tmp_path / "10_ours.ipynb", [nbformat.v4.new_code_cell("1 + 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    nb, failure = asyncio.run(execute(path, {}, cwd=tmp_path))
    assert failure is None and nb.cells[0].outputs[0].data["text/plain"] == "2"


def test_the_executed_notebook_is_what_plain_papermill_makes(made, tmp_path):
    given = {"k": 6, "source": "x"}
    source = str(made.folder / "notebooks" / "00_good.ipynb")
    theirs = papermill.execute_notebook(
        source, str(tmp_path / "o.ipynb"), given, progress_bar=False, log_output=False
    )
    ours, failure = asyncio.run(execute(Path(source), given, cwd=tmp_path))
    assert failure is None
    assert [cell.source for cell in ours.cells if "k = 6" in cell.source][0].splitlines()[1:] == [
        "k = 6",
        'source = "x"',
    ]
    for mine, its in zip(ours.cells, normalised(theirs).cells, strict=True):
        assert mine.get("outputs") == its.get("outputs")


def test_kernels_get_a_fixed_environment_and_the_callers_folder(
    tmp_path, notebook_file, monkeypatch
):
    monkeypatch.setenv("PERSONALIZE_TABLES", "elsewhere")
    look = "import os\n[os.getcwd(), *(os.environ.get(n) for n in ('PYTHONHASHSEED', 'TZ', 'PERSONALIZE_TABLES'))]"
    path = notebook_file(tmp_path / "00_look.ipynb", ["md:# Look", PARAMETERS, look])
    nb, _ = asyncio.run(execute(path, {}, cwd=tmp_path))
    assert ast.literal_eval(nb.cells[2].outputs[0].data["text/plain"]) == [
        str(tmp_path),
        "0",
        "UTC",
        None,
    ]


def test_kernels_that_are_ready_wait_for_their_turn_to_compute(tmp_path, notebook_file):
    def begun(name):
        seen.append(name)
        assert len(at_work := [n for n in seen if n not in ended]) == 1, at_work

    async def all_of_them():
        return await asyncio.gather(*(one(name) for name in "abc"))

    async def one(name):
        turn = Turn(places, lambda: begun(name))
        turn.end, real = lambda: (ended.add(name), real()), turn.end
        path = notebook_file(tmp_path / f"{name}.ipynb", [PARAMETERS, "1 + 1"])
        return await execute(path, {}, cwd=tmp_path, turn=turn)

    places, seen, ended = threading.Semaphore(1), [], set()
    assert [failure for _, failure in asyncio.run(all_of_them())] == [None] * 3
    assert sorted(seen) == ["a", "b", "c"] == sorted(ended)


def test_a_turn_that_was_ended_before_it_came_takes_no_place():
    places, begun = threading.Semaphore(1), []
    first, second = (Turn(places, lambda: begun.append(1)) for _ in range(2))
    first.take()
    second.end()
    first.end()
    first.end()
    with pytest.raises(DeadKernelError):
        second.take()
    assert begun == [1] and places.acquire(blocking=False) and not places.acquire(blocking=False)
