"""The runner and the pages: checked before, whole after, the same every time, and honest about failure."""

import ast
import asyncio
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient.exceptions import DeadKernelError

from personalize import report
from personalize.report import keys, page, refresh, warm
from personalize.report.execute import SAME_EVERYWHERE, Turn, execute
from personalize.report.listing import markdown
from personalize.report.normalise import normalised
from personalize.report.parameters import (
    KINDS,
    Notebook,
    Parameter,
    cast,
    choose,
    declared,
    notebooks,
    resolve,
)
from personalize.report.ranges import Range
from personalize.report.store import Store
from personalize.tables import TableError

PARAMETERS = """p:source: str = "complete_journey"  # built-in source or path of a source file
as_of: str = ""  # last known day
k: int = 4  # number of things
theta: float = 1.5  # least lift [0 to 50]"""
GOOD = [
    "md:# Good report\n\nWhat is **in** it?\n\n## First & best\n\nThe mean is $\\frac{a}{b}$, and $$\\sum_i x_i$$",
    PARAMETERS,
    "import pandas as pd\nfrom personalize import plots, show",
    "frame = pd.DataFrame({'name': ['<script>alert(1)</script>', '=cmd()', '牛奶'], 'v': [1.5, 2.0, 3.0]})\n"
    "show.table(frame, 'Names')",
    "show.figure(plots.bars(frame, x='v', y='name'), f'Bars of 3 names: largest {frame.v.max()}')",
    "show.text(f'k is **{k}** for {frame.name[0]}')",
    "md:## Decision\n\nDo it.",
    "show.headline('Gain', 10.0 + k, low=9, high=20, baseline=8, unit='USD')",
    "show.export(frame.assign(customer_id=[7, 8, 9]), 'plan', about={'name': 'what to offer'})",
    "show.answer(f'Offer {frame.name[2]}: worth 10 USD and <b>more</b>.')",
]
BAD = [
    "md:# Bad report\n\nDoes it fail well?",
    PARAMETERS,
    "x = {}\nimport json\njson.loads('[')\ny = 1",
    "late = True",
]
SHOP = """
name: shop
title: Corner shop
currency: GBP
tables:
  orders:
    path: orders.csv
    columns: {customer_id: customer_id, order_id: order_id, product_id: product_id, time: time,
              quantity: quantity, amount: amount}
"""
ORDERS = """customer_id,order_id,product_id,time,quantity,amount
1,10,5,2024-01-01 10:00,1,2.5
1,11,5,2024-01-03 10:00,1,2.5
2,12,6,2024-02-02 10:00,2,7.5
"""


PACKAGE_DIGEST = keys.package
IN_A_PROCESS = """
import sys
from pathlib import Path
from personalize import report
from personalize.report import keys
keys.package = lambda: "this package"
f = Path(sys.argv[1])
report.run(f / "shop.yml", notebooks=f / "notebooks", out=f / "out", only="00", progress=lambda s: print(s, flush=True))
heavy = {"nbconvert", "nbclient", "papermill", "sklearn", "matplotlib", "numba"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""


class Shop:
    """A small source with two notebooks of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out" / "shop"
        (folder / "shop.yml").write_text(SHOP)
        (folder / "orders.csv").write_text(ORDERS)
        self.lines: list[str] = []

    def run(self, what=report.run, **given):
        given = {"notebooks": self.folder / "notebooks", "out": self.folder / "out", **given}
        self.lines = []
        return what(self.folder / "shop.yml", progress=self.lines.append, **given)

    def read(self, name: str) -> str:
        return (self.out / name).read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        return {
            str(p.relative_to(self.out)): p.read_bytes()
            for p in sorted(self.out.rglob("*"))
            if p.is_file()
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory, notebook_file):
    """The reports of both notebooks, run once; tests that change them copy the folder."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_CACHE", str(folder / "cache"))
        patch.setattr(
            keys, "package", lambda: "this package"
        )  # however it is edited while the tests run
        notebook_file(folder / "notebooks" / "00_good.ipynb", GOOD)
        notebook_file(folder / "notebooks" / "01_bad.ipynb", BAD)
        shop = Shop(folder)
        shop.result = shop.run(parameters={"01.k": 5})
        yield shop


@pytest.fixture
def shop(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "copy")
    return Shop(tmp_path / "copy")


def test_a_run_leaves_page_notebook_tables_index_and_manifest(made):
    wanted = {
        "00_good.html",
        "00_good.ipynb",
        "tables/plan.csv",
        "tables/plan.parquet",
        "01_bad.html",
        "index.html",
    }
    assert wanted <= set(made.files()) and "manifest.json" in made.files()
    assert sorted(path.name for path in made.out.parent.iterdir()) == [
        ".shop.lock",
        "index.html",
        "shop",
    ]
    assert made.result.page == made.out / "index.html"
    assert list(made.result.table().state) == ["done", "failed"]


def test_a_failing_notebook_does_not_stop_the_others_and_is_told_without_library_frames(made):
    assert made.result.status == 1
    good, bad = made.result.outcomes
    assert good.state == "done" and bad.state == "failed"
    assert bad.error.startswith(
        "in cell 2, line 3:\n    json.loads('[')\n  JSONDecodeError: Expecting value"
    )
    assert "raw_decode" not in bad.error and "site-packages" not in bad.error


def test_a_failing_notebook_leaves_a_page_that_says_what_to_do(made):
    text = made.read("01_bad.html")
    assert "stopped in cell 2, line 3" in text and "personalize report shop.yml --only 01" in text
    assert "late = True" not in text, "what did not run is not shown"
    assert "JSONDecodeError" in made.read("index.html")


def test_every_event_is_one_line_with_its_time(made):
    events = [line for line in made.lines if re.match(r" *\d+\.\d s  ", line)]
    said = "\n".join(events)
    assert "00_good: running (first run)" in said and re.search(r"00_good: done in \d+\.\d s", said)
    assert "01_bad: failed in" in said and "1 done, 1 failed" in said


def test_what_is_unchanged_is_not_run_again(shop):
    result = shop.run(only="00")
    assert [o.state for o in result.outcomes] == ["unchanged"] and result.status == 0


def test_a_changed_parameter_reruns_its_notebook_says_why_and_shows_the_change(shop):
    result = shop.run(only="00", parameters={"k": 6})
    assert result.outcomes[0].reason == "parameters changed: k 4 -> 6"
    assert "+2 since the last run" in shop.read("index.html")
    assert "k is <strong>6</strong>" in shop.read("00_good.html")


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_report_that_is_not_as_it_was_written_is_made_again(shop, damage, monkeypatch):
    path = shop.out / "tables" / "plan.csv"
    path.unlink() if damage == "missing" else path.write_text("x")
    assert _reason(shop).startswith(
        f"tables/plan.csv {'is missing' if damage == 'missing' else 'was changed'}"
    )


def _reason(shop, **given):
    """Why notebook 00 would run, without running it."""
    from personalize.report.runner import Run

    values = {
        "only": "00",
        "parameters": {},
        "notebooks": shop.folder / "notebooks",
        "out": shop.folder / "out",
    }
    run = Run(source=str(shop.folder / "shop.yml"), say=shop.lines.append, **{**values, **given})
    return run._reason(run.chosen[0], False)


def test_changed_data_notebooks_and_code_each_have_their_reason(shop, notebook_file, monkeypatch):
    assert _reason(shop) == ""
    assert (
        _reason(shop, parameters={"00_good": {"theta": 2}})
        == "parameters changed: theta 1.5 -> 2.0"
    )
    (shop.folder / "orders.csv").write_text(ORDERS + "3,13,6,2024-02-03 10:00,1,1\n")
    assert _reason(shop) == "data changed"
    (shop.folder / "orders.csv").write_text(ORDERS)
    notebook_file(shop.folder / "notebooks" / "00_good.ipynb", [*GOOD, "1 + 1"])
    assert _reason(shop) == "notebook changed"
    monkeypatch.setattr(keys, "package", lambda: "other")
    assert _reason(shop) == "notebook changed; package changed"


@pytest.mark.parametrize(
    ("seconds", "order"),
    [({"00_good": 9.0, "01_bad": 1.0}, ["00_good", "01_bad"]), ({"00_good": 1.0, "01_bad": 9.0}, ["01_bad", "00_good"]),
     ({"01_bad": 9.0}, ["00_good", "01_bad"]), ({}, ["01_bad", "00_good"])],
)  # fmt: skip
def test_the_notebook_that_took_longest_starts_first_and_before_it_what_was_never_timed(
    made, tmp_path, seconds, order
):
    from personalize.report.runner import Run

    run = Run(
        str(made.folder / "shop.yml"),
        None,
        {},
        made.folder / "notebooks",
        tmp_path,
        made.lines.append,
    )
    run.store.manifest["reports"] = {name: {"seconds": value} for name, value in seconds.items()}
    assert [notebook.name for notebook in run._longest_first(run.chosen)] == order


def test_data_that_take_long_to_read_are_time_in_which_the_kernels_get_ready(
    made, tmp_path, monkeypatch
):
    from personalize.report import runner

    def slow(source, real=runner.sources.prepare):
        deadline = time.monotonic() + 20
        while not started and time.monotonic() < deadline:
            time.sleep(0.05)
        return real(source)

    started = []
    monkeypatch.setattr(runner.sources, "prepare", slow)
    monkeypatch.setattr(runner.Nursery, "start", lambda self: started.append(self))
    assert runner.Run(
        str(made.folder / "shop.yml"), None, {}, made.folder / "notebooks", tmp_path, print
    ).prepared
    assert started


def test_where_something_must_run_the_kernels_get_ready_before_the_data_are_looked_at(
    made, tmp_path, monkeypatch
):
    from personalize.report import runner

    def refused(source):
        raise TableError("enough seen")

    started = []
    monkeypatch.setattr(runner.sources, "prepare", refused)
    monkeypatch.setattr(runner.Nursery, "start", lambda self: started.append(self))
    for out, force, expected in (
        (made.out.parent, False, 0),
        (made.out.parent, True, 1),
        (tmp_path, False, 2),
    ):
        run = runner.Run(
            str(made.folder / "shop.yml"), None, {}, made.folder / "notebooks", out, print
        )
        with pytest.raises(TableError, match="enough seen"):
            run.make(jobs=1, force=force)
        assert len(started) == expected


def test_a_module_is_absent_only_for_the_imports_of_the_block(monkeypatch):
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with pytest.raises(ImportError), warm.absent("wave"):
        import wave  # noqa: F401
    import wave

    with warm.absent("wave"):
        assert sys.modules["wave"] is wave, "what is loaded stays"
    assert sys.modules["wave"] is wave


def test_the_place_of_a_source_is_no_part_of_its_key(shop, monkeypatch):
    monkeypatch.chdir(shop.folder)
    from personalize.report.runner import Run

    run = Run(
        "shop.yml", "00", {}, shop.folder / "notebooks", shop.folder / "out", shop.lines.append
    )
    assert run._reason(run.chosen[0], False) == ""


def test_two_folders_get_the_same_bytes_and_no_machine_path(
    made, tmp_path, notebook_file, monkeypatch
):
    other = Shop(tmp_path)
    notebook_file(tmp_path / "notebooks" / "00_good.ipynb", GOOD)
    notebook_file(tmp_path / "notebooks" / "01_bad.ipynb", BAD)
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))
    other.run(jobs=1, parameters={"01.k": 5})
    here, there = made.files(), other.files()
    assert set(here) == set(there)
    assert [name for name in here if here[name] != there[name]] == ["manifest.json"]
    assert not [name for name, data in here.items() if str(made.folder).encode() in data]


def test_verify_agrees_for_a_sound_notebook_and_names_the_files_of_one_that_is_not(
    shop, notebook_file
):
    assert shop.run(report.verify, only="00").status == 0
    assert "4 files compared, 0 differ" in shop.lines[-1]
    clock = "import time\nfrom personalize import show\nshow.text(f'{time.time()}')"
    notebook_file(
        shop.folder / "notebooks" / "02_clock.ipynb", ["md:# Clock\n\nTime?", PARAMETERS, clock]
    )
    result = shop.run(report.verify, only="02")
    assert result.status == 1 and result.differences == ("02_clock.html", "02_clock.ipynb")


def test_a_run_that_is_killed_leaves_the_last_good_report_or_none_and_the_next_completes(
    shop, notebook_file
):
    before = shop.files()
    slow = [*GOOD[:3], "import time\ntime.sleep(30)"]
    notebook_file(shop.folder / "notebooks" / "00_good.ipynb", slow)
    command = [sys.executable, "-c", IN_A_PROCESS, str(shop.folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "running (notebook changed)" in child.stdout.readline()
    time.sleep(0.5)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert shop.files() == before
    notebook_file(shop.folder / "notebooks" / "00_good.ipynb", [*GOOD, "2 + 2"])
    assert shop.run(only="00").outcomes[0].state == "done"
    assert [path.name for path in shop.out.parent.iterdir() if "new" in path.name] == []


# A run is killed just before the n-th time that it starts a process or touches a file of its reports. Every run is a
# copy of one process that has everything loaded; `argv` is the working folder and the number of moments.
KILLS = """
import json, os, random, shutil, signal, sys
from pathlib import Path
from personalize import report
from personalize.report import keys, making, runner, warm
keys.package, runner.commit, warm.possible = lambda: "this package", lambda folder: "", lambda: False
base, moments, out = Path(sys.argv[1]), int(sys.argv[2]), ""
given = {"notebooks": base / "notebooks", "jobs": 2}
TOUCHED = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "subprocess.Popen")

def ask(folder, k, die_at=0, **more):
    steps = []
    def watch(event, args):
        if event not in TOUCHED or (event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if event == "subprocess.Popen" or any(folder.name in str(a) for a in args[:2]):
            steps.append(event)
            if len(steps) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
    child = os.fork()
    if child == 0:
        sys.addaudithook(watch)
        status = report.run(base / "shop.yml", out=folder, parameters={"k": k}, **{**given, **more}).status
        (base / "steps").write_text(json.dumps(steps))
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def state(folder):
    asked = runner.Run(str(base / "shop.yml"), None, {"k": 2}, given["notebooks"], folder, lambda line: None)
    whole = {n.name: asked._reason(n, False) for n in asked.chosen}
    files = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
    damage = {name: asked.store.damage(name) for name in asked.store.reports}
    return {"reasons": whole, "damage": damage, "files": files}

found = {"first": ask(base / "old", 1), "one": ask(base / "alone", 2, jobs=1)}
shutil.copytree(base / "old", base / "counted")
found |= {"both": ask(base / "counted", 2), "steps": json.loads((base / "steps").read_text()), "moments": []}
changes = [at for at, event in enumerate(found["steps"], 1) if event == "os.rename"]
luck = random.Random(9)
chosen = [1, len(found["steps"]), *luck.sample(changes, 3)]
chosen += luck.sample(sorted({*range(1, len(found["steps"]))} - {*chosen}), moments - len(chosen))
for i, moment in enumerate(chosen):
    folder = base / f"killed{i}"
    shutil.copytree(base / "old", folder)
    killed = {"moment": moment, "status": ask(folder, 2, moment), "left": state(folder)}
    found["moments"].append({**killed, "again": ask(folder, 2), "after": state(folder)})
found |= {name: state(base / name) for name in ("old", "alone", "counted")}
print(json.dumps(found))
"""
SMALL = [
    "md:# Small {0}\n\nWhich version?",
    PARAMETERS,
    "import os\nfrom pathlib import Path\nfolder = Path(os.environ['PERSONALIZE_TABLES'])",
    "for name in 'ab':\n    _ = (folder / f'{{name}}_{0}.csv').write_text(f'version {{k}}')\nprint(f'version {{k}}')",
]


@pytest.fixture(scope="module")
def kills(tmp_path_factory, notebook_file):
    """What ten killed runs left, and what the run after each made of it."""
    folder = tmp_path_factory.mktemp("kills")
    Shop(folder)
    for name in ("00_one", "01_two"):
        notebook_file(
            folder / "notebooks" / f"{name}.ipynb", [cell.format(name[3:]) for cell in SMALL]
        )
    (folder / "kills.py").write_text(KILLS)
    env = {**os.environ, "PERSONALIZE_CACHE": str(folder / "cache")}
    command = [sys.executable, str(folder / "kills.py"), str(folder), "10"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _versions(files, name):
    """The versions that the files of one report hold."""
    own = {file: text for file, text in files.items() if not file.startswith(".")}
    texts = [text for file, text in own.items() if name in file or f"_{name[3:]}." in file]
    return {version for text in texts for version in re.findall(r"version (\d)\b", text)}


def test_a_run_that_is_killed_at_any_of_ten_moments_leaves_every_report_whole_and_of_one_version(
    kills,
):
    assert kills["first"] == kills["both"] == 0 and len(kills["steps"]) > 20
    assert len({killed["moment"] for killed in kills["moments"]}) == 10
    seen = set()
    for killed in kills["moments"]:
        assert killed["status"] == -signal.SIGKILL
        assert killed["left"]["damage"] == {"00_one": "", "01_two": ""}, (
            "every report is there, as it was written"
        )
        versions = [_versions(killed["left"]["files"], name) for name in ("00_one", "01_two")]
        assert [len(found) for found in versions] == [1, 1]
        seen.add("".join(sorted(versions[0] | versions[1])))
    assert seen == {"1", "12", "2"}, (
        "the moments lie before, between and after the two replacements"
    )


def test_a_run_that_is_killed_at_any_of_ten_moments_is_never_taken_for_up_to_date(kills):
    said = {reason for killed in kills["moments"] for reason in killed["left"]["reasons"].values()}
    assert said == {"parameters changed: k 1 -> 2", ""}
    for killed in kills["moments"]:
        for name, reason in killed["left"]["reasons"].items():
            assert reason or _versions(killed["left"]["files"], name) == {"2"}


def _lasting(state):
    return {
        name: text
        for name, text in state["files"].items()
        if not name.endswith(("manifest.json", ".lock"))
    }


def test_the_run_after_a_kill_completes_and_leaves_what_an_undisturbed_one_leaves(kills):
    for killed in kills["moments"]:
        assert killed["again"] == 0 and set(killed["after"]["reasons"].values()) == {""}
        mine, undisturbed = _lasting(killed["after"]), _lasting(kills["counted"])
        assert [name for name in undisturbed if mine.get(name) != undisturbed[name]] == []
        assert set(mine) == set(undisturbed), "and nothing half-written is left"


def test_the_bytes_do_not_depend_on_how_many_notebooks_run_at_a_time(kills):
    one, two = _lasting(kills["alone"]), _lasting(kills["counted"])
    assert kills["one"] == 0 and len(one) == 10
    assert (
        one == two
        and _versions(one, "00_one") == {"2"}
        and _versions(_lasting(kills["old"]), "00_one") == {"1"}
    )


@pytest.mark.parametrize(
    "calls", [0, 1], ids=["before the first of two steps", "between two steps"]
)
def test_where_folders_cannot_change_places_at_once_a_cut_replacement_is_completed_later(
    shop, monkeypatch, tmp_path, calls
):
    before = shop.files()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "00_good.html").write_text("new")

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("personalize.report.store.ctypes.CDLL", lambda _: None)
    monkeypatch.setattr("personalize.report.store.os.rename", _after(calls, cut))
    monkeypatch.setattr("personalize.report.store.tempfile.TemporaryDirectory", _Left)
    with pytest.raises(KeyboardInterrupt):
        Store(shop.out).publish("00_good", tmp_path / "new", {"state": "done"})
    monkeypatch.undo()
    assert shop.out.is_dir() == (calls == 0)
    with Store(shop.out).alone():
        assert shop.files() == before


class _Left:
    """A temporary folder that is left behind, as by a process that was killed."""

    def __init__(self, prefix, dir):
        self.path = Path(dir) / f"{prefix}left"

    def __enter__(self):
        self.path.mkdir()
        return str(self.path)

    def __exit__(self, *_):
        pass


def _after(calls, then, real=os.rename):
    left = [calls]

    def rename(*args):
        left[0] -= 1
        return real(*args) if left[0] >= 0 else then()

    return rename


def test_a_second_run_beside_another_is_refused(shop):
    with Store(shop.out).alone(), pytest.raises(TableError, match="another run is writing"):
        shop.run(only="00", force=True)


def test_two_reports_cannot_write_the_same_table(shop, notebook_file):
    notebook_file(shop.folder / "notebooks" / "02_again.ipynb", [GOOD[0], *GOOD[1:4], GOOD[8]])
    result = shop.run(only="02")
    assert "table 'plan' belongs to 00_good" in result.outcomes[0].error
    assert "tables/plan.csv" in shop.files(), "the table of the other report stays"


def test_customer_tables_stay_readable_by_their_owner_only(made):
    assert stat.S_IMODE((made.out / "tables" / "plan.csv").stat().st_mode) == 0o600


def test_the_manifest_alone_holds_times_and_says_what_each_report_was_made_from(made):
    entry = json.loads(made.read("manifest.json"))["reports"]["00_good"]
    assert entry["seconds"] > 0 and entry["finished"].endswith("+00:00")
    assert set(entry["key"]) == {"notebook", "package", "parameters", "data", "lock", "libraries"}
    assert entry["files"]["00_good.html"] == keys.digest((made.out / "00_good.html").read_bytes())


def test_no_request_can_leave_a_page_and_only_its_own_script_runs(made):
    for name in ("00_good.html", "01_bad.html", "index.html"):
        text = made.read(name)
        assert not re.search(r"(?:src|href|action)=[\"']?(?:https?:)?//|url\(|@import", text)
        script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in text and "default-src 'none'" in text


def test_names_from_the_data_are_harmless_in_pages_and_tables(made):
    for name in ("00_good.html", "index.html"):
        assert "<script>alert" not in made.read(name) and "<b>more" not in made.read(name)
    assert "&lt;script&gt;alert(1)" in made.read("00_good.html") and "牛奶" in made.read(
        "00_good.html"
    )
    assert "'=cmd()" in (made.out / "tables" / "plan.csv").read_text(encoding="utf-8-sig")


def test_a_page_has_formulas_contents_alternative_text_parameters_and_tables(made):
    text = made.read("00_good.html")
    assert (
        "<mfrac>" in text
        and '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in text
    )
    assert '<a href="#first-best">First &amp; best</a>' in text and 'id="first-best"' in text
    assert re.search(r'<img [^>]*alt="Bars of 3 names: largest 3.0"', text)
    assert re.search(
        r"<code>theta</code></th><td>1.5</td><td>1.5</td><td>0 to 50</td><td>least lift</td>", text
    )
    assert 'href="tables/plan.csv"' in text and "readable by its owner only" in text
    assert '<html lang="en">' in text


def test_an_empty_page_is_light(made):
    assert len(made.read("01_bad.html").encode()) < 15_000


def test_the_index_shows_question_answer_figure_numbers_and_tables(made):
    text = made.read("index.html")
    for part in (
        "What is <strong>in</strong> it?",
        "Offer 牛奶",
        "14 USD",
        "9 USD to 20 USD",
        "tables/plan.parquet",
    ):
        assert part in text
    assert 'alt="Bars of 3 names' in text and "what to offer" in text and "k: 5" not in text


def test_the_sources_share_a_page(made):
    assert 'href="shop/index.html">Corner shop</a>' in (made.out.parent / "index.html").read_text()


def test_a_notebook_that_leaves_early_has_failed(tmp_path, notebook_file):
    path = notebook_file(
        tmp_path / "00_leave.ipynb", ["md:# Leave", PARAMETERS, "import sys\nsys.exit(0)", "2 + 2"]
    )
    _, failure = asyncio.run(execute(path, {}, cwd=tmp_path))
    assert failure.cell == 2 and "SystemExit" in failure.error


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
        with warm.nursery(tmp_path, SAME_EVERYWHERE) as nursery:
            warmed = await execute(path, {}, cwd=tmp_path, nursery=nursery)
            return (
                warmed,
                await execute(path, {}, cwd=tmp_path),
                await execute(parent, {}, cwd=tmp_path, nursery=nursery),
            )

    warmed, cold, (whose, _) = asyncio.run(both())
    assert warmed == cold and warmed[1] is None
    assert "image/png" in str(warmed[0].cells[3].outputs)
    assert "personalize.report.warm" in str(whose.cells[1].outputs)


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


def test_without_a_nursery_at_work_a_kernel_starts_cold(tmp_path, notebook_file):
    path = notebook_file(tmp_path / "00_sum.ipynb", [PARAMETERS, "1 + 1"])
    nb, failure = asyncio.run(execute(path, {}, cwd=tmp_path, nursery=tmp_path / "nobody"))
    assert failure is None and nb.cells[1].outputs[0].data["text/plain"] == "2"


def test_refresh_stores_outputs_in_place_and_keeps_the_old_ones_of_a_failure(
    tmp_path, notebook_file
):
    good = notebook_file(tmp_path / "00_good.ipynb", ["md:# Sum", PARAMETERS, "k + 1"])
    bad = notebook_file(tmp_path / "01_bad.ipynb", ["md:# Bad", PARAMETERS, "1 / 0"])
    before, said = bad.read_bytes(), []
    assert refresh.refresh(tmp_path, say=said.append) == 1
    nb = nbformat.read(good, as_version=4)
    assert nb.cells[2].outputs[0].data["text/plain"] == "5" and nb.cells[2].execution_count == 2
    assert bad.read_bytes() == before and any("ZeroDivisionError" in line for line in said)
    assert normalised(nbformat.read(good, as_version=4)) == nb, "normalising twice changes nothing"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"thteta": 2},
            "unknown parameter 'thteta'(?s:.*)theta \\(float, default 1.5\\): least lift \\[0 to 50\\]",
        ),
        ({"theta": 99}, "'theta' must be 0 to 50, not 99 .*00_good, 01_bad"),
        ({"theta": "high"}, "'theta' must be a number \\(float\\), not 'high' .*00_good, 01_bad"),
        ({"k": 1.5, "theta": True}, "'k' must be a whole number(?s:.*)'theta' must be a number"),
        ({"source": "other"}, "name the source itself"),
        ({"00_good": {"nothing": 1}}, "unknown parameter 'nothing'"),
        ({"as_of": "2019-01-01"}, "outside the data, which run from 2024-01-01 to 2024-02-02"),
        ({"as_of": "January"}, "must be a day written YYYY-MM-DD"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_written(made, tmp_path, given, words):
    with pytest.raises(TableError, match=words):
        made.run(parameters=given, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_other_wrong_input_is_refused(made, tmp_path):
    with pytest.raises(TableError, match="no notebook '7'. Known: 00_good, 01_bad"):
        made.run(only="7")
    with pytest.raises(TableError, match="jobs must be 1 or more"):
        made.run(jobs=0)
    with pytest.raises(TableError, match="no notebooks in"):
        made.run(notebooks=tmp_path)


def test_parameters_of_the_source_file_come_before_those_of_the_call(made):
    known = notebooks(made.folder / "notebooks")
    layers = {"shop.yml": {"k": 7, "01_bad": {"k": 8}, "theta": 2}, "given": {"theta": "3.5"}}
    values = resolve(known, known, layers)
    assert values["00_good"]["k"] == 7 and values["01_bad"]["k"] == 8
    assert values["00_good"]["theta"] == 3.5 and isinstance(values["01_bad"]["theta"], float)


def test_notebooks_are_chosen_by_number_or_name(made):
    known = notebooks(made.folder / "notebooks")
    assert (
        [n.name for n in choose(known, "01")]
        == ["01_bad"]
        == [n.name for n in choose(known, ["bad"])]
    )
    assert choose(known, None) == choose(known, "") == known


@pytest.mark.parametrize(
    "line",
    ["k = 4", "k: int | None = 4", "k: int = 4  # a=b", "k: int = 2 * 3", "k: int = 'x'", "k()",
     "k: int = 4  # [5 to 6]", "k: int = 4  # [6 to 5]", "k: int = 4  # [some]", "k: str = 'x'  # [a, b]"],
)  # fmt: skip
def test_a_parameter_line_that_papermill_would_misread_is_refused(line):
    with pytest.raises(TableError, match="name: type = default"):
        declared(line, "a.ipynb")


RANGES = {
    "[0.5 to 0.999]": ([0.5, 0.999, 0.7], [0.499, 1, -0.7]),
    "[1 or more]": ([1, 10**9], [0, 0.999]),
    "[0, or 2 to 20]": ([0, 2, 20], [1, -1, 21]),
    "[-1.5 to 0]": ([-1.5, 0], [0.1, -2]),
    "[day, week]": (["day", "week"], ["month", ""]),
    "no range": ([-1, 1e300, "x"], []),
}


@pytest.mark.parametrize("text", RANGES)
def test_a_range_holds_its_ends_and_nothing_beyond(text, notebook_file, tmp_path):
    allowed, inside, outside = Range.of(f"a help {text}"), *RANGES[text]
    assert all(map(allowed.holds, inside)) and not any(map(allowed.holds, outside))
    assert allowed.holds(inside) and not any(allowed.holds([*inside, value]) for value in outside)
    line = f"p:k: {type(inside[0]).__name__} = {inside[0]!r}  # a help {text}"
    theirs = papermill.inspect_notebook(str(notebook_file(tmp_path / "00_range.ipynb", [line])))[
        "k"
    ]
    assert theirs["help"] == f"a help {text}" and theirs["default"] == repr(inside[0])


def test_the_table_of_parameters_names_each_once_with_range_and_notebooks(made):
    frame = report.parameter_table(made.folder / "notebooks").set_index("parameter")
    assert list(frame.index) == ["as_of", "k", "theta"]
    assert list(frame.loc["theta", ["type", "default", "range"]]) == ["float", "1.5", "0 to 50"]
    assert "| `theta` | float | `1.5` | 0 to 50 | least lift | 00 01 |" in markdown(
        frame.reset_index()
    )


VALUES = {
    "int": st.integers(), "float": st.floats(allow_nan=False, allow_infinity=False), "bool": st.booleans(),
    "str": st.text(), "list[int]": st.lists(st.integers()), "list[float]": st.lists(st.floats(-1e9, 1e9)),
    "list[str]": st.lists(st.text()),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_value_of_the_right_type_is_kept_as_it_is(kind, data):
    value = data.draw(VALUES[kind])
    assert cast(value, Parameter("x", kind, None, "")) == value


@pytest.mark.parametrize("kind", ["int", "float"])
@given(value=st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_text_is_read_as_the_number_it_says(kind, value):
    if kind == "int" and not isinstance(value, int):
        with pytest.raises(ValueError, match="whole number"):
            cast(str(value), Parameter("x", kind, 0, ""))
    else:
        assert cast(str(value), Parameter("x", kind, 0, "")) == value


def test_a_formula_that_cannot_be_set_is_shown_as_written():
    assert "<math" in page.prose(r"$\frac{a}{b}$")
    assert page.prose(r"costs \$5 and \$6") == "costs $5 and $6"


def test_markdown_never_becomes_markup_or_a_harmful_link():
    assert "<img" not in page.prose("<img src=x onerror=alert(1)>")
    assert "javascript:" not in page.prose("[x](javascript:alert(1))")


def test_a_notebook_is_read_without_a_kernel(made):
    notebook = Notebook.read(made.folder / "notebooks" / "00_good.ipynb")
    assert (notebook.title, notebook.question) == ("Good report", "What is **in** it?")
    assert list(notebook.parameters) == ["source", "as_of", "k", "theta"]


def test_an_unchanged_run_loads_no_heavy_library(shop):
    shop.run(only="00")
    command = [sys.executable, "-c", IN_A_PROCESS, str(shop.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "unchanged, not run: 00_good" in said and said.strip().endswith("loaded: []")


def test_the_package_is_every_file_that_can_change_a_result(tmp_path, monkeypatch):
    package = PACKAGE_DIGEST.__wrapped__
    monkeypatch.setattr(keys, "PACKAGE", tmp_path)
    seen = set()
    for name in ("a.py", "sql/b.sql", "report/templates/c.css", "sources/d.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
        seen.add(package())
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.py").write_text("x")
    seen.add(package())
    assert len(seen) == 4


def _contrast(one, other):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark chosen", "dark by system"])
def test_words_have_the_contrast_that_wcag_asks_for(theme):
    text = (page.TEMPLATES / "style.css").read_text()
    colours = [
        dict(re.findall(r"--(\w+): (#\w+);", part))
        for part in re.findall(r":root[^{]*\{([^}]*--ink[^}]*)\}", text)
    ]
    full = {
        k: v if len(v) == 7 else "#" + "".join(2 * c for c in v[1:])
        for k, v in colours[theme].items()
    }
    pairs = [(word, ground) for word in ("ink", "soft", "link") for ground in ("paper", "card")]
    pairs += [("bad", "badbg"), ("ink", "badbg"), ("ink", "mark")] + [
        (word, "card") for word in "ksncf"
    ]
    assert {
        pair: _contrast(full[pair[0]], full[pair[1]])
        for pair in pairs
        if _contrast(full[pair[0]], full[pair[1]]) < 4.5
    } == {}


@pytest.mark.parametrize("name", ["00_good.html", "01_bad.html", "index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_finds_nothing_to_complain_of(made, browser, name, scheme):
    tab = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    said, requests = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto((made.out / name).as_uri())
    assert (
        tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        == 0
    )
    assert tab.evaluate("[...document.images].every(i => i.alt.trim() && i.naturalWidth)")
    assert not said and not [url for url in requests if not url.startswith(("file:", "data:"))]
    tab.close()


def test_code_theme_and_filter_work(made, browser):
    tab = browser.new_page()
    tab.goto((made.out / "00_good.html").as_uri())
    assert not tab.locator("details.code").first.is_visible()
    tab.get_by_role("button", name="Show code").click()
    assert tab.locator("details.code pre").first.is_visible()
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.get_by_role("button", name="Theme").click()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    tab.goto((made.out / "index.html").as_uri())
    tab.get_by_label("Find a report").fill("offer")
    assert [card.is_visible() for card in tab.locator(".card").all()] == [True, False]
    tab.close()
