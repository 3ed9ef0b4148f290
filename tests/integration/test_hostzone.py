"""The zone of a machine, in every way that machines say it."""

from __future__ import annotations

import shutil
import zoneinfo
from collections.abc import Callable
from pathlib import Path

import pytest

from runwisp.hostzone import HostZone, find

ZONES = Path(next(folder for folder in zoneinfo.TZPATH if (Path(folder) / "Europe/Berlin").exists()))


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


def linked(etc: Path) -> None:
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")


def linked_to_posix(etc: Path) -> None:
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/posix/Europe/Berlin")


def relatively_linked(etc: Path) -> None:
    (etc / "localtime").symlink_to("../usr/share/zoneinfo/Europe/Berlin")


def copied(etc: Path) -> None:
    shutil.copy(ZONES / "Europe/Berlin", etc / "localtime")
    (etc / "timezone").write_text("Europe/Berlin\n")


def told(etc: Path) -> None:
    (etc / "timezone").write_text("Europe/Berlin\n")


@pytest.mark.parametrize("setting", [linked, linked_to_posix, relatively_linked, copied, told])
def test_the_machine_says_its_zone(etc: Path, setting: Callable[[Path], None]) -> None:
    setting(etc)
    assert find({}, str(etc.parent)) == HostZone("Europe/Berlin")


def test_a_copied_zone_is_found_by_its_data_whatever_etc_timezone_says(etc: Path) -> None:
    copied(etc)
    (etc / "timezone").write_text("Etc/UTC\n")
    found = find({}, str(etc.parent))
    assert found.doubt == ""
    assert (ZONES / found.name).read_bytes() == (ZONES / "Europe/Berlin").read_bytes()


def test_a_machine_that_says_nothing_is_in_utc(etc: Path) -> None:
    assert find({}, str(etc.parent)) == HostZone("UTC")


def test_a_zone_without_a_name_is_told(etc: Path) -> None:
    (etc / "localtime").write_bytes(b"TZif2 of nowhere")
    found = find({}, str(etc.parent))
    assert found.name == "UTC"
    assert "/etc/localtime is not a time zone that has a name; UTC is used" in found.doubt


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (":Asia/Tokyo", "Asia/Tokyo"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("", "UTC"),
    ],
)
def test_the_variable_comes_first(etc: Path, variable: str, name: str) -> None:
    linked(etc)
    assert find({"TZ": variable}, str(etc.parent)) == HostZone(name)


@pytest.mark.parametrize("variable", ["/etc/localtime", ":/etc/localtime"])
def test_a_variable_that_says_as_the_machine_is_no_doubt(etc: Path, variable: str) -> None:
    linked(etc)
    assert find({"TZ": variable}, str(etc.parent)) == HostZone("Europe/Berlin")


@pytest.mark.parametrize(
    "variable", ["CET-1CEST,M3.5.0,M10.5.0/3", "Nowhere/City", "/some/file", "right/UTC"]
)
def test_a_variable_that_names_no_zone_is_told_and_passed_over(etc: Path, variable: str) -> None:
    linked(etc)
    found = find({"TZ": variable}, str(etc.parent))
    assert found.name == "Europe/Berlin"
    assert f'the variable TZ is "{variable}"' in found.doubt
