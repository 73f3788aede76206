"""The command line hands on all that it is given."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import personalize as pz
from personalize import report
from personalize.__main__ import main
from personalize.tables import TableError

PARAMETERS = """p:source: str = "complete_journey"  # source
theta: float = 1.5  # least lift [0 to 50]"""

GIVEN = [
    "shop.yml",
    "--only",
    "03,05",
    "-p",
    "theta=1.5",
    "-p",
    "03.k=a=b",
    "--jobs",
    "1",
    "--out",
    "elsewhere",
]


@pytest.mark.parametrize(
    ("command", "called", "more"), [("report", "run", ["--force"]), ("verify", "verify", [])]
)
def test_every_option_of_a_run_arrives(monkeypatch, command, called, more):
    seen = {}

    def noted(source, **given):
        seen.update(given, source=source)
        return SimpleNamespace(status=1, outcomes=[])

    monkeypatch.setattr(report, called, noted)
    assert main([command, *GIVEN, *more]) == 1
    assert callable(seen.pop("progress")) and seen.pop("force", None) == (True if more else None)
    assert (
        seen.pop("only") == "03,05"
        and seen.pop("source") == "shop.yml"
        and str(seen.pop("out")) == "elsewhere"
    )
    assert seen.pop("notebooks") is None
    assert seen == {"parameters": {"theta": "1.5", "03.k": "a=b"}, "jobs": 1}


def test_alone_it_shows_its_help(capsys):
    assert main([]) == 0
    assert "personalize init FILE" in capsys.readouterr().out


def test_the_list_of_a_report_has_notebooks_and_parameters(tmp_path, notebook_file, capsys):
    notebook_file(tmp_path / "10_ours.ipynb", ["md:# Ours\n\nWho?", PARAMETERS])
    assert main(["report", "--list", "--notebooks", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "10_ours: Who?" in said and "theta (float, default 1.5): least lift" in said


def test_a_dry_run_says_what_would_run_and_writes_nothing(
    tmp_path, notebook_file, capsys, monkeypatch
):
    notebook_file(tmp_path / "notebooks" / "10_ours.ipynb", ["md:# Ours", PARAMETERS])
    monkeypatch.chdir(tmp_path)
    assert main(["report", "cdnow", "--dry-run", "-p", "theta=2"]) == 0
    assert "10_ours: first run; source=cdnow, theta=2.0" in capsys.readouterr().out
    assert not (tmp_path / "reports").exists()


def test_quiet_says_only_what_failed(tmp_path, monkeypatch, capsys):
    failed = SimpleNamespace(name="10_ours", state="failed", error="in cell 2")
    made = SimpleNamespace(status=1, outcomes=[failed])
    monkeypatch.setattr(report, "run", lambda source, progress, **_: progress("noise") or made)
    assert main(["report", "--quiet"]) == 1
    assert capsys.readouterr() == ("", "10_ours failed in cell 2\n")


def test_open_shows_the_page_in_the_browser(tmp_path, monkeypatch):
    seen = []
    made = SimpleNamespace(status=0, outcomes=[], page=tmp_path / "index.html")
    monkeypatch.setattr(report, "run", lambda source, **_: made)
    monkeypatch.setattr("webbrowser.open", seen.append)
    assert main(["report", "--open"]) == 0 and seen == [(tmp_path / "index.html").as_uri()]


def test_a_shell_gets_its_completion(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--print-completion", "bash"])
    assert left.value.code == 0 and "complete -" in capsys.readouterr().out


def test_the_help_says_how_to_set_a_parameter_of_one_notebook(capsys):
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    assert "03.level=category" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["customer,order\n1,2\n", "a: b\n"])
def test_an_export_given_for_a_source_leads_to_init(tmp_path, monkeypatch, capsys, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text(content)
    assert main(["check", "orders.csv"]) == 2
    assert "personalize init orders.csv" in capsys.readouterr().err
    with pytest.raises(TableError, match="personalize init orders.csv"):
        pz.load("orders.csv")


@pytest.mark.parametrize("seed", ["0", "4", "5"])  # which objects are left at the end hangs on it
def test_a_refused_command_says_its_message_and_nothing_more(tmp_path, seed):
    (tmp_path / "orders.csv").write_text("a,b\n1,2\n")
    command = [sys.executable, "-m", "personalize", "check", "orders.csv"]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "personalize init" in done.stderr and len(done.stderr.splitlines()) == 1
