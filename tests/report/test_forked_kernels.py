"""Forked kernels show what cold ones show, and a cold one starts where no copy can be had."""

import asyncio
import sys

import pytest

from personalize.report import forked_kernels
from personalize.report.execution import execute
from personalize.report.forked_kernels import COLD, Kernels
from tests.report.helpers import GOOD, PARAMETERS


@pytest.mark.skipif(sys.platform != "linux", reason="warm kernels are forks: Linux only")
def test_a_warm_kernel_is_a_copy_and_shows_what_a_cold_one_shows_plots_included(
    tmp_path, notebook_file
):
    cells = [
        "import os\nos.environ['TZ'], os.getcwd(), __name__",
        "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
    ]
    path = notebook_file(tmp_path / "00_look.ipynb", ["md:# Look", PARAMETERS, *cells, *GOOD[2:5]])
    parent = notebook_file(
        tmp_path / "01_parent.ipynb",
        [PARAMETERS, "import os\nopen(f'/proc/{os.getppid()}/cmdline').read()"],
    )

    async def both():
        with Kernels(warm=True) as kernels:
            assert kernels.command == list(COLD)
            kernels.start()
            return [
                await execute(path, {}, cwd=tmp_path, kernel=kernels.command),
                await execute(path, {}, cwd=tmp_path),
                await execute(parent, {}, cwd=tmp_path, kernel=kernels.command),
            ]

    warmed, cold, (whose, _) = asyncio.run(both())
    assert warmed == cold and warmed[1] is None
    assert "image/png" in str(warmed[0].cells[3].outputs)
    assert "forked_kernels" in str(whose.cells[1].outputs)


def test_without_a_nursery_at_work_a_kernel_starts_cold(tmp_path, notebook_file):
    path = notebook_file(tmp_path / "00_sum.ipynb", [PARAMETERS, "1 + 1"])
    command = [sys.executable, "-S", "-E", forked_kernels.__file__, str(tmp_path / "nobody")]
    command.append("{connection_file}")
    nb, failure = asyncio.run(execute(path, {}, cwd=tmp_path, kernel=command))
    assert failure is None and nb.cells[1].outputs[0].data["text/plain"] == "2"
