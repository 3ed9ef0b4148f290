"""Places in TOML text: every key and value that the parser sees, and nothing else, where it stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from runwisp.tomlplaces import Path, Places

BLANK = st.sampled_from(["", " ", "\t", "  "])
LINES = st.sampled_from(["", "\n", "# [not.a.table]\n", ' # x = 1 "\n\n', "\t\n"])
BETWEEN = st.sampled_from(["", " ", "\n", " # ] } , \" '\n", "\n\n\t"])
BARE = st.text("abZ09_-", min_size=1, max_size=4)
KEYS = st.one_of(
    BARE,
    st.sampled_from(
        ['""', '"a b"', '"x.y"', '"q\\"]"', '"\\u0041=\\t\\\\"', "''", "'l\"i\\t'", "'#'", '"[x]"']
    ),
)
STRINGS = st.sampled_from(
    [
        '""',
        '"plain"',
        '"] } , # = \'"',
        '"\\"\\\\"',
        "''",
        "'\\'",
        "'\"#'",
        '""""""',
        '"""a""b"""',
        '"""\n[fake]\nx = 1\n"""',
        '"""ends in two"""""',
        '""" \\""" \\\\"""',
        '"""line \\\n  goes on"""',
        "''''''",
        "'''\n[[fake]]\n'x' ''y''\n'''",
        "'''\\'''''",
    ]
)
SCALARS = st.sampled_from(
    ["1", "-0.5e3", "true", "inf", "0xAf_1", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00.5", "07:32:00"]
)


@st.composite
def dotted(draw: st.DrawFn) -> str:
    keys = draw(st.lists(KEYS, min_size=1, max_size=3))
    return "".join(part for key in keys for part in (draw(BLANK), key, draw(BLANK), ".")).removesuffix(".")


def arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    @st.composite
    def array(draw: st.DrawFn) -> str:
        values = draw(st.lists(inner, max_size=3))
        last = draw(st.sampled_from([",", ""])) if values else ""
        return (
            "["
            + ",".join(draw(BETWEEN) + value + draw(BETWEEN) for value in values)
            + last
            + draw(BETWEEN)
            + "]"
        )

    return array()


def inline_tables(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    @st.composite
    def table(draw: st.DrawFn) -> str:
        pairs = draw(st.lists(st.tuples(dotted(), inner), max_size=3))
        return "{" + ",".join(f"{key}={draw(BLANK)}{value}{draw(BLANK)}" for key, value in pairs) + "}"

    return table()


VALUES = st.recursive(STRINGS | SCALARS, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=6)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Text that is mostly TOML; what is not is left out by the test."""
    text = draw(LINES)
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["pair", "pair", "table", "array"]))
        match kind:
            case "pair":
                text += f"{draw(dotted())}={draw(BLANK)}{draw(VALUES)}{draw(BLANK)}"
            case "table":
                text += f"[{draw(dotted())}]"
            case _:
                text += f"[[{draw(dotted())}]]"
        text += draw(st.sampled_from(["\n", ' # = ] "\n', "\n\n"])) + draw(LINES)
    return text


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    items: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for step, inner in items:
        yield (*path, step)
        yield from paths(inner, (*path, step))


def value_at(value: object, path: Path) -> object:
    for step in path:
        value = value[step]  # type: ignore[index]
    return value


@given(documents())
def test_exactly_what_the_parser_sees_has_a_place_and_it_is_where_the_value_begins(text: str) -> None:
    try:
        document = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return
    places = Places(text).of
    assert set(places) == set(paths(document))
    for path, place in places.items():
        match value_at(document, path):
            case str():
                assert text[place.value] in "\"'"
            case bool():
                assert text.startswith("true", place.value)
            case list() | dict():
                pass
            case _:
                assert text[place.value] in "-i01"


EXAMPLE = """\
# comment
"a b".c = [ 1,
  {x = "y"} ]
[tasks.one]
run = '''
[tasks.fake]
'''
  env = { A = "1", "B" = 2 }
[[notifier]]
[[notifier]]
[notifier.headers]
ä = 1
""".replace("ä", '"ä"')


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("a b",), (2, 1), (2, 11)),
        (("a b", "c"), (2, 7), (2, 11)),
        (("a b", "c", 0), (2, 13), (2, 13)),
        (("a b", "c", 1, "x"), (3, 4), (3, 8)),
        (("tasks",), (4, 2), (4, 2)),
        (("tasks", "one"), (4, 8), (4, 8)),
        (("tasks", "one", "run"), (5, 1), (5, 7)),
        (("tasks", "one", "env", "B"), (8, 20), (8, 26)),
        (("notifier", 0), (9, 3), (9, 3)),
        (("notifier", 1), (10, 3), (10, 3)),
        (("notifier", 1, "headers", "ä"), (12, 1), (12, 7)),
        (("tasks", "one", "missing"), (4, 8), (4, 8)),
        (("missing",), (1, 1), (1, 1)),
    ],
)
def test_line_and_column_count_from_one(path: Path, key: tuple[int, int], value: tuple[int, int]) -> None:
    places = Places(EXAMPLE)
    assert places.key(path) == key
    assert places.value(path) == value
