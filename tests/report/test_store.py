"""The folder of reports: whole at every moment, whoever is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from personalize.report import fingerprint
from personalize.report.store import Store
from tests.report.helpers import GOOD, IN_A_PROCESS, PARAMETERS, Shop


def test_a_run_that_is_killed_leaves_the_last_good_report_or_none_and_the_next_completes(
    shop, notebook_file
):
    before = shop.files()
    slow = [*GOOD[:3], "import time\ntime.sleep(30)"]
    notebook_file(shop.folder / "notebooks" / "00_good.ipynb", slow)
    command = [sys.executable, "-c", IN_A_PROCESS, str(shop.folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    started = next(
        line for line in child.stdout if "reading" not in line
    )  # said where that is slow
    assert "running (notebook changed)" in started
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
from personalize.report import builder, fingerprint, runner
from personalize.report.plan import Plan
fingerprint.package, runner.commit = lambda: "this package", lambda folder: ""
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
    asked = Plan(str(base / "shop.yml"), None, {"k": 2}, given["notebooks"], folder)
    whole = {n.name: asked.reason(n) for n in asked.chosen}
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
    env = {**os.environ, "PERSONALIZE_CACHE": str(folder / "cache"), "PERSONALIZE_COLD": "1"}
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


def test_the_manifest_alone_holds_times_and_says_what_each_report_was_made_from(made):
    entry = json.loads(made.read("manifest.json"))["reports"]["00_good"]
    assert entry["seconds"] > 0 and entry["finished"].endswith("+00:00")
    assert set(entry["key"]) == {"notebook", "package", "parameters", "data", "lock", "libraries"}
    assert entry["files"]["00_good.html"] == fingerprint.digest(
        (made.out / "00_good.html").read_bytes()
    )
