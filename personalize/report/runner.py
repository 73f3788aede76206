"""The driver: decides what has to run, has it run beside each other, and keeps the index pages up
to date.
"""

import asyncio
import math
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.report import fingerprint
from personalize.report.forked_kernels import Kernels
from personalize.report.notebook import Notebook
from personalize.report.plan import Plan
from personalize.report.store import Store
from personalize.tables import TableError

Say = Callable[[str], Any]
READING = "reading and checking the raw files, once for all later runs"
STILL = 15.0  # seconds after which a long conversion says so again


@dataclass(frozen=True)
class Outcome:
    """One notebook of a run.

    Attributes
    ----------
    name : the notebook
    state : "done", "unchanged" or "failed"
    seconds : wall time of its run; 0 where it did not run
    reason : why it ran
    error : where it failed and why; empty where it did not
    """

    name: str
    state: str
    seconds: float = 0.0
    reason: str = ""
    error: str = ""


@dataclass(frozen=True)
class RunResult:
    """A run: its outcomes, the folder of the reports, and for `verify` the files that differ."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    differences: tuple[str, ...] = field(default=())

    @property
    def status(self) -> int:
        """Exit status: 0 where all went well, 1 where a notebook failed or a file differs."""
        return int(bool(self.differences) or "failed" in set(self.table().state))

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    def table(self) -> pd.DataFrame:
        """One row a notebook: notebook, state, seconds, reason, error."""
        rows = [(o.name, o.state, round(o.seconds, 1), o.reason, o.error) for o in self.outcomes]
        return pd.DataFrame(rows, columns=["notebook", "state", "seconds", "reason", "error"])


def run(
    source: str | Path,
    *,
    only: str | Iterable[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    jobs: int = 2,
    out: str | Path | None = None,
    force: bool = False,
    progress: Say | None = None,
    notebooks: str | Path | None = None,
) -> RunResult:
    """The reports of a source, made where something they depend on has changed.

    Parameters
    ----------
    source : name of a built-in source, or path of a source file (relative to the working folder)
    only : notebooks to run, by number or name, as a list or as text ("03,05"); default: all
    parameters : name -> value for every notebook that has the parameter; a mapping under a
        notebook's name, or
        "03_association_rules.theta", for one; they come after those of the source file
    jobs : notebooks that run at a time, 1 or more
    out : folder of the reports; default: ./reports. The pages go to <out>/<name of the source>/
    force : run also what is unchanged
    progress : called with one line of text for each event
    notebooks : folder of the notebooks; default: ./notebooks where there are any, else those of the
        package

    Returns
    -------
    RunResult : status 0, or 1 where a notebook failed; one outcome a notebook; the folder

    Raises
    ------
    TableError : every problem of the source and the parameters in one message; nothing has been run
        or written.
    """
    plan = Plan(source, only, parameters, notebooks=notebooks, out=out)
    return _Runner(plan, progress or _nothing).make(jobs=jobs, force=force)


def verify(
    source: str | Path,
    *,
    only: str | Iterable[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    jobs: int = 2,
    out: str | Path | None = None,
    progress: Say | None = None,
    notebooks: str | Path | None = None,
) -> RunResult:
    """Proof that the reports are reproducible: made again in another folder, every byte compared.

    Parameters are those of `run`. The reports in `out` are brought up to date first; then all are
    run again in a
    temporary folder, in kernels of their own. Compared are pages, notebooks and tables (CSV and
    Parquet);
    manifest.json holds run times and is not.

    Returns
    -------
    RunResult : status 0 where every byte agrees, else 1; `differences` names the files that do not
    """
    say = progress or _nothing
    here = Plan(source, only, parameters, notebooks=notebooks, out=out)
    first = _Runner(here, say).make(jobs=jobs, force=False)
    with tempfile.TemporaryDirectory(prefix="pz-verify-") as folder:
        say("making them again in another folder")
        there = Plan(source, only, parameters, notebooks=notebooks, out=folder)
        again = _Runner(there, lambda line: say(line.split(". Open ")[0]), warm=False)
        again.previous = {n: e.get("previous", []) for n, e in here.store.reports.items()}
        second = again.make(jobs=jobs, force=True)
        names = _to_compare(here, there)
        different = []
        for name in names:
            if not _same(first.folder / name, second.folder / name):
                different.append(name)
    for name in different:
        say(f"differs: {name}")
    say(f"{len(names)} files compared, {len(different)} differ")
    return replace(first, outcomes=first.outcomes + second.outcomes, differences=tuple(different))


def _to_compare(here: Plan, there: Plan) -> list[str]:
    """The files of the chosen reports in either folder, and the index where it shows no other
    report.
    """
    names: set[str] = set()
    for notebook in there.chosen:
        for plan in (here, there):
            names |= set(plan.store.reports[notebook.name]["files"])
    whole = {notebook.name for notebook in there.chosen} == set(here.store.reports)
    return sorted(names) + ["index.html"] * whole


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _nothing(line: str) -> None:
    """Say nothing."""


class _Runner:
    """Carries out a plan.

    Parameters
    ----------
    plan : what is asked
    say : called with one line for each event
    warm : whether kernels may be copies of a warm process
    """

    def __init__(self, plan: Plan, say: Say, *, warm: bool = True) -> None:
        self.plan, self.say, self.began = plan, say, time.monotonic()
        self.kernels = Kernels(warm)
        self.previous: Mapping[str, Any] | None = None  # headline numbers to compare with

    def make(self, *, jobs: int, force: bool) -> RunResult:
        """Run what has to run."""
        if jobs < 1:
            raise TableError(f"jobs must be 1 or more, not {jobs}")
        plan, store = self.plan, self.plan.store
        with self.kernels:
            if force or {n.name for n in plan.chosen} - set(store.reports):
                self._warm_up(plan.chosen)  # it is known that something will run
            self.check()
            with store.alone():
                reasons, due, same = {}, [], []
                for notebook in plan.chosen:
                    reason = reasons[notebook.name] = plan.reason(notebook, force)
                    if reason:
                        due.append(notebook)
                    else:
                        same.append(notebook.name)
                if same:
                    self.tell(f"unchanged, not run: {', '.join(same)}")
                if due:
                    self._execute(due, reasons, jobs)
                self._pages(bool(due))
        result = RunResult(store.folder, tuple(self._outcome(n, reasons) for n in plan.chosen))
        self._close(result)
        return result

    def check(self) -> None:
        """Raise TableError for anything that is wrong, before anything runs; convert the raw files
        where needed.
        """
        with _after(0.4, self._load), reading(self.tell):
            self.plan.check()

    def _load(self) -> None:
        """While the raw files are read: what runs and renders notebooks."""
        self._warm_up(self.plan.chosen)
        from personalize.report import builder  # noqa: F401

    def _warm_up(self, due: list[Notebook]) -> None:
        """Start what makes kernels, where there are several to come; it imports the libraries
        meanwhile.
        """
        if len(due) > 1:
            self.kernels.start()

    def _execute(self, due: list[Notebook], reasons: Mapping[str, str], jobs: int) -> None:
        self._warm_up(due)
        from personalize.report.builder import Builder  # nbconvert and Jupyter: only where used

        with self.plan.store.scratch() as scratch:
            builder = Builder(self.plan, reasons, scratch=scratch, tell=self.tell)
            builder.previous, builder.kernels = self.previous, self.kernels
            _in_thread(builder.all(self.longest_first(due), jobs))

    def longest_first(self, due: list[Notebook]) -> list[Notebook]:
        """In the order of their last run times, those never timed before them: later notebooks tend
        to be longer.
        """
        reports = self.plan.store.reports

        def seconds(notebook: Notebook) -> float:
            return reports.get(notebook.name, {"seconds": math.inf})["seconds"]

        return sorted(due[::-1], key=seconds, reverse=True)

    def _outcome(self, notebook: Notebook, reasons: Mapping[str, str]) -> Outcome:
        name = notebook.name
        if not reasons[name]:
            return Outcome(name, "unchanged")
        made = self.plan.store.reports[name]
        return Outcome(name, made["state"], made["seconds"], reasons[name], made["error"])

    def _pages(self, ran: bool) -> None:
        """The index pages, where they are missing or something they show has changed."""
        plan, store = self.plan, self.plan.store
        stale = {}
        for notebook in plan.known:
            if said := plan.difference(notebook):
                stale[notebook.name] = said
        card = plan.card()
        shown = fingerprint.digest(repr(sorted(stale.items())), repr(card), fingerprint.package())
        there = (store.folder / "index.html").is_file() and (plan.reports / "index.html").is_file()
        if not ran and there and store.manifest.get("index") == shown:
            return
        from personalize.report import index

        versions = fingerprint.libraries()
        store.manifest |= {"source": card, "data": plan.data, "versions": versions}
        store.manifest |= {"commit": commit(plan.folder)}
        store.manifest.pop("index", None)
        about = {"fingerprint": plan.data, "versions": versions}
        page = index.render(store, plan.known, stale, card, about)
        with store.change() as new:
            Store(new).write("index.html", page)
        Store(plan.reports).write("index.html", index.shelves(plan.reports))
        store.manifest["index"] = shown  # last: a run cut off before makes the pages again
        store.save()

    def tell(self, text: str) -> None:
        """One line, with the time since the run began."""
        self.say(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def _close(self, result: RunResult) -> None:
        for outcome in result.outcomes:
            if outcome.state == "failed":
                self.say(f"\n{outcome.name} failed {outcome.error}")
        counts = result.table().state.value_counts()
        order = counts.reindex(["done", "unchanged", "failed"]).dropna().astype(int)
        said = ", ".join(f"{n} {state}" for state, n in order.items())
        self.tell(f"{said}. Open {result.page}")


def commit(folder: Path) -> str:
    """The commit of the checkout that holds the folder; empty where there is none."""
    git = shutil.which("git")
    if not git:
        return ""
    asked = [git, "rev-parse", "HEAD"]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@contextmanager
def reading(say: Say) -> Iterator[None]:
    """Say that raw files are being read where that takes more than a second, and from time to time
    that it goes on.
    """
    over, began = threading.Event(), time.monotonic()

    def watch() -> None:
        if over.wait(1.0):
            return
        say(READING)
        while not over.wait(STILL):
            say(f"still reading the raw files, for {time.monotonic() - began:,.0f} s now")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()  # DuckDB complains of leaks where a thread outlives a refusal


@contextmanager
def _after(seconds: float, what: Callable[[], Any]) -> Iterator[None]:
    """Do something beside a block that takes longer than that."""
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()
    try:
        yield
    except BaseException:
        timer.cancel()
        timer.join()  # a Python that ends while a thread of it imports complains of leaks
        raise
    timer.cancel()


def _in_thread(work: Any) -> None:
    """A coroutine run in a thread of its own, so that Ctrl-C reaches this one and stops it in
    order.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    thread = threading.Thread(target=_finish, args=(loop, task), daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.2)
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        raise
    task.result()


def _finish(loop: asyncio.AbstractEventLoop, task: asyncio.Task) -> None:
    with suppress(BaseException):  # what went wrong, the task says
        loop.run_until_complete(task)
    loop.close()
