"""Set-up never resolves: newer releases of locked packages may lie about, the locked ones win.

python .ci/newer_releases.py write FOLDER : newer releases of packages, two wanted with an extra
python .ci/newer_releases.py pips FOLDER : the Makefile's install line by each Python's oldest pip
python .ci/newer_releases.py check PYTHON : what that environment holds is what the lock says
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEWER = ["coverage", "pluggy", "jsonschema"]  # coverage and jsonschema are wanted with an extra
WANTED = [  # whole in itself: every package that one of them needs is there
    *("pytest-cov", "coverage", "pluggy", "pytest", "iniconfig", "packaging", "pygments"),
    *("jsonschema", "attrs", "jsonschema-specifications", "referencing", "rpds-py"),
    "typing-extensions",
]
OLDEST_PIP = {"3.11": "22.3", "3.12": "23.2.1", "3.13": "24.2"}  # that of the first release


def entries() -> dict[str, str]:
    """Package -> its entries in the lock (one a marker): version, marker and hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", text.strip()):
        name = re.match(r"[a-z0-9._-]+", entry)[0]
        found[name] = found.get(name, "") + entry + "\n"
    return found


def write(folder: Path) -> None:
    """Wheels of version 9999 that hold nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NEWER:
        info = f"{name}-9999.dist-info"
        extras = "Provides-Extra: toml\nProvides-Extra: format-nongpl\n"
        parts = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 9999\n{extras}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
        }
        with zipfile.ZipFile(folder / f"{name}-9999-py3-none-any.whl", "w") as wheel:
            for path, text in parts.items():
                wheel.writestr(path, text)


def pythons() -> dict[str, str]:
    """Version -> interpreter, of those that can be found."""
    found = {}
    for version in OLDEST_PIP:
        managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        command = str(managed[-1]) if managed else shutil.which(f"python{version}")
        if command:
            found[version] = command
    return found


def install_line(python: Path, lock: Path) -> str:
    """The Makefile's line that installs the lock, for another environment and another lock."""
    command = ["make", "-n", "-B", "setup", "UV="]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(line for line in told.splitlines() if "requirements.lock" in line and "pip" in line)
    line = line.removesuffix("\\").strip()
    return line.replace(".venv/bin/python", str(python)).replace("requirements.lock", str(lock))


def pips(folder: Path) -> None:
    """Install a part of the lock with each old pip, the newer releases in sight."""
    lines = entries()
    for version, interpreter in pythons().items():
        with tempfile.TemporaryDirectory() as scratch:
            python = Path(scratch, "env", "bin", "python")
            subprocess.run([interpreter, "-m", "venv", Path(scratch, "env")], check=True)
            pip = [python, "-m", "pip", "install", "-qq", f"pip=={OLDEST_PIP[version]}"]
            subprocess.run(pip, check=True)
            lock = Path(scratch, "part.txt")
            lock.write_text("".join(lines[name] for name in WANTED), encoding="utf-8")
            line = install_line(python, lock) + f" --find-links '{folder}'"
            subprocess.run(line, shell=True, check=True, cwd=scratch)
            check(python, WANTED)
        told = f"Python {version} with pip {OLDEST_PIP[version]}: the locked versions win\n"
        sys.stdout.write(told)


def check(python: Path, names: list[str] | None = None) -> None:
    """Stop where an installed version is not the locked one."""
    listing = [python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    told = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    installed = {row["name"].lower().replace("_", "-"): row["version"] for row in json.loads(told)}
    wrong = {}
    for name, entry in entries().items():
        locked = re.findall(r"==([^ ;\\]+) ", entry)
        expected = name in (names or installed)
        if expected and installed.get(name) not in locked:
            wrong[name] = (installed.get(name), locked)
    if wrong:
        sys.exit(f"installed and locked versions differ: {wrong}")


if __name__ == "__main__":
    {"write": write, "pips": pips, "check": check}[sys.argv[1]](Path(sys.argv[2]).absolute())
