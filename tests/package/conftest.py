"""What the tests of the package share: the package, a fresh Debian, and one with the package installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from runwisp.version import VERSION
from tests.package.machine import Machine

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
SUITE = "bookworm"


def pytest_sessionstart() -> None:
    if os.geteuid():
        pytest.exit("the tests of the package need root: they mount, and boot machines", returncode=1)


@pytest.fixture(scope="session")
def deb() -> Path:
    """Built from this checkout."""
    done = subprocess.run([ROOT / "packaging/deb"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
    package = BUILD / f"deb/runwisp_{VERSION}_all.deb"
    assert package.exists(), "debian/changelog has another version than runwisp/version.py"
    return package


@pytest.fixture(scope="session")
def debian() -> Path:
    """A minimal Debian with what the package says that it depends on. Kept in ``build``."""
    folder = BUILD / SUITE
    if not folder.exists():
        wanted = re.findall(r"^ (python3-[a-z]+) \(", (ROOT / "debian/control").read_text(), re.MULTILINE)
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        BUILD.mkdir(exist_ok=True)
        done = subprocess.run(
            [
                *("mmdebstrap", "--mode=root", "--variant=apt", "--dpkgopt=force-unsafe-io"),
                f"--include={','.join(['procps', 'systemd', 'tzdata', *sorted({*wanted})])}",
                *(SUITE, str(part)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        part.rename(folder)
    return folder


@pytest.fixture(scope="session")
def installed(debian: Path, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The layers of a Debian where the package was installed, and the service ran."""
    with Machine(tmp_path_factory.mktemp("installed") / "installed", [debian]) as machine:
        machine.install(deb)
        machine.does("systemctl", "stop", "runwisp")
    return [debian, machine.upper]


@pytest.fixture
def machine(installed: list[Path], tmp_path: Path) -> Generator[Machine, None, None]:
    """A fresh machine whose service runs."""
    with Machine(tmp_path / tmp_path.name, installed) as machine:
        machine.does("systemctl", "is-active", "runwisp")
        yield machine
