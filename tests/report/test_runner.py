"""The runner: checked before, whole after, the same every time, and honest about failure."""

import re
import stat
import subprocess
import sys
import time

import pytest

from personalize import report
from personalize.report import plan, runner
from personalize.report.store import Store
from personalize.tables import TableError
from tests.report.helpers import BAD, GOOD, IN_A_PROCESS, PARAMETERS, Shop


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


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        ({"00_good": 9.0, "01_bad": 1.0}, ["00_good", "01_bad"]),
        ({"00_good": 1.0, "01_bad": 9.0}, ["01_bad", "00_good"]),
        ({"01_bad": 9.0}, ["00_good", "01_bad"]),
        ({}, ["01_bad", "00_good"]),
    ],
)
def test_the_notebook_that_took_longest_starts_first_and_before_it_what_was_never_timed(
    made, tmp_path, seconds, order
):
    plan = made.plan(out=tmp_path)
    plan.store.manifest["reports"] = {name: {"seconds": value} for name, value in seconds.items()}
    first = runner._Runner(plan, print).longest_first(plan.chosen)
    assert [notebook.name for notebook in first] == order


def test_data_that_take_long_to_read_are_time_in_which_the_kernels_get_ready(
    made, tmp_path, monkeypatch
):
    def slow(source, real=plan.sources.prepare):
        deadline = time.monotonic() + 20
        while not started and time.monotonic() < deadline:
            time.sleep(0.05)
        return real(source)

    started = []
    monkeypatch.setattr(plan.sources, "prepare", slow)
    monkeypatch.setattr(runner.Kernels, "start", lambda self: started.append(self))
    runner._Runner(made.plan(out=tmp_path), print).check()
    assert started


def test_a_long_conversion_says_from_time_to_time_that_it_goes_on(monkeypatch):
    monkeypatch.setattr(runner, "STILL", 0.2)
    said = []
    with runner.reading(said.append):
        time.sleep(1.6)
    assert said[0] == runner.READING
    assert len(said) > 2 and said[1].startswith("still reading the raw files, for 1 s now")


def test_where_something_must_run_the_kernels_get_ready_before_the_data_are_looked_at(
    made, tmp_path, monkeypatch
):
    def refused(source):
        raise TableError("enough seen")

    started = []
    monkeypatch.setattr(plan.sources, "prepare", refused)
    monkeypatch.setattr(runner.Kernels, "start", lambda self: started.append(self))
    for out, force, expected in (
        (made.out.parent, False, 0),
        (made.out.parent, True, 1),
        (tmp_path, False, 2),
    ):
        with pytest.raises(TableError, match="enough seen"):
            made.run(out=out, force=force, jobs=1)
        assert len(started) == expected


def test_what_would_run_is_told_with_its_reason_and_nothing_is_written(made, tmp_path):
    found = made.plan(only="00", parameters={"k": 6}).due()
    assert list(found.reason) == ["parameters changed: k 4 -> 6"]
    assert "k=6" in found.parameters[0]
    assert list(made.plan(only="00").due().reason) == [""]
    assert list(made.plan(only="00").due(force=True).reason) == ["forced"]
    assert list(made.plan(out=tmp_path / "none").due().reason) == ["first run"] * 2
    assert not (tmp_path / "none").exists()


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


def test_an_unchanged_run_loads_no_heavy_library(shop):
    shop.run(only="00")
    command = [sys.executable, "-c", IN_A_PROCESS, str(shop.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "unchanged, not run: 00_good" in said and said.strip().endswith("loaded: []")
