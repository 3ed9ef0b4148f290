"""The types of values in ``runwisp.toml``: how each is read from what TOML has, and what is wrong with it.

Pure. A reader takes whatever TOML value stands there and returns what the daemon works with, or raises
BadValue with every flaw of it, each a sentence that says what to write instead. What a value refers to
(a zone, a notifier) is not its business. Called by ``configkeys``, which says which key has which type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from signal import Signals
from typing import TypeVar

from runwisp.clock import DAY, Millis, length, spell
from runwisp.closest import did_you_mean
from runwisp.frozen import frozen

K = TypeVar("K", bound=int | str)
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[object], T]

LONGEST: Millis = 36_500 * DAY
"""A century: past any use, and far from where the calendar of datetime ends."""
LARGEST = 2**63 - 1
"""What SQLite can hold."""
SIZE_UNITS = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
STOP_SIGNALS = {
    signal.name: signal
    for signal in (
        Signals.SIGTERM,
        Signals.SIGINT,
        Signals.SIGQUIT,
        Signals.SIGHUP,
        Signals.SIGKILL,
        Signals.SIGUSR1,
        Signals.SIGUSR2,
    )
}
UNLIMITED = "unlimited"

_SIZE = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?([a-z]*)")
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,100}")
_UMASK = re.compile(r"0?[0-7]{1,3}")
_WEB_URL = re.compile(
    r"https?://(?:[^\s/?#@]+@)?(?:[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_KINDS = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
}


@frozen
class Flaw:
    """One thing wrong, ``at`` a place inside the value: indexes and keys, none for the value itself.

    ``is_key``: what is wrong is the last key, not what it stands for.
    """

    message: str
    at: tuple[str | int, ...] = ()
    is_key: bool = False


class BadValue(ValueError):
    """A value that cannot be used, with everything that is wrong with it."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(flaw.message for flaw in flaws))
        self.flaws = flaws


def bad(message: str) -> BadValue:
    return BadValue(Flaw(message))


def wrong_type(expected: str, value: object, hint: str = "") -> BadValue:
    return bad(f"expected {expected}, not {_KINDS.get(type(value), 'a date or time')}{hint}")


def text(value: object) -> str:
    if not isinstance(value, str):
        hint = f', did you mean "{value}"?' if type(value) in (int, float) else ""
        raise wrong_type("a string", value, hint)
    if "\0" in value:
        raise bad("contains a NUL character, which no program can be given; take it out")
    return value


def filled_text(value: object) -> str:
    found = text(value)
    if not found.strip():
        raise bad("is blank; write what it should be, or remove the key")
    return found


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        meant = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
        hint = meant.get(value.lower()) if isinstance(value, str) else None
        raise wrong_type("true or false", value, f", did you mean {hint}?" if hint else "")
    return value


def integer(low: int, high: int) -> Reader[int]:
    def read(value: object) -> int:
        if type(value) is not int:
            is_quoted = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value)
            raise wrong_type("an integer", value, f", did you mean {value}?" if is_quoted else "")
        if not low <= value <= high:
            raise bad(f"{value} is out of range: {low} to {high}")
        return value

    return read


def keep_count(value: object) -> int | None:
    """How many to keep; None, written -1, for all of them."""
    count = integer(-1, LARGEST)(value)
    return None if count == -1 else count


def duration(low: Millis = 0, high: Millis = LONGEST) -> Reader[Millis]:
    """A length in milliseconds."""

    def read(value: object) -> Millis:
        if not isinstance(value, str):
            is_number = type(value) in (int, float)
            raise wrong_type(
                'a duration such as "30s"', value, f', did you mean "{value}s"?' if is_number else ""
            )
        found = _length(value)
        if not low <= found <= high:
            raise bad(f'"{value}" is out of range: {spell(low)} to {spell(high)}')
        return found

    return read


def keep_length(value: object) -> Millis | None:
    """How long to keep; None, written "unlimited", for ever."""
    return None if value == UNLIMITED else duration()(value)


def size(value: object) -> int:
    """A number of bytes."""
    if type(value) is int:
        found = value
    elif isinstance(value, str):
        found = _bytes(value)
    else:
        raise wrong_type('a size such as "100MB" or a number of bytes', value)
    if not 0 <= found <= LARGEST:
        raise bad(f"{value} is out of range: 0 to {LARGEST} bytes")
    return found


def choice(options: type[E]) -> Reader[E]:
    by_word = {option.value: option for option in options}

    def read(value: object) -> E:
        return by_word[one_of(value, by_word)]

    return read


def one_of(value: object, known: Mapping[str, object]) -> str:
    """The value itself, once it is known to be one of the words."""
    word = text(value)
    if word not in known:
        words = ", ".join(f'"{each}"' for each in known)
        raise bad(f'"{word}" is not one of {words}{did_you_mean(word, known)}')
    return word


def stop_signal(value: object) -> Signals:
    if isinstance(value, str) and f"SIG{value.upper()}" in STOP_SIGNALS:
        raise bad(f'"{value}" is not the name of a signal, did you mean "SIG{value.upper()}"?')
    return STOP_SIGNALS[one_of(value, STOP_SIGNALS)]


def umask(value: object) -> int:
    if type(value) is int and re.fullmatch(r"[0-7]{1,3}", str(value)):
        raise wrong_type('an octal string such as "022"', value, f', did you mean "{value:03}"?')
    word = text(value)
    if not _UMASK.fullmatch(word):
        raise bad(f'"{word}" is not a umask; write an octal string from "000" to "777"')
    return int(word, 8)


def absolute_path(value: object) -> str:
    path = filled_text(value)
    if not path.startswith("/"):
        raise bad(f'"{path}" is not an absolute path; begin it with "/"')
    return path


def web_url(value: object) -> str:
    url = text(value)
    if not _WEB_URL.fullmatch(url):
        raise bad(f'"{url}" is not an absolute URL; write for example "https://runwisp.example.com"')
    return url


def user(value: object) -> str:
    """``name`` or ``name:group``."""
    found = filled_text(value)
    if not re.fullmatch(r"[^:\s]+(?::[^:\s]+)?", found):
        raise bad(f'"{found}" is not a user; write "name" or "name:group"')
    return found


def items(read: Reader[T], *, is_empty_allowed: bool = True) -> Reader[tuple[T, ...]]:
    """An array of values of one type, with the flaws of all of them."""

    def read_all(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise wrong_type(
                "an array", value, f", did you mean [{_spelled(value)}]?" if _is_plain(value) else ""
            )
        if not value and not is_empty_allowed:
            raise bad("is empty; name at least one, or remove the key")
        return tuple(_all_read(enumerate(value), read).values())

    return read_all


def exit_codes(value: object) -> frozenset[int]:
    return frozenset(items(integer(0, 255), is_empty_allowed=False)(value))


def strings_by_name(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong_type("a table of strings", value)
    return _all_read(value.items(), text)


def environment(value: object) -> dict[str, str]:
    message = 'is not a name for a variable: it must not be empty nor contain "=" or NUL'
    names = value if isinstance(value, dict) else ()
    flaws = [Flaw(message, (name,), is_key=True) for name in names if not name or "=" in name or "\0" in name]
    try:
        found = strings_by_name(value)
    except BadValue as error:
        flaws += error.flaws
    if flaws:
        raise BadValue(*flaws)
    return found


def is_name(word: str) -> bool:
    """Whether a task or a service may be called so."""
    return word not in (".", "..") and _NAME.fullmatch(word) is not None


def _all_read(values: Iterable[tuple[K, object]], read: Reader[T]) -> dict[K, T]:
    found: dict[K, T] = {}
    flaws: list[Flaw] = []
    for key, value in values:
        try:
            found[key] = read(value)
        except BadValue as error:
            flaws += [Flaw(inner.message, (key, *inner.at), inner.is_key) for inner in error.flaws]
    if flaws:
        raise BadValue(*flaws)
    return found


def _length(word: str) -> Millis:
    try:
        found = length(word)
    except ValueError as error:
        tidy = re.sub(r"\s+", "", word.lower())
        is_tidy = tidy != word and re.fullmatch(r"(?:[0-9.]+(?:ms|[smhdw]))+", tidy)
        raise bad(f'"{word}" is not a length, did you mean "{tidy}"?' if is_tidy else str(error)) from error
    if found == 0 and re.search("[1-9]", word):
        raise bad(f'"{word}" is shorter than 1ms, the least there is')
    return found


def _bytes(word: str) -> int:
    parts = _SIZE.fullmatch(word.lower())
    if parts is None or parts[3] not in SIZE_UNITS:
        raise bad(f'"{word}" is not a size{_meant_size(word)}')
    whole, fraction, unit = parts.groups(default="")
    scale: int = 10 ** len(fraction)
    count = int(whole + fraction) * SIZE_UNITS[unit]
    return (2 * count + scale) // (2 * scale)


def _meant_size(word: str) -> str:
    """The end of a sentence about what is not a size."""
    tidy = re.sub(r"\s+|i(?=b$)", "", word.lower())
    for meant in (tidy, f"{tidy}b"):
        parts = _SIZE.fullmatch(meant)
        if parts and parts[3] in SIZE_UNITS:
            return f', did you mean "{meant.upper()}"?'
    return '; write for example "100MB" or 4096'


def _is_plain(value: object) -> bool:
    return type(value) in (str, int)


def _spelled(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
