"""What all tests share, two whole reports included; and two repairs of nbval, for `pytest --nbval -p tests.conftest`.

nbval compares text exactly and runs cells without history. Here numbers with a decimal point may differ by a relative
1e-6 (sums in another order), everything else must be equal; and cells run with history, as they do in a notebook, so
that a trailing semicolon means the same. Both touch internals of nbval 0.11, which is why it is pinned.
"""

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

import personalize as pz

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

os.environ.setdefault("SPARK_CONF_DIR", str(Path(__file__).parent / "spark" / "conf"))
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)  # no luck, no clock
hypothesis.settings.load_profile("house")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
RELATIVE, ABSOLUTE = 1e-6, 1e-9


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The modules that start a Spark go to one process, which starts it once."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            scope = super()._split_scope(nodeid)
            return "spark" if scope.endswith(("test_conformance.py", "test_mllib.py")) else scope

    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


class Near(str):
    """Text that equals other text when the words agree and the numbers nearly do; whole numbers must agree."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        mine, theirs = _NUMBER.findall(self), _NUMBER.findall(other)
        if _NUMBER.sub("#", self) != _NUMBER.sub("#", other) or len(mine) != len(theirs):
            return False
        return all(_near(a, b) for a, b in zip(mine, theirs, strict=True))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _near(one: str, other: str) -> bool:
    if one == other:
        return True
    whole = not any(mark in one + other for mark in ".eE")
    numbers = float(one.replace(",", "")), float(other.replace(",", ""))
    return not whole and math.isclose(*numbers, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def pytest_configure(config: pytest.Config) -> None:
    """Put the repairs in place where nbval runs, and give its kernels the environment of a report."""
    if not getattr(config.option, "nbval", False):
        return
    from nbval.kernel import RunningKernel
    from nbval.plugin import IPyNbCell

    from personalize.report.forked_kernels import SAME_EVERYWHERE

    os.environ.update(SAME_EVERYWHERE)
    os.environ.pop("PERSONALIZE_TABLES", None)
    exact = IPyNbCell.sanitize

    def sanitize(self, text):
        cleaned = exact(self, text)
        return Near(cleaned) if isinstance(cleaned, str) else cleaned

    def execute_cell_input(self, cell_input, allow_stdin=None):
        return self.kc.execute(
            cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
        )

    IPyNbCell.sanitize = sanitize
    RunningKernel.execute_cell_input = execute_cell_input


@pytest.fixture(scope="session")
def notebook_file():
    """A function that writes a notebook: `notebook_file(path, [cell, ...])`, "md:" before Markdown, "p:" parameters."""
    import nbformat

    def write(path, cells):
        made = []
        for text in cells:
            kind, _, rest = (
                text.partition(":")
                if text[:3] in ("md:", "py:") or text[:2] == "p:"
                else ("py", "", text)
            )
            new = nbformat.v4.new_markdown_cell if kind == "md" else nbformat.v4.new_code_cell
            made.append(new(rest, metadata={"tags": ["parameters"]} if kind == "p" else {}))
        path.parent.mkdir(parents=True, exist_ok=True)
        kernel = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
        return path

    return write


@dataclass(frozen=True)
class Published:
    """A report as a run left it: its folder, what the runner said, and every customer id of its source."""

    folder: Path
    said: str
    customers: frozenset[str] = frozenset()

    def pages(self) -> list[Path]:
        """Every page, the list of sources included."""
        return [self.folder.parent / "index.html", *sorted(self.folder.glob("*.html"))]


FORMULA, SCRIPT = "=cmd()", "<script>alert(1)</script>"


@contextmanager
def _shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder that all workers of one test run share; one at a time is in the block."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _published(source: str, folder: Path, **env: str) -> tuple[Path, str]:
    """Folder of the report and what the runner said; made where no other worker has made it."""
    said, out = folder / "said.txt", folder / "reports"
    if not said.exists():
        command = [sys.executable, "-m", "personalize", "report", source, "--out", str(out)]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said.write_text(done.stdout + done.stderr)
    return out / Path(source).stem, said.read_text()


@pytest.fixture(scope="session")
def journey_report(tmp_path_factory):
    """All notebooks on Complete Journey with unmistakable customer ids, run once for all tests that read the report."""
    with _shared(tmp_path_factory, "journey") as folder:
        customers = _relabelled_journey(folder)
        made = _published("journey.yml", folder, PERSONALIZE_CACHE=str(folder / "cache"))
        return Published(*made, customers)


def _relabelled_journey(folder: Path) -> frozenset[str]:
    """Write Complete Journey with nine-digit numbers for its households, which no count of it reaches; returns them."""
    import pandas as pd
    import yaml

    from personalize import sources

    spec = sources.read("complete_journey")
    known = folder / "households.json"
    if not known.exists():
        ids, tables = {}, {}
        for name, table in spec.tables.items():
            frame = pd.read_parquet(table.files()[0])
            for i in set(frame.household_id) - set(ids) if "household_id" in frame else ():
                ids[i] = (
                    100_000_000 + int(hashlib.sha256(str(i).encode()).hexdigest(), 16) % 899_999_999
                )
            if "household_id" in frame:
                frame["household_id"] = frame.household_id.map(ids)
            frame.to_parquet(folder / f"{name}.parquet")
            tables[name] = {"path": f"{name}.parquet", "columns": dict(table.columns)}
        words = {
            name: getattr(spec, name) for name in ("title", "description", "terms", "currency")
        }
        zone = {"name": "journey", "timezone": {"from": "UTC", "to": "America/New_York"}}
        (folder / "journey.yml").write_text(yaml.safe_dump(words | zone | {"tables": tables}))
        assert len(set(ids.values())) == len(ids)
        known.write_text(json.dumps([str(i) for i in ids.values()]))
    return frozenset(json.loads(known.read_text()))


@pytest.fixture(scope="session")
def shop_report(tmp_path_factory):
    """All notebooks on a shop with every table, unmistakable customer ids and two product names that attack."""
    with _shared(tmp_path_factory, "marked") as folder:
        customers = _marked_shop(folder)
        return Published(
            *_published("marked.yml", folder, PERSONALIZE_CACHE=str(folder / "cache")), customers
        )


def _marked_shop(folder: Path) -> frozenset[str]:
    """Write the shop's files and `marked.yml`; returns its customer ids."""
    from personalize import simulate

    tables = dict(simulate.shop(customers=300, products=60, weeks=40, seed=5).tables)
    ids = {
        i: f"cust-{hashlib.sha256(str(i).encode()).hexdigest()[:10]}"
        for i in tables["customers"].customer_id
    }
    best = tables["orders"].product_id.value_counts().index[:2]
    words = tables["products"].set_index("product_id")
    words.loc[best, ["name", "category", "subcategory", "brand"]] = [[FORMULA] * 4, [SCRIPT] * 4]
    tables["products"] = words.reset_index()
    listed = {}
    for name, table in tables.items():
        people = [column for column in ("customer_id", "other_id") if column in table]
        table.assign(**{column: table[column].map(ids) for column in people}).to_csv(
            folder / f"{name}.csv", index=False
        )
        listed[name] = {
            "path": f"{name}.csv",
            "columns": {column: column for column in table.columns},
        }
    (folder / "marked.yml").write_text(
        json.dumps({"name": "marked", "currency": "GBP", "tables": listed})
    )
    return frozenset(ids.values())


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def cdnow():
    """The tenth of CDNOW's cohort that the papers use."""
    return pz.load("cdnow")


@pytest.fixture(scope="session")
def calibration(cdnow):
    """Its customers as known on the last day of the papers' calibration, in weeks."""
    return pz.clv.summary(cdnow, as_of="1997-09-30")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium that asks the network for nothing of its own; the test skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        shown = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield shown
        shown.close()
