"""Exploring never changes the product: copies in a folder that git ignores, with the parameters of
a source.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request

import pytest

from personalize.report import Notebook, lab
from tests.report.helpers import PARAMETERS, Shop

NOTIFICATION = "@jupyterlab/apputils-extension:notification"


@pytest.fixture
def work(tmp_path, monkeypatch, notebook_file):
    """A folder under git with a shop and a notebook that has outputs."""
    monkeypatch.chdir(tmp_path)
    shop = Shop(tmp_path)
    notebook_file(tmp_path / "notebooks" / "10_ours.ipynb", ["md:# Ours", PARAMETERS, "k + 1"])
    path = tmp_path / "notebooks" / "10_ours.ipynb"
    nb = json.loads(path.read_text())
    nb["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "5"}]
    path.write_text(json.dumps(nb))
    return shop


def test_copies_are_made_in_a_folder_that_git_ignores(work):
    folder, kept = lab.copies(None)
    assert (str(folder), kept) == ("lab/complete_journey", [])
    copy = folder / "10_ours.ipynb"
    assert copy.read_text() == (work.folder / "notebooks" / "10_ours.ipynb").read_text()
    subprocess.run(["git", "init", "-q"], check=True)
    said = subprocess.run(["git", "status", "--short"], capture_output=True, text=True, check=True)
    assert "lab" not in said.stdout and "notebooks" in said.stdout


def test_the_parameters_of_a_source_are_filled_in_and_outputs_of_others_left_out(work):
    file = work.folder / "shop.yml"
    file.write_text(file.read_text() + "parameters: {theta: 3}\n")
    folder, _ = lab.copies("shop.yml", parameters={"k": "7"})
    found = Notebook.read(folder / "10_ours.ipynb").parameters
    values = {name: parameter.default for name, parameter in found.items()}
    assert values == {"source": str(file.resolve()), "as_of": "", "k": 7, "theta": 3.0}
    assert found["theta"].help == "least lift [0 to 50]"
    assert json.loads((folder / "10_ours.ipynb").read_text())["cells"][2]["outputs"] == []


def test_a_copy_that_is_there_is_kept_as_it_was_left(work):
    folder, _ = lab.copies(None)
    (folder / "10_ours.ipynb").write_text("mine")
    assert lab.copies(None) == (folder, ["10_ours.ipynb"])
    assert (folder / "10_ours.ipynb").read_text() == "mine"


def test_jupyterlab_opens_without_asking_about_news_or_looking_for_them(work, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')
    env = {**os.environ, "JUPYTER_TOKEN": "t", "JUPYTER_CONFIG_DIR": str(own)}
    command = [sys.executable, "-m", "personalize", "lab", "--no-browser"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as server:
        found = (re.search(r"http://\S+?:\d+/", line) for line in server.stderr)
        place = next(filter(None, found))[0]
        settings = json.loads(_get(f"{place}lab/api/settings/{NOTIFICATION}"))["schema"]
        files = json.loads(_get(f"{place}api/contents"))["content"]
        server.terminate()
    assert settings["properties"]["fetchNews"]["default"] == "false"
    assert settings["properties"]["checkForUpdates"]["default"] is False
    assert {file["name"] for file in files} == {"10_ours.ipynb"}


def _get(address):
    """What the server answers, once it does."""
    request = urllib.request.Request(address, headers={"Authorization": "token t"})
    for _ in range(60):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(address)
