"""Wheel and sdist: everything is in them, and what is installed from them runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from runwisp.version import VERSION
from tests.integration.asking import Door, password_of
from tests.integration.running import House
from tests.package.conftest import ROOT

PATIENCE = 300


def tracked(*below: str) -> set[str]:
    done = subprocess.run(["git", "ls-files", *below], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def python(*words: str, cwd: Path = ROOT) -> str:
    """Without what pytest and its surroundings put into the environment."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    done = subprocess.run(
        words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel is made from the sdist, so that something missing there is missing here too."""
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    python(sys.executable, "-m", "build", "--outdir", str(folder), cwd=source)
    return folder


def test_both_have_what_an_index_asks_for(dist: Path) -> None:
    python(sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir()))


def test_the_wheel_holds_every_file_of_the_package_and_no_other(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"runwisp-{VERSION}-py3-none-any.whl") as wheel:
        held = {name for name in wheel.namelist() if not name.startswith(f"runwisp-{VERSION}.dist-info/")}
    assert held == tracked("runwisp")


def test_the_sdist_holds_the_whole_repository(dist: Path) -> None:
    with tarfile.open(dist / f"runwisp-{VERSION}.tar.gz") as sdist:
        held = {member.name.partition("/")[2] for member in sdist if member.isfile()}
    assert tracked() - held == {".gitignore"}


def test_what_is_installed_from_the_wheel_serves_the_dashboard(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    here = tmp_path / "venv/bin"
    [wheel] = dist.glob("*.whl")
    python(str(here / "python"), "-m", "pip", "install", "-q", str(wheel))
    assert python(str(here / "runwisp"), "--version") == f"runwisp {VERSION}\n"
    monkeypatch.setattr("tests.integration.running.RUNWISP", (str(here / "runwisp"),))
    monkeypatch.setattr("tests.integration.running.ROOT", tmp_path)
    with House(tmp_path) as house:
        daemon = house.start('[tasks.t]\nrun = "true"\n')
        door = Door(daemon).log_in(password_of(house))
        page = door.get("/")
        assert page.status == 200
        assert b"<title>RunWisp" in page.body
        assert door.get("/vendor/mithril/mithril.js").status == 200
