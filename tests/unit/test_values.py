"""Each type of value: what it is read as, and what is said of what it is not."""

from __future__ import annotations

from signal import Signals

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import values
from runwisp.clock import DAY, spell
from runwisp.task import OnOverlap
from runwisp.values import BadValue, Flaw, Reader

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
READERS: dict[str, Reader[object]] = {
    "absolute_path": values.absolute_path,
    "boolean": values.boolean,
    "choice": values.choice(OnOverlap),
    "duration": values.duration(),
    "environment": values.environment,
    "exit_codes": values.exit_codes,
    "filled_text": values.filled_text,
    "integer": values.integer(0, 10),
    "items": values.items(values.text),
    "keep_count": values.keep_count,
    "keep_length": values.keep_length,
    "size": values.size,
    "stop_signal": values.stop_signal,
    "text": values.text,
    "umask": values.umask,
    "user": values.user,
    "web_url": values.web_url,
}


def flaws(read: Reader[object], value: object) -> tuple[Flaw, ...]:
    with pytest.raises(BadValue) as caught:
        read(value)
    return caught.value.flaws


def fault(read: Reader[object], value: object) -> str:
    (flaw,) = flaws(read, value)
    return flaw.message


@given(st.sampled_from(sorted(READERS)), ANYTHING)
def test_a_reader_raises_nothing_but_bad_value(name: str, value: object) -> None:
    try:
        READERS[name](value)
    except BadValue as error:
        assert error.flaws
        assert all(flaw.message for flaw in error.flaws)


@pytest.mark.parametrize(
    ("word", "length"),
    [
        ("300ms", 300),
        ("5s", 5_000),
        ("10m", 600_000),
        ("1h30m", 5_400_000),
        ("36h", 36 * 3_600_000),
        ("30d", 30 * DAY),
        ("2w", 14 * DAY),
        ("1.5h", 5_400_000),
        ("0.5s", 500),
        ("1h1h", 7_200_000),
        ("0s", 0),
        ("36500d", 36_500 * DAY),
    ],
)
def test_a_duration_is_terms_that_add_up(word: str, length: int) -> None:
    assert values.duration()(word) == length


@given(st.integers(0, values.LONGEST))
def test_a_duration_is_read_as_it_is_spelt(length: int) -> None:
    assert values.duration()(spell(length)) == length


@pytest.mark.parametrize(
    ("value", "meant"),
    [(30, '"30s"'), (1.5, '"1.5s"'), ("30", '"30s"'), ("1h 30m", '"1h30m"'), ("5S", '"5s"'), ("5 s", '"5s"')],
)
def test_a_duration_that_is_nearly_one_is_told_how_it_is_written(value: object, meant: str) -> None:
    assert f"did you mean {meant}?" in fault(values.duration(), value)


@pytest.mark.parametrize(
    "value", ["", "s", "five", "-5s", "1h-5m", ".5h", "5s\n", "٣s", "1e3s", True, [], {}]
)
def test_what_is_not_a_duration_is_refused(value: object) -> None:
    fault(values.duration(), value)


def test_a_duration_has_bounds() -> None:
    assert fault(values.duration(), "36501d") == '"36501d" is out of range: 0s to 36500d'
    assert fault(values.duration(low=1), "0s") == '"0s" is out of range: 1ms to 36500d'
    assert "shorter than 1ms" in fault(values.duration(), "0.0001s")


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (0, 0),
        (4096, 4096),
        ("4096", 4096),
        ("10b", 10),
        ("1kb", 1024),
        ("100MB", 100 * 1024**2),
        ("1.5gb", 3 * 1024**3 // 2),
        ("2Tb", 2 * 1024**4),
        ("0.1kb", 102),
    ],
)
def test_a_size_is_bytes_or_has_a_unit(value: object, size: int) -> None:
    assert values.size(value) == size


@pytest.mark.parametrize(
    ("value", "meant"), [("100M", "100MB"), ("1 gb", "1GB"), ("1.5GiB", "1.5GB"), ("5k", "5KB")]
)
def test_a_size_that_is_nearly_one_is_told_how_it_is_written(value: object, meant: str) -> None:
    assert f'did you mean "{meant}"?' in fault(values.size, value)


@pytest.mark.parametrize("value", ["", "-1", "mb", "1e3", "1.mb", "9999999999tb", -1, 2**63, 1.5, True])
def test_what_is_not_a_size_is_refused(value: object) -> None:
    fault(values.size, value)


def test_an_integer_has_a_range_that_is_told() -> None:
    read = values.integer(1, 1024)
    assert (read(1), read(1024)) == (1, 1024)
    assert fault(read, 0) == "0 is out of range: 1 to 1024"
    assert fault(read, 1025) == "1025 is out of range: 1 to 1024"
    assert fault(read, "5") == "expected an integer, not a string, did you mean 5?"
    assert fault(read, True) == "expected an integer, not a boolean"
    assert fault(read, 1.0) == "expected an integer, not a float"


def test_keeping_can_be_unlimited() -> None:
    assert values.keep_count(-1) is None
    assert values.keep_count(5) == 5
    fault(values.keep_count, -2)
    assert values.keep_length("unlimited") is None
    assert values.keep_length("90d") == 90 * DAY
    fault(values.keep_length, "Unlimited")


def test_a_boolean_is_not_a_word() -> None:
    assert values.boolean(True) is True
    assert fault(values.boolean, "yes") == "expected true or false, not a string, did you mean true?"
    fault(values.boolean, 1)


def test_text_with_a_nul_is_refused_as_no_program_can_get_it() -> None:
    assert "NUL" in fault(values.text, "a\0b")


def test_a_choice_lists_what_there_is() -> None:
    read = values.choice(OnOverlap)
    assert read("skip") is OnOverlap.SKIP
    assert fault(read, "quue") == ('"quue" is not one of "queue", "skip", "terminate", did you mean "queue"?')


def test_a_stop_signal_has_its_whole_name() -> None:
    assert values.stop_signal("SIGUSR1") is Signals.SIGUSR1
    assert 'did you mean "SIGTERM"?' in fault(values.stop_signal, "term")
    fault(values.stop_signal, "SIGSTOP")
    fault(values.stop_signal, 15)


def test_a_umask_is_an_octal_string() -> None:
    assert values.umask("022") == 0o022
    assert values.umask("0077") == 0o077
    assert values.umask("777") == 0o777
    assert 'did you mean "022"?' in fault(values.umask, 22)
    for value in ("", "8", "0o22", "1777", "-1", 999):
        fault(values.umask, value)


@pytest.mark.parametrize(
    "url", ["https://a.b", "http://a:8080/x?y#z", "HTTPS://[::1]:9477/", "https://u:p@host/x"]
)
def test_a_web_url_is_absolute(url: str) -> None:
    assert values.web_url(url) == url


@pytest.mark.parametrize(
    "url", ["", "a.b", "ftp://a", "https://", "https:///x", "https://a b", "//a", "http://a:x"]
)
def test_what_is_not_a_web_url_is_refused(url: str) -> None:
    fault(values.web_url, url)


def test_a_user_may_have_a_group() -> None:
    assert values.user("joe") == "joe"
    assert values.user("joe:staff") == "joe:staff"
    for value in ("", ":", "joe:", ":staff", "a:b:c", "joe smith"):
        fault(values.user, value)


def test_every_flaw_of_an_array_is_told_where_it_is() -> None:
    found = flaws(values.exit_codes, [0, 256, "1", 3])
    assert [flaw.at for flaw in found] == [(1,), (2,)]
    assert values.exit_codes([0, 3, 3]) == {0, 3}
    assert "did you mean [3]?" in fault(values.exit_codes, 3)
    assert "is empty" in fault(values.exit_codes, [])


def test_every_flaw_of_an_environment_is_told_where_it_is() -> None:
    assert values.environment({"A": "1", "b c": ""}) == {"A": "1", "b c": ""}
    found = flaws(values.environment, {"A": 1, "B=": "x", "": "y", "C": "z\0"})
    assert {(*flaw.at, flaw.is_key) for flaw in found} == {
        ("A", False),
        ("B=", True),
        ("", True),
        ("C", False),
    }


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "...", "-", "a" * 100])
def test_names_that_can_be(name: str) -> None:
    assert values.is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "ä", "a/b", "a\n", "a" * 101, "a:b"])
def test_names_that_cannot_be(name: str) -> None:
    assert not values.is_name(name)
