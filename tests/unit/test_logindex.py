"""Which files an index speaks of, also while they are rotated."""

from __future__ import annotations

import os

from runwisp.logindex import Header, placed

HEADER = Header(prev_start=100, log_start=150, prev_inode=1, log_inode=2)


def file(inode: int, size: int = 0) -> os.stat_result:
    return os.stat_result((0, inode, 0, 1, 0, 0, size, 0, 0, 0))


def test_the_files_of_the_header_are_where_it_says() -> None:
    assert placed(HEADER, file(2), file(1)) == HEADER
    assert placed(HEADER, file(2), None) == HEADER


def test_a_log_that_was_renamed_before_the_header_was_written_is_the_previous_one() -> None:
    assert placed(HEADER, file(3), file(2, size=30)) == Header(150, 180, 2, 3)
    assert placed(HEADER, None, file(2, size=30)) == Header(150, 180, 2, 0)


def test_a_log_that_was_renamed_between_the_opening_of_both_is_not_taken_for_two() -> None:
    assert placed(HEADER, file(2, size=30), file(2, size=30)) is None


def test_files_of_another_time_are_not_those_of_the_header() -> None:
    assert placed(HEADER, file(4), file(1)) is None
    assert placed(HEADER, file(2), file(5)) is None


def test_a_log_that_is_not_there_is_not_that_of_the_header() -> None:
    assert placed(HEADER, None, file(1)) is None
    assert placed(HEADER, None, None) is None
