"""The driver: decides what has to run, runs it beside each other, and puts the results in place."""

import asyncio
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from personalize import sources
from personalize.report import keys
from personalize.report.outcome import Outcome, RunResult
from personalize.report.parameters import COMMAND, Notebook, choose, notebooks, outside, resolve
from personalize.report.store import Store
from personalize.report.warm import Nursery, absent
from personalize.tables import TableError


@dataclass
class Run:
    """One run over a source: what is asked, and where the answers go."""

    source: str
    only: str | Iterable[str] | None
    parameters: Mapping[str, Any]
    notebooks: Path
    out: Path
    say: Callable[[str], Any]
    warm: bool = True
    began: float = field(default_factory=time.monotonic)
    _nursery: Nursery = field(default_factory=lambda: Nursery(False), repr=False)

    def make(
        self, *, jobs: int, force: bool, previous: Mapping[str, Any] | None = None
    ) -> RunResult:
        """Run what has to run; `previous` gives the headline numbers to compare with instead of those in the folder."""
        with Nursery(self.warm) as self._nursery:
            return self._make(jobs, force, previous)

    def _make(self, jobs: int, force: bool, previous: Mapping[str, Any] | None) -> RunResult:
        if force or any(
            n.name not in self.store.reports for n in self.chosen
        ):  # it is known that something will run
            self._prewarm(self.chosen)
        self.check(jobs)
        with self.store.alone():
            self.store.__init__(self.store.folder)  # what another run wrote while this one waited
            reasons = {n.name: self._reason(n, force) for n in self.chosen}
            due = [n for n in self.chosen if reasons[n.name]]
            same = [Outcome(n.name, "unchanged") for n in self.chosen if not reasons[n.name]]
            if same:
                self._tell(f"unchanged, not run: {', '.join(o.name for o in same)}")
            made = self._execute(due, reasons, jobs, previous) if due else []
            self._pages(bool(due))
        order = [n.name for n in self.chosen]
        result = RunResult(
            self.store.folder, tuple(sorted(same + made, key=lambda o: order.index(o.name)))
        )
        self._close(result)
        return result

    def check(self, jobs: int = 1) -> None:
        """Raise TableError for anything that is wrong, before anything runs; convert the raw files where needed."""
        if jobs < 1:
            raise TableError(f"jobs must be 1 or more, not {jobs}")
        assert self.values
        if problems := outside({n.name: self.values[n.name] for n in self.chosen}, *self.span):
            raise TableError.of("the parameters do not fit the data:", problems)

    @cached_property
    def known(self) -> list[Notebook]:
        """All notebooks."""
        return notebooks(self.notebooks)

    @cached_property
    def chosen(self) -> list[Notebook]:
        """The notebooks to run."""
        return choose(self.known, self.only)

    @cached_property
    def spec(self) -> sources.SourceSpec:
        """The source as its file states it."""
        return sources.read(self.source)

    @cached_property
    def prepared(self) -> sources.Prepared:
        """The source, converted; said where it takes a while, and the time used to make ready for the notebooks."""
        said = "reading and checking the raw files, once for all later runs"
        with _after(0.4, self._ready), _after(1.0, self._tell, said):
            made = sources.prepare(self.source)
        if made.customers < 2:
            raise TableError(
                f"source '{self.spec.name}' holds orders of {made.customers} customer(s); reports compare customers. "
                f"Is customer_id the right column? The counts: personalize check {Path(self.source).name}"
            )
        return made

    @property
    def span(self) -> tuple[str, str]:
        """First and last day of the data."""
        return str(self.prepared.start)[:10], str(self.prepared.end)[:10]

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """Every parameter of every notebook."""
        file = Path(self.source).name if Path(self.source).suffix else self.source
        values = resolve(
            self.known, self.chosen, {file: self.spec.parameters, COMMAND: self.parameters}
        )
        for notebook in self.known:
            if "source" in notebook.parameters:
                values[notebook.name]["source"] = self.source
        return values

    @cached_property
    def store(self) -> Store:
        """The folder of this source's reports."""
        return Store(self.out / self.spec.name)

    def changed(self, notebook: Notebook) -> dict[str, Any]:
        """The parameters of a notebook that differ from their defaults."""
        values = self.values[notebook.name]
        return {
            name: values[name]
            for name, p in notebook.parameters.items()
            if values[name] != p.default
        }

    def key(self, notebook: Notebook) -> dict[str, Any]:
        """Everything the report of a notebook depends on; the place of a source file is no part of it."""
        values = {**self.values[notebook.name]}
        if "source" in values:
            values["source"] = Path(self.source).name
        return keys.key(notebook, values, self.prepared.fingerprint)

    def card(self) -> dict[str, Any]:
        """What pages say of the source."""
        spec, (start, end) = self.spec, self.span
        words = {
            name: getattr(spec, name)
            for name in ("name", "description", "terms", "currency", "simulated")
        }
        words |= {"title": spec.title or spec.name, "customers": self.prepared.customers}
        return {**words, "start": start, "end": end}

    def _reason(self, notebook: Notebook, force: bool) -> str:
        entry = self.store.reports.get(notebook.name)
        if entry is None:
            return "first run"
        said = keys.why(entry["key"], self.key(notebook))
        if not said and entry["state"] == "failed":
            said = "it failed last time"
        return said or self.store.damage(notebook.name) or ("forced" if force else "")

    def _execute(
        self,
        due: list[Notebook],
        reasons: Mapping[str, str],
        jobs: int,
        previous: Mapping[str, Any] | None,
    ) -> list[Outcome]:
        maker = self._ready(due)
        with self.store.scratch() as scratch:
            at_work = maker(
                self, scratch, reasons, previous=previous, nursery=self._nursery.address
            )
            return _in_thread(at_work.all(self._longest_first(due), jobs))

    def _ready(self, due: list[Notebook] | None = None) -> Any:
        """Start what makes kernels, and load what runs and renders notebooks."""
        self._prewarm(self.chosen if due is None else due)
        with absent(
            "rfc3987_syntax"
        ):  # jsonschema would compile a grammar of web addresses with it: a second
            from personalize.report.making import (
                Maker,
            )  # nbconvert and Jupyter: only where something runs

        return Maker

    def _prewarm(self, due: list[Notebook]) -> None:
        """Start what makes kernels, where there are several to come; it imports the libraries beside what follows."""
        if len(due) > 1:
            self._nursery.start()

    def _longest_first(self, due: list[Notebook]) -> list[Notebook]:
        """In the order of their last run times, those never timed before them: later notebooks tend to be longer."""
        seconds = {name: entry.get("seconds", 0) for name, entry in self.store.reports.items()}
        return sorted(reversed(due), key=lambda n: -seconds.get(n.name, math.inf))

    def _pages(self, ran: bool) -> None:
        """The index pages, where they are missing or something they show has changed."""
        stale = {}
        for notebook in self.known:
            entry = self.store.reports.get(notebook.name)
            if entry and (said := keys.why(entry["key"], self.key(notebook))):
                stale[notebook.name] = said
        shown = keys.digest(repr(sorted(stale.items())), repr(self.card()), keys.package())
        there = (self.store.folder / "index.html").is_file() and (self.out / "index.html").is_file()
        if not ran and there and self.store.manifest.get("index") == shown:
            return
        from personalize.report import index

        about = {"fingerprint": self.prepared.fingerprint, "versions": keys.libraries()}
        self.store.manifest |= {"source": self.card(), "data": self.prepared.fingerprint}
        self.store.manifest |= {"versions": keys.libraries(), "commit": commit(self.notebooks)}
        self.store.manifest.pop("index", None)
        page = index.render(self.store, self.known, stale, self.card(), about)
        with self.store.change() as new:
            Store(new).write("index.html", page)
        Store(self.out).write("index.html", index.shelves(self.out))
        self.store.manifest["index"] = (
            shown  # last: a run that is cut off before makes the pages again
        )
        self.store.save()

    def _tell(self, text: str) -> None:
        self.say(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def _close(self, result: RunResult) -> None:
        for outcome in result.outcomes:
            if outcome.state == "failed":
                self.say(f"\n{outcome.name} failed {outcome.error}")
        counts = {
            s: sum(o.state == s for o in result.outcomes) for s in ("done", "unchanged", "failed")
        }
        said = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
        self._tell(f"{said}. Open {_near(result.page)}")


def commit(folder: Path) -> str:
    """The commit of the checkout that holds the folder; empty where there is none."""
    git = shutil.which("git")
    if not git:
        return ""
    done = subprocess.run(
        [git, "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _near(path: Path) -> str:
    """The path as the reader would type it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def _after(seconds: float, what: Callable[..., Any], *given: Any) -> Iterator[None]:
    """Do something beside a block that takes longer than that."""
    timer = threading.Timer(seconds, what, given)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _in_thread(work: Any) -> Any:
    """The result of a coroutine run in a thread of its own, so that Ctrl-C reaches this one and stops it in order."""
    loop, result = asyncio.new_event_loop(), {}
    task = loop.create_task(work)

    def body() -> None:
        try:
            result["value"] = loop.run_until_complete(task)
        except BaseException as error:  # carried over to the caller's thread
            result["error"] = error
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.2)
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        raise
    if "error" in result:
        raise result["error"]
    return result["value"]
