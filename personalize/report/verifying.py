"""The reports made a second time elsewhere, and every byte compared."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from personalize.report import CHECKOUT
from personalize.report.outcome import RunResult
from personalize.report.runner import Run


def compare(
    source: str | Path, given: Mapping[str, Any], out: Path, say: Callable[[str], Any]
) -> RunResult:
    """Bring the reports in `out` up to date, make them again elsewhere and cold, name the files that differ."""

    def asked(folder: Path, tell: Callable[[str], Any], warm: bool) -> Run:
        home = Path(given["notebooks"] or CHECKOUT / "notebooks")
        return Run(str(source), given["only"], given["parameters"] or {}, home, folder, tell, warm)

    here = asked(out, say, True)
    first = here.make(jobs=given["jobs"], force=False)
    before = {name: entry.get("previous", []) for name, entry in here.store.reports.items()}
    with tempfile.TemporaryDirectory(prefix="pz-verify-") as folder:
        say("making them again in another folder")
        there = asked(Path(folder), lambda line: say(line.split(". Open ")[0]), False)
        second = there.make(jobs=given["jobs"], force=True, previous=before)
        chosen = {n.name for n in there.chosen}
        pages = ["index.html"] if chosen == set(here.store.reports) else []
        names = (
            sorted({p for n in chosen for s in (here, there) for p in s.store.reports[n]["files"]})
            + pages
        )
        different = tuple(
            name for name in names if not _same(first.folder / name, second.folder / name)
        )
    for name in different:
        say(f"differs: {name}")
    say(f"{len(names)} files compared, {len(different)} differ")
    return replace(first, outcomes=first.outcomes + second.outcomes, differences=different)


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
